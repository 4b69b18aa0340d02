"""What the critique formats share (DeepCritic, paper 14): the prompt of a critic, and the critiques of each step that people bear out.

A critique counts when its verdict agrees with the person's label, a neutral step counting as right. The first source in order of name
is the initial critique; a person's words on the step, or else a second source, are the in-depth one; merged is both in one voice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.exporters.base import ExportAttempt, ExportRecord
from core.exporters.prm800k import step_ratings
from core.exporters.stepwise import numbered
from core.lessons.prompt import question_text
from core.types import StepLabel

INSTRUCTION = (
    "Go through the steps in order and judge each: is it right, given the problem and the steps before it? Stop at the first wrong "
    "step and give its number as \\boxed{number}; if every step is right, give \\boxed{-1}."
)
PLAIN = {True: "Nothing in this step is wrong.", False: "This step is wrong."}


@dataclass(frozen=True, slots=True)
class StepCritique:
    """Of step ``index`` (from 0): whether it is right, and what was said of it; ``""`` where nobody said anything that agrees."""

    index: int
    right: bool
    initial: str
    in_depth: str

    @property
    def merged(self) -> str:
        """One text in one voice; a plain verdict where there are no words."""
        if self.initial and self.in_depth:
            turn = "Looking at it again, that holds." if self.right else "Looking at it again from another side:"
            return f"{self.initial} {turn} {self.in_depth}"
        return self.initial or self.in_depth or PLAIN[self.right]


def judged(records: Iterator[ExportRecord]) -> Iterator[tuple[ExportRecord, ExportAttempt, list[StepCritique]]]:
    """Attempts whose steps were judged to the first wrong one, or all of them, with the critiques of each step."""
    for record in records:
        for attempt in record.attempts:
            ratings = step_ratings(attempt)
            if ratings and (ratings[-1] is StepLabel.WRONG or len(ratings) == len(attempt.steps)):
                yield record, attempt, [_critique(attempt, k, rating) for k, rating in enumerate(ratings)]


def _critique(attempt: ExportAttempt, index: int, rating: StepLabel) -> StepCritique:
    right = rating is not StepLabel.WRONG
    agreeing = [
        critique.explanation.strip()
        for critique in sorted(attempt.critiques, key=lambda c: c.source)
        if critique.step_index == index
        and (critique.label is not StepLabel.WRONG) is right
        and critique.explanation.strip()
    ]
    own = [c.text.strip() for c in attempt.corrections if c.step_index == index and c.text.strip()]
    if not right and not own:
        own = [c.text.strip() for c in attempt.corrections if c.step_index is None and c.text.strip()]
    initial = agreeing[0] if agreeing else ""
    second = own[-1] if own and not right else next((text for text in agreeing[1:] if text != initial), "")
    return StepCritique(index, right, initial, second)


def prompt(record: ExportRecord, attempt: ExportAttempt) -> str:
    """Problem, numbered steps and what to do."""
    return f"{question_text(record.question)}\n\n{numbered(attempt.steps)}\n\n{INSTRUCTION}"


def answer(critiques: Sequence[StepCritique]) -> int:
    """The number of the first wrong step from 1, or -1."""
    return -1 if critiques[-1].right else len(critiques)


def completion(texts: Sequence[str], number: int) -> str:
    """One block per step, then the answer."""
    blocks = [f"**Step {k}**: {text}" for k, text in enumerate(texts, 1)]
    return "\n\n".join([*blocks, f"**Answer**: \\boxed{{{number}}}"])
