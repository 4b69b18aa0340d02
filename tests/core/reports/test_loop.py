"""Corrections per item, fix rate and break rate against figures worked out by hand."""

from __future__ import annotations

import pytest

from core.reports import REGISTRY
from core.reports.base import HistoryRow
from core.reports.loop import FEWEST


def row(
    corrections: int, day: str = "2026-01-01", *, accepted: bool = True, first: bool = True, last: bool = False
) -> HistoryRow:
    return HistoryRow(1, corrections, accepted, day, first, last)


def test_figures_by_hand() -> None:
    rows = [
        row(2, "2026-01-02"),  # fixed
        row(0, first=False),  # right from the start
        row(3, accepted=False, last=True),  # never fixed
        row(1, first=False, last=True, accepted=False),  # broken
        row(1),  # fixed
    ]
    got = REGISTRY.make("loop").compute(rows)
    assert (got["items"], got["accepted"], got["corrections"]) == (5, 3, 7)
    assert got["corrections_per_item"] == pytest.approx(1.0)
    assert got["first_attempt_right"] == pytest.approx(0.4)
    assert got["fix_rate"] == pytest.approx(2 / 3)
    assert got["break_rate"] == pytest.approx(0.5)
    assert [(d["day"], d["items"], d["corrections"]) for d in got["days"]] == [
        ("2026-01-01", 4, 5),
        ("2026-01-02", 1, 2),
    ]


def test_rounds_are_quarters_of_the_items_in_the_order_of_time() -> None:
    rows = [row(3, "2026-01-01")] * 10 + [row(1, "2026-01-02")] * 12
    got = REGISTRY.make("loop").compute(rows[::-1])
    assert [(r["round"], r["items"], r["corrections_per_item"]) for r in got["rounds"]] == [
        ("1", 6, 3.0),  # cuts at round(5.5) = 6, 11, round(16.5) = 16
        ("2", 5, pytest.approx((4 * 3 + 1) / 5)),
        ("3", 5, 1.0),
        ("4", 6, 1.0),
    ]
    assert all(r["enough"] for r in got["rounds"])
    assert REGISTRY.make("loop").compute(rows[: 4 * FEWEST - 1])["rounds"] == [], "too few items for four figures"


def test_rounds_are_weeks_once_there_are_enough_of_them() -> None:
    weeks = [("2026-01-05", 5), ("2026-01-12", 6), ("2026-01-19", 2), ("2026-01-26", 5)]
    rows = [row(4 - k, day) for k, (day, n) in enumerate(weeks) for _ in range(n)]
    got = REGISTRY.make("loop").compute(rows)["rounds"]
    assert [(r["round"], r["items"], r["corrections_per_item"], r["enough"]) for r in got] == [
        ("2026-W02", 5, 4.0, True),
        ("2026-W03", 6, 3.0, True),
        ("2026-W04", 2, 2.0, False),
        ("2026-W05", 5, 1.0, True),
    ]
    fewer = (
        [one for one in rows if one.day != "2026-01-26"]
        + [row(1, "2026-01-26")] * 4
        + [row(1, "2026-01-21")] * 2
        + [row(1, "2026-01-13")]
    )
    assert [r["round"] for r in REGISTRY.make("loop").compute(fewer)["rounds"]] == ["1", "2", "3", "4"]


def test_nothing_to_measure_is_none_and_not_zero() -> None:
    got = REGISTRY.make("loop").compute([])
    assert got["items"] == 0
    assert got["corrections_per_item"] is got["fix_rate"] is got["break_rate"] is None
    assert got["days"] == got["rounds"] == []
    assert REGISTRY.make("loop").compute([row(1)])["break_rate"] is None
