"""Medians, quartiles and the interval of a median, against tables and by hand."""

from __future__ import annotations

import random
from time import perf_counter

import pytest

from core.reports.agreement import Judgement
from core.reports.time_per_item import EXACT, TimePerItemReport, figures, median_interval


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (10, 2), (15, 4), (20, 6), (25, 8), (50, 18), (100, 40)])
def test_ranks_of_the_interval_are_those_of_the_tables(n: int, rank: int) -> None:
    """Two-sided sign test at 5 % (Conover 1999; Dixon and Massey): the rank-th smallest and the rank-th largest value."""
    assert median_interval(list(range(1, n + 1))) == (rank, n + 1 - rank)


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    draw = random.Random(0)
    held = 0
    for _ in range(2000):
        low, high = median_interval([draw.expovariate(1) for _ in range(25)])
        held += low <= 0.6931 <= high
    assert held / 2000 >= 0.945


def test_many_values_are_quick_and_go_on_where_the_exact_ranks_end() -> None:
    for n in range(EXACT - 60, EXACT + 1):
        assert abs(int((n - 1.96 * n**0.5 - 1) / 2) + 1 - median_interval(range(1, n + 1))[0]) <= 1
    began = perf_counter()
    low, high = median_interval(range(20_000))
    assert perf_counter() - began < 0.5 and (low, high) == pytest.approx((9860, 10139), abs=2)


def test_by_hand_and_few() -> None:
    found = figures([float(n) for n in range(1, 12)])
    assert (found["n"], found["median"], found["q1"], found["q3"]) == (11, 6, 3.5, 8.5)
    assert figures([1.0] * 9) == {"n": 9, "median": None, "low": None, "high": None, "q1": None, "q3": None}


def test_people_most_reviews_first_and_untimed_ones_nowhere() -> None:
    rows = [Judgement(n, 1, "ann", True, 30.0) for n in range(12)]
    rows += [Judgement(n, 2, "bob", True, 60.0 + n) for n in range(20)] + [Judgement(9, 3, "eve", True)]
    report = TimePerItemReport().compute(rows)
    assert [(one["name"], one["n"]) for one in report["people"]] == [("bob", 20), ("ann", 12)]
    assert report["people"][1]["median"] == report["people"][1]["high"] == 30
    assert report["overall"]["n"] == 32
