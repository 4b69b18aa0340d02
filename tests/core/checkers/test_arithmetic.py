from __future__ import annotations

import gc
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkers.arithmetic import ArithmeticChecker, equations, written


def verdicts(text: str) -> list[bool]:
    return [finding.ok for finding in ArithmeticChecker().check(text)]


@pytest.mark.parametrize(
    "text",
    [
        "12 * 4 = 48",
        "12 x 4 = 48",
        "12x4=48",
        "12 × 4 = 48 apples",
        "12 · 4 = 48",
        "48 ÷ 4 = 12",
        "2^5 = 32",
        "2**5 = 32",
        "5² = 25",
        "(3 + 4) * 2 = 14",
        "3(4) = 12",
        "10 − 3 = 7",
        "10 – 3 = 7",
        "$3.50 * 2 = $7",
        "$5 - $7 = -$2",
        "1,200 + 34 = 1,234",
        "10 / 3 = 3.33",
        "2 / 3 = 0.66",
        "2 / 3 = 0.67",
        "200 / 3 = 67",
        "200 / 3 ≈ 66.5",
        "1 / 3 = 0.3333333333333333",
        "0.1 * 3 = 0.30000000000000004",
        "20% of 50 = 10",
        "50 * 20% = 10",
        "5/20 = 25%",
        "100 + 20% = 120",
        "1/2 of 10 = 5",
        "12 boys + 6 girls = 18 kids",
        "3 times 4 = 12",
        "10 divided by 4 = 2.5",
        "\\frac{1}{2} + \\frac{1}{4} = \\frac{3}{4}",
        "6 \\times 7 = 42",
        "2 1/2 * 2 = 5",
        "5 * $2 = $10/day",
        "12 * 4 = <<12*4=48>>48",
        "- 3 + 4 = 7",
        "1. 3 + 4 = 7",
        "**12 * 4 = 48**",
        "12 * 4 = 48 - that is all",
        "12 = 3 * 4",
        "f(3) = f(1)+f(2) = 3 + 4 = 7",
        "so x = 3 + 4 = 7",
    ],
)
def test_calculations_that_hold(text: str) -> None:
    found = verdicts(text)
    assert found
    assert all(found)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("12 * 4 = 46", "12 × 4 is 48, not 46.", "48"),
        ("So 12 x 4 = 46 apples.", "12 × 4 is 48, not 46.", "48"),
        ("<<12*4=46>>46", "12 × 4 is 48, not 46.", "48"),
        ("10 / 4 = 3.5", "10 / 4 is 2.5, not 3.5.", "2.5"),
        ("10 / 3 = 3.5", "10 / 3 is 3.33, not 3.5.", "3.33"),
        ("$5 - $7 = $2", "$5 - $7 is -2, not $2.", "-2"),
        ("2^5 = 10", "2^5 is 32, not 10.", "32"),
        ("f(3) = f(1)+f(2) = 3 + 4 = 8", "3 + 4 is 7, not 8.", "7"),
        ("12 boys + 6 girls = 19 kids", "12 boys + 6 girls is 18, not 19.", "18"),
        ("1,200 + 34 = 1,235", "1,200 + 34 is 1234, not 1,235.", "1234"),
    ],
)
def test_a_wrong_result_is_found_with_its_place_and_fix(text: str, message: str, fix: str) -> None:
    wrong = [finding for finding in ArithmeticChecker().check(text) if not finding.ok]
    assert [(f.message, f.fixes, f.error_class) for f in wrong] == [(message, (fix,), "calculation_error")]
    assert "=" in text[wrong[0].start : wrong[0].end]


@pytest.mark.parametrize(
    "text",
    [
        "On 2020-01-02 = a date",
        "pages 3-4",
        "1/2 cup",
        "call 555-0100",
        "2x = 6",
        "2x + 3 = 7",
        "3 + x = 8",
        "x + 3 + 4 = 9",
        "3 + 4 = 2x",
        "5a + 3b = 9",
        "f(3) = 4",
        "f(1) + f(2) = 5",
        "5! / 3! = 20",
        "\\sqrt{16} + 2 = 6",
        "log 100 + 1 = 3",
        "3:4 = 6:8",
        "1 hour + 30 minutes = 90 minutes",
        "2 dozen + 1 = 25",
        "half of 10 + 2 = 7",
        "17 / 5 = 3 remainder 2",
        "7 * 8 = 2 (mod 9)",
        "Day 2 = 3 * 4",
        "5 hours = 5 * 60 minutes",
        "1,5 * 2 = 3",
        "1 000 * 3 = 3000",
        "10:30 + 2 = 12:30",
        "50% = 0.5",
        "3 + ? = 7",
        "4 / 0 = 0",
        "9^999999999 = 1",
    ],
)
def test_what_is_not_a_calculation_is_left_alone(text: str) -> None:
    assert all(verdicts(text))


def test_a_run_on_chain_is_a_habit_and_not_an_error() -> None:
    assert verdicts("5 + 3 = 8 * 2 = 16") == [True, True]
    assert verdicts("5 + 3 = 9 * 2 = 18") == [False, True]


