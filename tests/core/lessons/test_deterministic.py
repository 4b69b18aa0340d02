"""Lessons from whole histories: what was finally right wins, and what teaches nothing is said to."""

from __future__ import annotations

import pytest

from core.lessons import REGISTRY
from core.lessons.base import History
from core.lessons.deterministic import DeterministicDistiller, inserted_steps
from core.lessons.parameters import find_parameter
from core.lessons.wording import instruction, says_nothing, sentences, with_slots, without_instances
from core.types import Attempt, CorrectionText, Dependency, LessonDraft, LessonKind, Question

PROMPT = "Sam has 5 apples and 12 friends in New York. What do the apples cost in dollars?"


def history(*said: str | CorrectionText, final: str | None = None, prompt: str = PROMPT) -> History:
    corrections = [s if isinstance(s, CorrectionText) else CorrectionText(i, s) for i, s in enumerate(said, 1)]
    attempts = [Attempt(c.id, f"Attempt {c.id}.", (), c) for c in corrections]
    return History(Question(prompt), tuple(attempts), final)


def distil(*said: str | CorrectionText, final: str | None = None) -> list[LessonDraft]:
    return list(DeterministicDistiller().distil(history(*said, final=final)))


def test_it_is_registered() -> None:
    assert isinstance(REGISTRY.make("deterministic"), DeterministicDistiller)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "wrong",
        "Wrong!",
        "No, that's not right.",
        "this is incorrect",
        "bad answer",
        "?!",
        "",
        "still wrong, try again",
    ],
)
def test_bare_disapproval_teaches_nothing(text: str) -> None:
    drafts, reasons = DeterministicDistiller().explain(history(text))
    assert drafts == []
    assert [r.correction_id for r in reasons] == [1]
    assert "what should be done instead" in reasons[0].reason
    assert says_nothing(text)


def test_steering_and_values_of_this_item_give_reasons() -> None:
    _, reasons = DeterministicDistiller().explain(history("Go on.", "Start over.", "7 * 8 is 56, not 54."))
    assert [r.correction_id for r in reasons] == [1, 2, 3]
    assert "carry on" in reasons[0].reason
    assert "begin again" in reasons[1].reason
    assert "this item only" in reasons[2].reason


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("You should always name the source.", "Name the source."),
        ("No, you forgot to check the units.", "Do not forget to check the units."),
        ("You confused the mean with the median.", "Do not confuse the mean with the median."),
        ("Never give medical advice", "Never give medical advice."),
        ("You must not divide by the unknown.", "Do not divide by the unknown."),
        ("This step assumes x is positive.", "Do not assume x is positive."),
        ("Sam cannot give away more than 5 apples", "<entity> cannot give away more than <quantity> apples."),
        ("In step 2 the sign is flipped.", "Avoid this mistake in a similar answer: the sign is flipped."),
        ("A prime has exactly two divisors.", "A prime has exactly two divisors."),
        ("Messages that ask for gift cards are spam.", "Messages that ask for gift cards are spam."),
    ],
)
def test_sentences_become_instructions(said: str, rule: str) -> None:
    assert instruction(said, PROMPT) == rule


def test_slots_only_for_what_the_prompt_holds() -> None:
    assert with_slots("Give 5 apples and 7 pears to Sam in New York, not Boston", PROMPT) == (
        "Give <quantity> apples and 7 pears to <entity> in <entity>, not Boston"
    )
    assert with_slots("Round to 5 decimals", PROMPT) == "Round to 5 decimals"
    assert with_slots("15 is not 5.5", PROMPT) == "15 is not 5.5"


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("use 3.14 for pi", "pi", "3.14"),
        ("Take g as 9.8.", "g", "9.8"),
        ("Round to two decimals", "rounding", "two decimals"),
        ("Please round money to 2 decimal places.", "rounding of money", "2 decimal places"),
        ("Answer in USD", "currency of the answer", "USD"),
        ("Report temperatures in Celsius.", "unit of the temperatures", "Celsius"),
        ("Translate 'Handy' as 'mobile phone'.", "Handy", "mobile phone"),
        ("Treat a year as 365 days", "year", "365 days"),
        ("Assume 30 days in a month", "days in a month", "30"),
        ("Use the metric system", "system of units", "metric"),
        ("Keep it to at most 50 words", "maximum length", "50 words"),
        ("Write dates as YYYY-MM-DD.", "form of dates", "YYYY-MM-DD"),
    ],
)
def test_values_have_a_name(said: str, name: str, value: str) -> None:
    parameter = find_parameter(said)
    assert parameter is not None
    assert (parameter.name, parameter.value) == (name, value)
    (draft,) = distil(said)
    assert (draft.kind, draft.name, draft.extra["value"]) == (LessonKind.PARAMETER, name, value)


