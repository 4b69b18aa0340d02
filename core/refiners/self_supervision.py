"""Asks again with the evidence of the signals and rules that fired against the answer (dynamic prompting of POLAR, paper 1).

The evidence stands grouped by the label or the step that it speaks of, each sentence once. Unlike the paper's, it is only what speaks
against the answer: here most sources cannot name another one, and what speaks for it would tell the model to keep it. What people
decided is left out as well: it is no evidence of rules, and the model would only repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.generators.base import Message
from core.lessons.prompt import quoted_text
from core.projects import ANNOTATORS
from core.refiners.base import REGISTRY, RefineInput
from core.refiners.self_examination import are_you_sure, second_turn
from core.types import Verdict, Vote

OTHERWISE = "It is possible that the answer could be something else. Here is some evidence to help you figure out the right answer."
MOST = 12  # sentences
LONGEST = 300  # characters of one


@REGISTRY.register("self_supervision")
class SelfSupervisionRefiner:
    """``token_budget`` is for the lesson slots of the first turn, as in ``core.lessons.prompt``."""

    name = "self_supervision"

    def __init__(self, token_budget: int = 400) -> None:
        self.token_budget = token_budget

    def messages(self, x: RefineInput) -> Sequence[Message]:
        """Without any evidence this is self-examination. ``ValueError`` without an attempt."""
        groups = evidence_against(x.votes, x.label)
        if not groups:
            return second_turn(x, self.token_budget, are_you_sure(x))
        listed = "\n\n".join(f"{head}\n" + "\n".join(f"- {text}" for text in texts) for head, texts in groups)
        return second_turn(x, self.token_budget, f"{OTHERWISE}\n\n{listed}\n\n{are_you_sure(x)}")


def evidence_against(votes: Sequence[Vote], label: str | None) -> list[tuple[str, list[str]]]:
    """(heading, sentences) in the order of labels, then of steps; at most twelve sentences, those without words left out."""
    found: dict[tuple[int, int, str], list[str]] = {}
    seen: set[str] = set()
    for vote in sorted(votes, key=lambda vote: vote.source):
        text = " ".join(quoted_text(vote.evidence).split())[:LONGEST]
        if not text or vote.error or vote.source == ANNOTATORS or not _against(vote, label):
            continue
        if text.casefold() in seen or len(seen) == MOST:
            continue
        seen.add(text.casefold())
        step = -1 if vote.step_index is None else vote.step_index
        found.setdefault((0, 0, vote.label) if vote.label else (1, step, ""), []).append(text)
    return [(_heading(key), found[key]) for key in sorted(found)]


def _against(vote: Vote, label: str | None) -> bool:
    return vote.verdict is Verdict.FAULTY or (vote.label is not None and vote.label != label)


def _heading(key: tuple[int, int, str]) -> str:
    _, step, label = key
    if label:
        return f'This speaks for "{label}":'
    return f"About step {step + 1}:" if step >= 0 else "About the answer as a whole:"
