"""Thought templates: the accepted approach with slots, only where a person corrected the plan."""

from __future__ import annotations

from core.lessons.base import History
from core.lessons.deterministic import DeterministicDistiller
from core.steps import split
from core.types import Attempt, CorrectionText, LessonDraft, LessonKind, Question, Scope

PROMPT = "Sam has 5 bags of 12 apples. How many apples does Sam have?"
FINAL = "1. Sam has 5 bags.\n2. Multiply the bags by 12.\n3. The answer is 60."


def history(said: str, scope: Scope, final: str = FINAL) -> History:
    wrong = Attempt(1, "1. 5 + 12 = 17.", split("1. 5 + 12 = 17."), CorrectionText(7, said, scope))
    return History(Question(PROMPT), (wrong, Attempt(2, final, split(final))), final)


def templates(one: History) -> list[LessonDraft]:
    return [draft for draft in DeterministicDistiller().distil(one) if draft.kind is LessonKind.TEMPLATE]


def test_a_corrected_plan_gives_the_approach_with_slots_and_the_key() -> None:
    (made,) = templates(history("You should multiply the bags by what is in them.", Scope.PLAN))
    assert "<quantity>" in made.text and "<entity>" in made.text
    assert "12" not in made.text and "Sam" not in made.text
    assert made.text.splitlines()[-1] == "Mind: Multiply the bags by what is in them."
    assert made.source_corrections == (7,)
    assert len(made.extra["steps"]) == 3


def test_a_slip_in_a_step_or_an_answer_without_steps_gives_none() -> None:
    assert templates(history("You should multiply.", Scope.SKILL)) == []
    assert templates(history("You should multiply the bags.", Scope.PLAN, final="60")) == []