@pytest.mark.parametrize(
    "said", ["7 * 8 is 56", "Step 3 divides by 4", "The distance is in km", "Use a different method", "always " * 300]
)
def test_no_value_where_none_is_set(said: str) -> None:
    assert find_parameter(said) is None


def test_the_value_that_was_finally_right_is_kept() -> None:
    drafts = distil("Round to two decimals.", "Name the source of each number.", "Sorry, round to three decimals.")
    values = [d for d in drafts if d.kind is LessonKind.PARAMETER]
    assert [(d.extra["value"], d.source_corrections) for d in values] == [("three decimals", (3,))]
    assert any(d.text == "Name the source of each number." for d in drafts)


def test_a_rule_that_was_turned_round_goes() -> None:
    drafts = distil("Number the headings of the text.", "Don't number the headings of the text.")
    assert [(d.text, d.source_corrections) for d in drafts] == [("Don't number the headings of the text.", (2,))]


def test_a_correction_can_be_taken_back() -> None:
    assert distil("Name the source of each number.", "Ignore my last correction.") == []


def test_the_same_said_twice_is_one_lesson_with_both_sources() -> None:
    drafts = distil("Always name the source of each number.", "You should always name the source of each number.")
    assert len([d for d in drafts if "source of each number" in d.text]) == 1
    assert drafts[0].source_corrections == (1, 2)


def test_missing_steps() -> None:
    (first,) = distil("You should first list what is given.")
    assert (first.kind, first.text) == (LessonKind.MISSING_STEP, "First list what is given.")
    (typed,) = distil(CorrectionText(1, "Count the empty case too.", error_type="missing_step"))
    assert typed.kind is LessonKind.MISSING_STEP
    inserted = distil(CorrectionText(1, "wrong", rewrite="First write down every known quantity.\nAttempt 1."))
    assert [d.kind for d in inserted] == [LessonKind.MISSING_STEP, LessonKind.EXEMPLAR]
    assert inserted[0].text == "Include this step: First write down every known quantity."
    assert inserted_steps("a b c", "a x b c") == []


def test_exemplar_from_the_accepted_answer_else_from_the_rewrite() -> None:
    exemplar = distil("no", CorrectionText(2, "wrong", rewrite="Mine."), final="Theirs.")[-1]
    assert exemplar.kind is LessonKind.EXEMPLAR
    assert exemplar.text == f"Question: {PROMPT}\nAnswer: Theirs."
    assert (exemplar.source_corrections, exemplar.extra["rejected"]) == ((1, 2), "Attempt 2.")
    assert distil(CorrectionText(1, "wrong", rewrite="Mine."))[-1].extra["answer"] == "Mine."


def test_no_exemplar_without_a_correction_or_a_change() -> None:
    assert list(DeterministicDistiller().distil(History(Question("q"), (Attempt(1, "x", ()),), "x"))) == []
    assert distil("no", final="Attempt 1.") == []


def test_every_draft_names_sources_applicability_and_why() -> None:
    drafts = distil("Round to two decimals. You should first list what is given. Name the source.", final="Better.")
    assert len(drafts) == 4
    for draft in drafts:
        assert draft.source_corrections == (1,)
        assert "Sam has" in draft.applicability
        assert draft.why


def test_restart_with_a_reason_teaches_the_reason() -> None:
    correction = CorrectionText(
        1, "Start over. Read the table before you compute anything.", dependency=Dependency.RESTART
    )
    assert [d.text for d in distil(correction)] == ["Read the table before you compute anything."]


def test_sentences_are_split() -> None:
    assert sentences("No. Use metres. Round to 3.5 here\nwrong\nName it.") == [
        "Use metres.",
        "Round to 3.5 here",
        "Name it.",
    ]


def test_terms_that_a_text_sets_apart_become_slots_for_search() -> None:
    assert without_instances("What is the opposite of < cod > ?") == "What is the opposite of <entity> ?"
    assert without_instances('Is "bank" the same as `shore`?') == "Is <entity> the same as <entity>?"
    assert without_instances("“all of it”") == "“all of it”", "nothing else would be left"
    for text in ("2 < 3 and 5 > 4", "if x<y then z>w", "a <<5*2=10>> b", "a < b and c > d"):
        assert without_instances(text) == text, "a comparison is no term"
