"""Golden figures, worked by hand."""

from __future__ import annotations

import pytest

from core.reports import REGISTRY
from core.reports.notebook import NotebookReport, Outcome, entries, outcome
from tests.core.step_reviews import review


@pytest.mark.parametrize(
    ("said", "truth", "found"),
    [
        (1, 1, Outcome.AGREED),
        (-1, -1, Outcome.AGREED),
        (0, -1, Outcome.FALSE_ALARM),
        (0, 1, Outcome.FALSE_ALARM),
        (2, 1, Outcome.MISS),
        (-1, 1, Outcome.MISS),
    ],
)
def test_outcomes(said: int, truth: int, found: Outcome) -> None:
    assert outcome(said, truth) is found


def rows() -> list:  # type: ignore[type-arg]
    return [
        review(1, 1, output=1, said={"a": 1, "b": 0}),
        review(2, 2, output=2, said={"a": 1}),
        review(3, -1, output=3, day=8, said={"a": -1, "b": 2}),
        review(4, 0, output=4, day=8, said={"a": -1}),
        review(5, None, output=5, day=8, said={"a": 0}),
    ]


def test_each_critic_against_each_review_that_says_which_step() -> None:
    found = [(e.critic, e.review.review_id, e.outcome.value, e.near) for e in entries(rows())]
    assert found == [
        ("a", 1, "agreed", False),
        ("b", 1, "false_alarm", True),
        ("a", 2, "false_alarm", True),
        ("a", 3, "agreed", False),
        ("b", 3, "false_alarm", False),
        ("a", 4, "miss", False),
    ]


def test_figures_of_critics_and_weeks() -> None:
    found = REGISTRY.make("notebook").compute(rows())
    a, b = found["critics"]
    assert (a["critic"], a["n"], a["faulty"], a["clean"]) == ("a", 4, 3, 1)
    assert (a["agreed"], a["false_alarm"], a["miss"], a["near"]) == (2, 1, 1, 1)
    assert a["error_accuracy"] == pytest.approx(1 / 3) and a["clean_accuracy"] == 1.0
    assert a["f1"] == pytest.approx(0.5) and a["near_share"] == pytest.approx(1 / 3)
    assert (a["error_low"], a["error_high"]) == pytest.approx((0.0615, 0.7923), abs=1e-3)
    assert b["f1"] == 0.0
    weeks = [(w["week"], w["critic"], w["n"], w["agreed"], w["false_alarm"], w["miss"]) for w in found["weeks"]]
    assert weeks == [
        ("2026-03-09", "a", 2, 1, 0, 1),
        ("2026-03-09", "b", 1, 0, 1, 0),
        ("2026-03-02", "a", 2, 1, 1, 0),
        ("2026-03-02", "b", 1, 0, 1, 0),
    ]


def test_what_is_not_defined_is_none() -> None:
    (only,) = NotebookReport().compute([review(1, -1, said={"a": -1})])["critics"]
    assert only["error_accuracy"] is None and only["f1"] is None and only["error_low"] is None
    assert NotebookReport().compute([]) == {"critics": [], "weeks": []}
