"""Asks the model whether it is sure, as a second turn after its answer (dynamic prompting of POLAR, paper 1).

Unlike the paper's, the question asks for the whole answer in its first form, since steps are judged here and not labels alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.generators.base import Message
from core.item_types import REGISTRY as ITEM_TYPES
from core.refiners.base import REGISTRY, RefineInput
from core.types import ItemType

SURE = (
    "Are you sure about your previous answer? If not, please give a new answer. "
    "Otherwise, please restate your previous answer."
)
FORM = "Either way, give the whole answer in the same form as before."


@REGISTRY.register("self_examination")
class SelfExaminationRefiner:
    """``token_budget`` is for the lesson slots of the first turn, as in ``core.lessons.prompt``."""

    name = "self_examination"

    def __init__(self, token_budget: int = 400) -> None:
        self.token_budget = token_budget

    def messages(self, x: RefineInput) -> Sequence[Message]:
        """The first prompt again, the model's own answer, and the question. ``ValueError`` without an attempt."""
        return second_turn(x, self.token_budget, are_you_sure(x))


def are_you_sure(x: RefineInput) -> str:
    return SURE if x.question.item_type is ItemType.LABEL else f"{SURE} {FORM}"


def second_turn(x: RefineInput, token_budget: int, asked: str) -> list[Message]:
    """The prompt is made anew, with the lessons that apply now: one that was retracted since must not come back."""
    if not x.attempts:
        raise ValueError("a second turn needs the model's own answer")
    spec = ITEM_TYPES.make(x.question.item_type.value)
    prompt, _ = spec.messages(x.question, x.lessons, token_budget)
    return [*prompt, Message("assistant", x.attempts[-1].text), Message("user", asked)]
