"""Rules of every kind: what they find, what they quote, what they refuse, and that none can hang or crash an analysis."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.signals.base import cast
from core.signals.rules import KINDS, RuleSpec, rule_signal, spec
from core.types import ItemType, Question, Verdict, Vote
from tests.core.signals.test_signals import seen


def said(kind: str, options: dict[str, Any], answer: str, prompt: str = "17 boxes of 28", **more: str) -> Vote:
    return rule_signal(kind, "r", options, says="faulty", **more).vote(seen(answer, prompt))


def test_a_pattern_that_should_be_there_and_is_not() -> None:
    rule = {"pattern": r"(?i)answer:", "absent": True}
    missing = said("pattern", rule, "It is 4", evidence="Say the answer.")
    assert (missing.verdict, missing.step_index) == (Verdict.FAULTY, None)
    assert missing.evidence == 'Say the answer ("(?i)answer:" is not found in the answer).'
    assert said("pattern", rule, "Answer: 4").abstains


def test_a_pattern_over_every_text_names_the_one_it_found() -> None:
    found = said("pattern", {"pattern": r"\d+ boxes"}, "4", field="any")
    assert found.evidence == 'Found "17 boxes" in the prompt.' and found.step_index is None
    assert said("pattern", {"pattern": "boxes", "absent": True}, "4", field="any").abstains
    assert said("pattern", {"pattern": "crates", "absent": True}, "4", field="any").verdict is Verdict.FAULTY


@pytest.mark.parametrize(
    ("options", "answer", "evidence"),
    [
        ({"check": "above", "value": 100}, "Answer: 476", 'The number "476" in the answer is above 100.'),
        ({"check": "above", "value": 100}, "Answer: 100", None),
        ({"check": "at_most", "value": 0.1}, "Answer: 0.1", 'The number "0.1" in the answer is at most 0.1.'),
        ({"check": "below", "value": 0}, "so x = -3", 'The number "-3" in the answer is below 0.'),
        ({"check": "below", "value": 0}, "so x = 9 - 3", None),
        (
            {"check": "outside", "low": 0, "high": 1, "take": "last"},
            "p is 0.5, no: 1.5",
            'The number "1.5" in the answer is not between 0 and 1.',
        ),
        ({"check": "between", "low": 0, "high": 1, "take": "first"}, "2, then 0.5", None),
        (
            {"check": "equal", "prompt_number": -1},
            "Answer: 28",
            'The number "28" in the answer is equal to 28 of the prompt.',
        ),
        ({"check": "equal", "prompt_number": 3}, "Answer: 28", None),
        ({"check": "not_whole"}, "Answer: 7/2", 'The number "7/2" in the answer is not whole.'),
        ({"check": "not_whole"}, "Answer: 7.0", None),
        (
            {"check": "above", "value": 2, "take": "pattern", "pattern": r"(?i)total of (\S+)"},
            "A total of $3.50 for 1",
            'The number "3.50" in the answer is above 2.',
        ),
        ({"check": "above", "value": 2}, "We cannot know it, really not at all", None),
    ],
)
def test_numbers_are_compared_exactly(options: dict[str, Any], answer: str, evidence: str | None) -> None:
    vote = said("number", options, answer)
    assert vote.evidence == (evidence or "") and vote.abstains == (evidence is None)


def test_a_number_names_its_step() -> None:
    vote = said("number", {"check": "above", "value": 5, "take": "last"}, "1. 2 + 2 = 4\n2. so 9 in all")
    assert (vote.step_index, vote.details) == (1, {"number": "9"})


@pytest.mark.parametrize(
    ("options", "answer", "evidence"),
    [
        ({"unit": "km"}, "Answer: 12 m", '"12 m" in the answer has "m", not km.'),
        ({"unit": "km"}, "Answer: 12", '"12" in the answer has no unit, not km.'),
        ({"unit": "km"}, "Answer: 12 kilometres", None),
        (
            {"unit": "km", "check": "there"},
            "Answer: 12 km",
            '"12 km" in the answer has the unit that the rule looks for.',
        ),
        ({"dimension": "money"}, "Answer: $12", None),
        ({"dimension": "money"}, "Answer: 3 million dollars", None),
        (
            {"dimension": "length"},
            "Answer: 5 square feet",
            '"5 square feet" in the answer has "square feet", not a unit of length.',
        ),
        ({"dimension": "length"}, "Answer: 5 m^2", '"5 m^2" in the answer has "m^2", not a unit of length.'),
        (
            {"dimension": "length"},
            "Answer: 60 miles per hour",
            '"60 miles per hour" in the answer has "miles per hour", not a unit of length.',
        ),
        ({"unit": "km/h"}, "Answer: 60 km/h", None),
        ({"unit": "apple"}, "Answer: 7 apples", None),
        ({"unit": "apples"}, "Answer: 7 pears", '"7 pears" in the answer has "pears", not apples.'),
        ({"unit": "km", "where": "anywhere"}, "It is 3 km, thus 4 here", None),
        ({"unit": "km"}, "Nobody can know that at all", None),
    ],
)
def test_units_and_dimensions(options: dict[str, Any], answer: str, evidence: str | None) -> None:
    vote = said("unit", options, answer)
    assert vote.abstains if evidence is None else vote.evidence == f"{evidence}", vote


PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "age": {"type": "integer"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ('{"name": "ann", "age": 3}', None),
        ('Here it is:\n```json\n{"name": "ann"}\n```', None),
        ("It is ann.", "the answer is not JSON"),
        ('{"name": NaN}', "NaN is no JSON value"),
        ("[" * 100_000, "the answer is not JSON"),
        ('{"age": 3}', "'name' is a required property"),
        ('{"name": "ann", "age": "3"}', "at $.age: '3' is not of type 'integer'"),
        ('{"name": "Ann"}', 'at $.name: "Ann" does not match "^[a-z]+$"'),
        ('{"name": "ann", "x": 1}', "Additional properties are not allowed"),
    ],
)
def test_json_is_checked_against_a_schema(answer: str, part: str | None) -> None:
    vote = said("json_schema", {"schema": PERSON}, answer)
    assert vote.abstains if part is None else part.lower() in vote.evidence.lower(), vote
    assert said("json_schema", {"schema": PERSON, "check": "passes"}, answer).abstains is (part is not None)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strange"}, "no JSON schema"),
        ({"$ref": "http://elsewhere.example/x"}, "outside of this schema"),
        ({"items": {"patternProperties": {"a": {}}}}, "patternProperties is not available"),
        ({"properties": {"a": {"pattern": "("}}}, "cannot be used"),
        ({"const": "x" * 20_001}, "at most 20,000"),
        ({"const": float("nan")}, "JSON values only"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rule_signal("json_schema", "r", {"schema": schema}, says="faulty")


def test_names_of_the_data_are_no_keywords() -> None:
    schema = {"properties": {"$ref": {"type": "string"}, "patternProperties": {}}, "enum": [{"$ref": "far"}]}
    assert rule_signal("json_schema", "r", {"schema": schema}, says="faulty")


def test_references_that_multiply_end_in_an_error() -> None:
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**defs, "d30": {"type": "integer"}}}
    started = time.process_time()
    vote = cast(rule_signal("json_schema", "r", {"schema": schema}, says="faulty"), seen("1"))
    assert vote.abstains and "go round" in vote.error and time.process_time() - started < 20


@pytest.mark.parametrize(
    ("options", "answer", "evidence"),
    [
        ({"at_least": 3}, "Too short", "The answer has 2 words, fewer than 3."),
        ({"at_least": 3}, "Not too short", None),
        ({"at_most": 5, "of": "characters"}, "123456", "The answer has 6 characters, more than 5."),
        ({"at_most": 1, "of": "sentences"}, "One. Two.", "The answer has 2 sentences, more than 1."),
        ({"at_least": 2, "of": "steps"}, "1. only this", "The answer has 1 step, fewer than 2."),
        ({"at_most": 5, "check": "within"}, "three small words", "The answer has 3 words, as many as it should."),
        ({"at_most": 2, "check": "within"}, "three small words", None),
    ],
)
def test_lengths(options: dict[str, Any], answer: str, evidence: str | None) -> None:
    assert said("length", options, answer).evidence == (evidence or "")


def test_a_rule_may_vote_a_label() -> None:
    question = Question("win cash now", item_type=ItemType.LABEL, labels=("spam", "ham"))
    rule = rule_signal("length", "short", {"at_least": 5}, field="prompt", says="spam")
    assert (rule.vote(seen("ham", question=question)).label, rule.name) == ("spam", "short")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "magic"}, "kind is 'magic', but may be 'pattern', 'number'"),
        ({"options": {"pattern": "a", "colour": 1}}, "options.colour is not known; there are: pattern, absent"),
        ({"options": {}}, "options.pattern is missing"),
        ({"options": {"patern": "a"}}, "options.patern is not known"),
        ({"options": {"pattern": 3}}, "options.pattern: input should be a valid string, not '3'"),
        ({"options": {"pattern": "("}}, "options.pattern: This pattern cannot be used"),
        ({"colour": "red"}, "colour is not known; there are: name, kind"),
        ({"name": " "}, "name: it must not be empty"),
        ({"name": "arithmetic"}, "is the name of a signal"),
        ({"name": "x" * 81}, "name: string should have at most 80"),
        ({"says": ""}, "says: string should have at least 1"),
        ({"field": "reference"}, "field is 'reference', but may be 'answer', 'prompt', 'context' or 'any'"),
        ({"kind": "number", "options": {"check": "above"}}, "say what to compare with"),
        ({"kind": "number", "options": {"check": "above", "value": True}}, "options.value"),
        ({"kind": "number", "options": {"check": "between", "low": 2, "high": 1}}, "low not above high"),
        ({"kind": "number", "options": {"check": "above", "value": 1, "prompt_number": 1}}, "and not both"),
        ({"kind": "number", "options": {"check": "whole", "value": 1}}, "compared with nothing"),
        ({"kind": "number", "options": {"check": "above", "value": float("inf")}}, "finite"),
        ({"kind": "number", "field": "prompt", "options": {"check": "whole"}}, "Only the answer has a final answer"),
        ({"kind": "unit", "options": {}}, "give a unit"),
        ({"kind": "length", "options": {}}, "give at_least"),
        ({"kind": "length", "field": "prompt", "options": {"of": "steps", "at_most": 1}}, "Only the answer has steps"),
    ],
)
def test_every_mistake_is_one_sentence_that_names_the_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        spec({"name": "r", "options": {"pattern": "a"}, "says": "faulty", **change})
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_what_a_rule_says_is_a_verdict_or_a_label_of_the_project() -> None:
    rule = RuleSpec(name="r", options={"pattern": "a"}, says="spam")
    rule.check_says(["spam", "ham"])
    with pytest.raises(ValueError, match="may say acceptable, faulty, ham"):
        rule.check_says(["ham"])


def test_every_kind_is_a_signal_of_its_own() -> None:
    from core.signals import REGISTRY

    assert set(KINDS) <= set(REGISTRY.names()) and len(KINDS) == 5
