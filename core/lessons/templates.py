"""Thought templates (SuperCorrect, paper 2): the steps of an accepted answer with slots for its values, and the key to it.

In the paper a teacher model writes them. Here the accepted answer is the teacher, and the key is what a person said. Only a correction
of the whole approach gives one: for a slip in one step the rule is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.lessons.base import History
from core.lessons.wording import instruction, sentences, with_slots
from core.types import CorrectionText, LessonDraft, LessonKind, Scope, Step

FEWEST, MOST = 2, 12  # steps
STEP_CHARS = 240


def template(history: History, applicability: str) -> LessonDraft | None:
    """The approach of the accepted answer; ``None`` where nobody corrected the plan, or the answer has no steps."""
    corrections = [one.correction for one in history.attempts if one.correction is not None]
    plans = [one for one in corrections if one.scope is Scope.PLAN]
    steps = _accepted_steps(history)
    if not plans or not FEWEST <= len(steps) <= MOST:
        return None
    prompt = f"{history.question.context}\n{history.question.prompt}"
    shown = [_shortened(with_slots(" ".join(step.text.split()), prompt)) for step in steps]
    keys = list(dict.fromkeys(key for one in plans for key in _keys(one, prompt)))
    lines = [f"{number}. {text}" for number, text in enumerate(shown, 1)]
    said = [f"Mind: {' '.join(keys)}"] if keys else []
    return LessonDraft(
        kind=LessonKind.TEMPLATE,
        text="\n".join(["Approach:", *lines, *said]),
        applicability=applicability,
        source_corrections=tuple(one.id for one in plans),
        why="The approach of the accepted answer, after a correction of the plan",
        extra={"steps": [{"text": text} for text in shown], "generalized": " ".join(keys)},
    )


def _accepted_steps(history: History) -> Sequence[Step]:
    last = history.attempts[-1] if history.attempts else None
    return last.steps if last is not None and history.final is not None and last.text == history.final else ()


def _keys(correction: CorrectionText, prompt: str) -> list[str]:
    found = (instruction(sentence, prompt) for sentence in sentences(correction.text))
    return [one for one in found if one is not None]


def _shortened(text: str) -> str:
    return text if len(text) <= STEP_CHARS else text[: STEP_CHARS - 1].rsplit(" ", 1)[0] + "…"
