"""The form of a rule holds every rule and gives it back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from app.pages.rule_form import EMPTY, NAMES, form_values, rule_values, visible
from app.view.rules import in_words
from core.signals.rules import KINDS, spec

RULES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "pattern", "options": {"pattern": "a+"}}, "Found in the answer: a+"),
    (
        {"kind": "pattern", "field": "any", "options": {"pattern": "a", "absent": True}},
        "Not found in prompt, context or answer: a",
    ),
    ({"kind": "number", "options": {"take": "final", "check": "above", "value": 3}}, "The final answer is above 3"),
    (
        {"kind": "number", "options": {"take": "last", "check": "between", "low": 0, "high": 0.5}},
        "The last number of the answer is between 0 and 0.5",
    ),
    (
        {"kind": "number", "options": {"take": "pattern", "pattern": r"(\d+)", "check": "equal", "prompt_number": -1}},
        r"The number captured in the answer is equal to number -1 of the prompt (\d+)",
    ),
    ({"kind": "number", "options": {"take": "final", "check": "not_whole"}}, "The final answer is not whole"),
    (
        {"kind": "unit", "options": {"unit": "km", "check": "missing", "where": "final"}},
        "km is missing beside the final answer",
    ),
    (
        {"kind": "unit", "field": "prompt", "options": {"dimension": "money", "check": "there", "where": "anywhere"}},
        "a unit of money is there beside any number of the prompt",
    ),
    (
        {"kind": "json_schema", "options": {"schema": {"type": "object"}, "check": "passes"}},
        'The answer fits the schema {"type": "object"}',
    ),
    (
        {"kind": "length", "field": "prompt", "options": {"of": "words", "at_least": 0, "check": "within"}},
        "The prompt has at least 0 words",
    ),
    (
        {"kind": "length", "options": {"of": "steps", "at_least": 2, "at_most": 9, "check": "outside"}},
        "The answer does not have 2 to 9 steps",
    ),
]


@pytest.mark.parametrize(("rule", "words"), RULES)
def test_a_rule_goes_into_the_form_and_comes_out_as_it_was(rule: dict[str, Any], words: str) -> None:
    whole = spec({"name": "r", "says": "faulty", "evidence": "why", **rule}).model_dump()
    form = dict(zip(NAMES, form_values(whole), strict=True))
    assert rule_values(form) == whole
    assert " ".join(in_words(whole)).strip() == words


def test_every_kind_is_in_this_test_and_the_form_knows_every_control() -> None:
    assert {rule["kind"] for rule, _ in RULES} == set(KINDS) and set(EMPTY) == set(NAMES)


def test_what_does_not_belong_to_the_chosen_comparison_is_left_out() -> None:
    form = {**EMPTY, "kind": "number", "name": "r", "value": "5.0", "low": " 1.5", "high": "2"}
    assert rule_values({**form, "check": "above"})["options"] == {"take": "final", "check": "above", "value": 5}
    assert rule_values({**form, "check": "outside"})["options"] == {
        "take": "final",
        "check": "outside",
        "low": 1.5,
        "high": 2,
    }
    assert rule_values({**form, "check": "whole"})["options"] == {"take": "final", "check": "whole"}
    with pytest.raises(ValueError, match=r"options\.value: 'five' is not a number"):
        rule_values({**form, "check": "above", "value": "five"})
    with pytest.raises(ValueError, match="the schema is not JSON"):
        rule_values({**EMPTY, "kind": "json_schema", "schema": "{"})


def test_only_what_is_needed_is_seen() -> None:
    shown = [update["visible"] for update in visible("number", "between", "pattern")]
    assert shown == [False, True, False, False, False, True, False, False, True, True]
