"""The papers' calculator check, and errors planted where they must be found."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest

from core.checkers.annotations import AnnotationsChecker, counts, value
from core.checkers.arithmetic import ArithmeticChecker
from core.checkers.planted import plant

RIGHT = (
    "Two bags hold 2*3=<<2*3=6>>6 apples.",
    "At $1.50 each, 4 × $1.50 = $6.00 in all.",
    "He spends 2 classes/day * 2 hours/class = 4 hours per day.",
    "So Greg washes 4 + 1 = 5 sets of sheets.",
    "She earns $2 x 5 = $10 per day.",
    "Half of it is 20% of 50 = 10.",
)


def test_counts_like_the_papers() -> None:
    found = counts(["<<2*3=6>>6 <<1/3=0.33>>0.33", "<<2*3=7>>7 <<2*3=8>>8", "<<x*3=7>>7 <<2^2=4>>4 <<5/0=1>>1", "none"])
    assert (found.equations, found.wrong, found.flagged) == (4, 2, 1)
    (wrong,) = AnnotationsChecker().check("so <<05*3=16>>16")
    assert (wrong.ok, wrong.fixes, wrong.error_class) == (False, ("15",), "calculation_error")
    assert "so <<05*3=16>>16"[wrong.start : wrong.end] == "05*3=16"


@pytest.mark.parametrize(
    ("text", "exact"), [("1,000/8", 125), ("-(2+3)*2", -10), ("$5+$1", 6), ("2**3", None), ("a+1", None), ("", None)]
)
def test_value(text: str, exact: int | None) -> None:
    assert value(text) == (None if exact is None else Fraction(exact))


@pytest.mark.parametrize("text", RIGHT)
def test_planted_errors_are_found(text: str) -> None:
    checker = ArithmeticChecker()
    assert all(finding.ok for finding in checker.check(text))
    for seed in range(6):
        made = plant(text, random.Random(seed))
        if made is None:
            assert "of 50" in text, "only this one's meaning hangs on its words"
            return
        assert made.text[: made.start] + made.was + made.text[made.end :] == text
        found = [f for f in checker.check(made.text) if not f.ok]
        assert found and found[0].start <= made.start <= found[0].end


@pytest.mark.parametrize(
    "text", ["5 miles/hour * 30 minutes = 2.5 miles", "2 hours * 60 = 120", "3 feet x 4 = 144 inches"]
)
def test_conversions_are_left_alone(text: str) -> None:
    assert all(finding.ok for finding in ArithmeticChecker().check(text))


def test_nothing_to_plant() -> None:
    assert plant("No numbers here.", random.Random(0)) is None
    assert plant("2*3=<<2*3=7>>7", random.Random(0)) is None, "what is wrong already is no place for another error"


DATA = Path(__file__).parents[4] / "shared" / "data"


def test_graded_solutions_count_as_published() -> None:
    """The part of MR-GSM8K that is here: half of the published set, by the same rule."""
    from tests.conftest import missing

    file = DATA / "mr_gsm8k" / "solutions.jsonl"
    if not file.exists():
        missing(f"{file} is not here")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    if len(rows) != 688:
        missing("another part of the set is here")
    clean = counts(["\n".join(row["steps"]) for row in rows if row["label"] == -1])
    faulty = counts(["\n".join(row["steps"]) for row in rows if row["label"] != -1])
    assert (clean.equations, clean.flagged, faulty.equations, faulty.flagged) == (71, 1, 124, 16)
    checker, first = AnnotationsChecker(), []
    for row in rows:
        wrong = [any(not one.ok for one in checker.check(step)) for step in row["steps"]]
        first += [wrong.index(True) == row["label"]] if row["label"] != -1 and any(wrong) else []
    assert (len(first), sum(first)) == (16, 11)  # as published, of all: 28 and 19


def test_slips_of_arithmetic_are_rare_as_published() -> None:
    """Paper 22 on all four models: 43 of 16,692 calculations, in 31 of 3,275 wrong solutions. Here: the two models that are here."""
    from tests.conftest import missing

    file = DATA / "gsm8k_solutions" / "solutions_6b.jsonl"
    if not file.exists():
        missing(f"{file} is not here")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    if len(rows) != 1274:
        missing("another part of the set is here")
    every = counts([row["solution"] for row in rows])
    faulty = counts([row["solution"] for row in rows if not row["is_correct"]])
    assert (every.equations, every.wrong) == (4000, 16)
    assert (sum(not row["is_correct"] for row in rows), faulty.flagged) == (889, 13)


def test_a_planted_mistake_changes_one_annotation_and_is_found() -> None:
    """Paper 40: at least .95 of those planted in worked references are found by the arithmetic checker."""
    from tests.conftest import missing

    file = DATA / "gsm8k_solutions" / "questions.jsonl"
    if not file.exists():
        missing(f"{file} is not here")
    rng, checker, planted, found = random.Random(40), ArithmeticChecker(), 0, 0
    for text in (json.loads(line)["reference"] for line in file.read_text().splitlines()):
        if (made := plant(text, rng)) is None:
            continue
        planted += 1
        assert (
            made.text[: made.start] + made.was + made.text[made.end :] == text
            and made.was != made.text[made.start : made.end]
        )
        found += any(not one.ok and one.start <= made.start <= one.end for one in checker.check(made.text))
    assert planted > 500 and found >= 0.95 * planted