def test_prose_that_contradicts_its_annotation_is_reported_once() -> None:
    assert verdicts("6 * 4 = <<6*4=24>>24") == [True]
    assert verdicts("6 * 4 = <<6*4=24>>26") == [False, True]


def test_spans_index_the_text() -> None:
    text = "First. 12 * 4 = 46 then <<3*3=8>>8."
    assert [text[f.start : f.end] for f in ArithmeticChecker().check(text)] == ["12 * 4 = 46", "3*3=8"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+-*/^=()x %$.,<>{}\\fracab\n½²!", max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    for finding in ArithmeticChecker().check(text):
        assert 0 <= finding.start < finding.end <= len(text)


@given(st.integers(-999, 999), st.integers(-999, 999), st.sampled_from("+-*"), st.integers(-5, 5))
def test_integers_are_checked_exactly(a: int, b: int, sign: str, off: int) -> None:
    right = {"+": a + b, "-": a - b, "*": a * b}[sign] + off
    assert verdicts(f"It is ({a}) {sign} ({b}) = {right}.") == [off == 0]


@pytest.mark.parametrize(
    "unit", ["(", "1+", "1=", "((1)+", "2^", "1/", "- ", "<<", "1 ", "<<1=", "a=", "\\frac{", "$", "x1", "9"]
)
def test_the_time_of_long_texts_grows_with_their_length(unit: str) -> None:
    """Four times the length takes about four times as long; sixteen times would be a text that holds up a worker."""

    def seconds(length: int) -> float:
        started = time.process_time()
        equations((unit * length)[:length] + "=1")
        return time.process_time() - started

    seconds(1000)  # what is made once
    gc.disable()  # one look for garbage among all that a test run holds takes seconds, and none of them is spent here
    try:
        short, long = min(seconds(25_000) for _ in range(2)), seconds(100_000)
    finally:
        gc.enable()
    assert long < 9 * short + 0.2, f"{short:.2f} s for a quarter of the length, {long:.2f} s for the whole"


def test_how_results_are_written() -> None:
    from fractions import Fraction

    assert [written(Fraction(*f)) for f in [(48, 1), (5, 2), (-1, 4), (2, 3), (-1, 1000), (1, 10**9)]] == [
        "48", "2.5", "-0.25", "0.67", "-0.001", "0.00",
    ]  # fmt: skip


@pytest.mark.shared_data
def test_count_of_wrong_annotations_in_gsm8k_solutions(shared: Path) -> None:
    rows = [
        json.loads(line)
        for line in (shared / "data" / "gsm8k_solutions" / "solutions_6b.jsonl").read_bytes().splitlines()
    ]
    annotated = [e for row in rows for e in equations(row["solution"]) if e.annotated]
    assert sum(len(re.findall(r"<<[^<>\n]+>>", row["solution"])) for row in rows) == 4001
    assert (len(annotated), sum(not e.ok for e in annotated)) == (3976, 17)


@pytest.mark.shared_data
def test_false_alarms_on_solutions_that_experts_found_clean(shared: Path) -> None:
    rows = [json.loads(line) for line in (shared / "data" / "mr_gsm8k" / "solutions.jsonl").read_bytes().splitlines()]
    first_wrong = [
        next((k for k, step in enumerate(r["steps"]) if any(not e.ok for e in equations(step))), -1) for r in rows
    ]
    clean = [wrong for row, wrong in zip(rows, first_wrong, strict=True) if row["label"] == -1]
    hits = [
        wrong == row["label"] for row, wrong in zip(rows, first_wrong, strict=True) if row["label"] >= 0 and wrong >= 0
    ]
    assert sum(wrong >= 0 for wrong in clean) <= 0.01 * len(clean)
    assert len(hits) >= 0.25 * (len(rows) - len(clean))
    assert sum(hits) >= 0.7 * len(hits)


@pytest.mark.parametrize(
    "text",
    [
        "A_{61} + 2 = A_{49} + 14 = 7 + 14",
        "The half-life t_{1/2} = 12.5 years",
        "so a\\left(\\frac{3}{2}\\right)^2 = 36",
        "2044 - 1156 = 4 * AC * BC",
        "3.34 + 1600 / 60 = 3.34 + 26.67",
        "3.61 * 10^2 / 1.414 = 2.55 * 10^2",
        "2/3 = 67%",
        "10 / 30 = 33.3%",
        "10 / 3 = 3.33",
    ],
)
def test_left_alone_or_right(text: str) -> None:
    assert [f.message for f in ArithmeticChecker().check(text) if not f.ok] == []


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("3/4 = 70%", "0.75"),
        ("10 / 3 = 3.4", "3.33"),
        ("3.34 + 1600 / 60 = 3.34 + 29.67", "30.01"),
        ("= **4 * 2 = 9** apples", "8"),
    ],
)
def test_wrong_however_it_is_written(text: str, fix: str) -> None:
    assert [f.fixes for f in ArithmeticChecker().check(text) if not f.ok] == [(fix,)]
