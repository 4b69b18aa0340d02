"""The second turn after a model's own answer: what it is asked, with which evidence, and what never gets there."""

from __future__ import annotations

from dataclasses import fields

import pytest

from core.refiners import REGISTRY
from core.refiners.base import RefineInput
from core.refiners.self_examination import FORM, SURE
from core.refiners.self_supervision import MOST, OTHERWISE, evidence_against
from core.types import Attempt, ItemType, LessonKind, LessonText, Question, Verdict, Vote

QUESTION = Question("What is 3 + 4?")
OWN = (Attempt(1, "3 + 4 = 8.\nAnswer: 8", ()),)
VOTES = (
    Vote("arithmetic", Verdict.FAULTY, evidence="3 + 4 = 8 should be 7", step_index=0),
    Vote("provenance", Verdict.FAULTY, evidence="8 is nowhere given"),
    Vote("agreement", Verdict.ACCEPTABLE, evidence="2 of 3 agree"),
    Vote("rule-b", Verdict.FAULTY, evidence="3 + 4 = 8  should be 7", step_index=0),
    Vote("logprob", evidence="too few answers"),
    Vote("broken", Verdict.FAULTY, evidence="never seen", error="it threw"),
    Vote("annotators", Verdict.FAULTY, evidence="2 of 2 people said faulty."),
)


def asked(name: str, **more: object) -> list[tuple[str, str]]:
    given = RefineInput(**{"question": QUESTION, "attempts": OWN, "correction": None, "votes": VOTES, **more})  # type: ignore[arg-type]
    return [(message.role, message.content) for message in REGISTRY.make(name).messages(given) or ()]


@pytest.mark.parametrize("name", ["self_examination", "self_supervision"])
def test_the_question_comes_after_the_prompt_and_the_models_own_answer(name: str) -> None:
    turns = asked(name)
    assert [role for role, _ in turns] == ["system", "user", "assistant", "user"]
    assert turns[1][1] == "What is 3 + 4?"
    assert turns[2][1] == OWN[0].text
    assert turns[3][1].endswith(f"{SURE} {FORM}")
    assert "correction" not in " ".join(text for _, text in turns).casefold()


def test_self_examination_shows_no_evidence() -> None:
    assert asked("self_examination")[-1][1] == f"{SURE} {FORM}"


def test_self_supervision_lists_what_speaks_against_grouped_and_once() -> None:
    said = asked("self_supervision")[-1][1]
    assert said.startswith(OTHERWISE)
    assert said.count("3 + 4 = 8 should be 7") == 1
    assert "About the answer as a whole:\n- 8 is nowhere given\n\nAbout step 1:\n- 3 + 4 = 8 should be 7" in said
    for absent in ("2 of 3 agree", "too few answers", "never seen", "people said"):
        assert absent not in said


def test_labels_are_named_with_what_speaks_for_them() -> None:
    question = Question("Win a prize now", item_type=ItemType.LABEL, labels=("spam", "ham"))
    votes = (Vote("a", label="spam", evidence="says prize"), Vote("b", label="ham", evidence="is short"))
    said = asked("self_supervision", question=question, attempts=(Attempt(1, "ham", ()),), votes=votes, label="ham")[
        -1
    ][1]
    assert 'This speaks for "spam":\n- says prize' in said
    assert "is short" not in said
    assert said.endswith(SURE)


def test_without_evidence_it_only_asks() -> None:
    assert asked("self_supervision", votes=()) == asked("self_examination", votes=())


def test_evidence_is_bounded() -> None:
    many = [Vote(f"s{n:02}", Verdict.FAULTY, evidence=f"{n} " + "x" * 900) for n in range(40)]
    ((_, texts),) = evidence_against(many, None)
    assert len(texts) == MOST
    assert max(map(len, texts)) <= 300


def test_lessons_that_apply_now_are_in_the_first_turn() -> None:
    lesson = LessonText(1, LessonKind.RULE, "Add from right to left.", "sums")
    assert "Add from right to left." in asked("self_examination", lessons=(lesson,))[0][1]


def test_no_refiner_is_given_a_reference() -> None:
    assert not {f.name for f in (*fields(RefineInput), *fields(Question))} & {"reference", "gold", "answer"}


def test_an_attempt_is_needed_and_feedback_needs_a_correction() -> None:
    with pytest.raises(ValueError, match="own answer"):
        asked("self_examination", attempts=())
    with pytest.raises(ValueError, match="correction"):
        asked("feedback")
