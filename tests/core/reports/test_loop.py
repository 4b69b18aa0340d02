"""Corrections per item, fix rate and break rate against figures worked out by hand."""

from __future__ import annotations

import pytest

from core.reports import REGISTRY
from core.reports.base import HistoryRow
from core.reports.loop import ROUND


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


def test_rounds_part_the_items_in_order() -> None:
    rows = [row(3, "2026-01-01")] * ROUND + [row(1, "2026-01-02")] * 6
    got = REGISTRY.make("loop").compute(rows[::-1])
    assert [(r["round"], r["items"], r["corrections_per_item"]) for r in got["rounds"]] == [
        (1, ROUND, 3.0),
        (2, 6, 1.0),
    ]


def test_nothing_to_measure_is_none_and_not_zero() -> None:
    got = REGISTRY.make("loop").compute([])
    assert got["items"] == 0
    assert got["corrections_per_item"] is got["fix_rate"] is got["break_rate"] is None
    assert got["days"] == got["rounds"] == []
    assert REGISTRY.make("loop").compute([row(1)])["break_rate"] is None
