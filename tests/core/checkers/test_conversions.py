from __future__ import annotations

from pathlib import Path

import pytest

from core.checkers.conversions import ConversionsChecker
from core.critics import REGISTRY
from core.critics.base import CriticInput
from core.evaluation.steps_formats import read
from core.steps import split
from core.types import Question, StepLabel


@pytest.mark.parametrize(
    "text",
    [
        "1 hour = 60 minutes",
        "100 cm + 1 m = 2 m",
        "2 hours and 15 minutes = 135 minutes",
        "1 1/2 hours = 90 minutes",
        "1/2 hour = 30 minutes",
        "100 minutes = 1.67 hours",
        "3 dozen eggs = 36 eggs",
        "12 inches = 1 foot",
        "So 4 quarters = 1 dollar.",
        "2,500 g = 2.5 kg",
    ],
)
def test_what_holds(text: str) -> None:
    assert [f.ok for f in ConversionsChecker().check(text)] == [True]


@pytest.mark.parametrize(
    ("text", "fix", "says"),
    [
        ("1 hour = 50 minutes", "60", "1 hour is 60 minutes, not 50 minutes."),
        ("100 cm + 1 m = 3 m", "2", "100 cm + 1 m is 2 m, not 3 m."),
        ("3 dozen = 30", "36", "3 dozen is 36, not 30."),
        ("10 cm = 1 m", "0.1", "10 cm is 0.1 m, not 1 m."),
    ],
)
def test_what_does_not(text: str, fix: str, says: str) -> None:
    (found,) = ConversionsChecker().check(f"Well, {text}.")
    assert (found.ok, found.fixes, found.message, found.error_class) == (False, (fix,), says, "unit_error")


@pytest.mark.parametrize(
    "text",
    [
        "1 day = 8 hours",
        "3 km = 2 miles",
        "2 * 3 km = 6000 m",
        "half of 2 hours = 60 minutes",
        "2 hours = 120 minutes * 3",
        "150 minutes = 2 hours 30 minutes",
        "2k = 14",
        "in 5 m = 10 m",
        "3/0 hours = 2 minutes",
        "5 miles = 10 minutes",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert ConversionsChecker().check(text) == []


def test_the_arithmetic_critic_names_the_kind_of_error() -> None:
    answer = "1. 2 hours = 100 minutes.\n2. 3 + 4 = 8"
    found = REGISTRY.make("arithmetic").critique([CriticInput(Question("?"), answer, tuple(split(answer)))])[0]
    assert [(c.step_index, c.label, c.error_type) for c in found] == [
        (0, StepLabel.WRONG, "unit_error"),
        (1, StepLabel.WRONG, "calculation_error"),
    ]


@pytest.mark.shared_data
def test_no_right_solution_is_flagged(shared: Path) -> None:
    for form, place in (
        ("processbench", "processbench"),
        ("mr_gsm8k", "mr_gsm8k"),
        ("gsm8k_solutions", "gsm8k_solutions"),
    ):
        for row in read(form, shared / "data" / place).rows:
            if not row.wrong:
                assert all(f.ok for f in ConversionsChecker().check("\n".join(row.steps))), row.id
