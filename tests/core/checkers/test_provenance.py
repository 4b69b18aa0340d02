from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkers.provenance import ProvenanceChecker


def unsupported(text: str, given_text: str = "") -> list[str]:
    return [text[f.start : f.end] for f in ProvenanceChecker().check(text, given_text) if not f.ok]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("She has 17 apples.", "Ann has 17 apples."),
        ("17 + 28 = 45 apples, so 45.", "She has 17 and he has 28."),
        ("17 + 28 is 45.", "She has 17 and he has 28."),
        ("<<17*28=476>>476 in all", "17 boxes of 28"),
        ("0.35 of them", "35% of them"),
        ("65% are left, so 0.65", "35% are gone"),
        ("that is 25", "twenty-five cents"),
        ("times 3", "triple the amount"),
        ("$1,350 in all", "It costs 1350 dollars."),
        ("There are 60 minutes, 24 hours, 365 days.", ""),
        ("Step 15: done", ""),
        ("1. a\n2. b\n13. c", ""),
        ("2x + 18 = 98, 2x = 80", "18 longer, 98 in all"),
        ("17 + 3 * 28 = 17 + 84 = 101", "17 and 28"),
    ],
)
def test_numbers_that_were_given_or_worked_out(text: str, question: str) -> None:
    assert unsupported(text, question) == []


@pytest.mark.parametrize(
    ("text", "question", "numbers"),
    [
        ("She has 18 apples.", "Ann has 17 apples.", ["18"]),
        ("17 * 29 = 493", "17 boxes of 28", ["29"]),
        ("It is 47, and 47 again.", "Nothing is given.", ["47"]),
        ("About 0.45 of them", "35% of them", ["0.45"]),
    ],
)
def test_numbers_from_nowhere(text: str, question: str, numbers: list[str]) -> None:
    assert unsupported(text, question) == numbers


def test_a_wrong_result_is_not_from_nowhere() -> None:
    assert unsupported("17 + 28 = 46, so 46 apples", "17 and 28") == []


def test_its_class_and_message() -> None:
    finding = next(f for f in ProvenanceChecker().check("It is 47.") if not f.ok)
    assert finding.error_class == "unsupported_number"
    assert finding.message == "The number 47 is neither in the question nor the result of a calculation."


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_no_text_makes_it_fail(text: str, question: str) -> None:
    for finding in ProvenanceChecker().check(text, question):
        assert text[finding.start : finding.end]


@pytest.mark.shared_data
def test_false_alarms_on_solutions_that_experts_found_clean(shared: Path) -> None:
    rows = [json.loads(line) for line in (shared / "data" / "mr_gsm8k" / "solutions.jsonl").read_bytes().splitlines()]
    flagged: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        flagged[row["label"] == -1].append(bool(unsupported("\n".join(row["steps"]), row["problem"])))
    clean, faulty = (sum(flagged[side]) / len(flagged[side]) for side in (True, False))
    assert clean <= 0.03
    assert faulty >= 2 * clean
