"""Fix and break rates of lessons, worked out by hand, and when a lesson is proposed to be retired."""

from __future__ import annotations

import pytest

from core.reports.lesson_effect import LessonEffectReport, Trial, figures, net_interval, why_retire
from core.reports.loop import week_of


def pairs(n: int, without: bool, with_: bool, *, first: int = 0, lesson: int | None = None) -> list[Trial]:
    return [Trial(first + k, lesson, without, with_, "2025-01-06") for k in range(n)]


def test_rates_are_over_what_could_be_fixed_and_what_could_be_broken() -> None:
    found = figures(
        [
            *pairs(6, False, True),
            *pairs(4, False, False, first=10),
            *pairs(1, True, False, first=20),
            *pairs(9, True, True, first=30),
        ]
    )
    assert (found["n"], found["was_wrong"], found["was_right"]) == (20, 10, 10)
    assert (found["fixed"], found["broken"], found["fix_rate"], found["break_rate"]) == (6, 1, 0.6, 0.1)
    assert found["fix_interval"] == pytest.approx([0.3127, 0.8318], abs=1e-4)  # Wilson, 6 of 10
    assert found["break_interval"] == pytest.approx([0.0179, 0.4042], abs=1e-4)  # Wilson, 1 of 10
    assert (found["accuracy_without"], found["accuracy_with"], found["net"]) == (0.5, 0.75, 0.25)


def test_net_interval_by_hand() -> None:
    """(6 + 1) / 22 = .3182, (1 + 1) / 22 = .0909; difference .2273; half = 1.96 sqrt((.4091 - .0517) / 22) = .2498."""
    assert net_interval(6, 1, 20) == pytest.approx((-0.0226, 0.4771), abs=2e-4)


def test_nothing_to_fix_is_no_rate() -> None:
    found = figures(pairs(3, True, True))
    assert found["fix_rate"] is None and found["fix_interval"] is None and found["break_rate"] == 0
    assert figures([])["net"] is None


def test_an_item_that_was_tried_twice_counts_with_its_newest_trial() -> None:
    found = figures([*pairs(1, False, False), *pairs(1, False, True)])
    assert (found["n"], found["fixed"]) == (1, 1)


def test_report_over_time_and_per_lesson() -> None:
    rows = [
        Trial(1, None, False, True, "2024-12-30"),
        Trial(2, None, True, False, "2025-01-05"),
        Trial(2, None, True, True, "2025-01-06"),
        Trial(1, 7, True, False, "2025-01-06"),
    ]
    report = LessonEffectReport().compute(rows)
    assert (report["n"], report["fixed"], report["broken"]) == (2, 1, 0)
    assert [(week["week"], week["n"], week["broken"]) for week in report["weeks"]] == [
        ("2025-W01", 2, 1),
        ("2025-W02", 1, 0),
    ]
    assert report["lessons"][7]["broken"] == 1
    assert week_of("2024-12-30") == "2025-W01", "the year of the week, not of the day"


@pytest.mark.parametrize(
    ("fixed", "broken", "retire"),
    [(0, 5, True), (0, 4, False), (1, 7, True), (2, 6, False), (5, 0, False)],  # Wilson's low: .57, -, .53, .41, 0
)
def test_a_lesson_that_breaks_more_than_it_fixes_is_retired_on_evidence(fixed: int, broken: int, retire: bool) -> None:
    effect = figures([*pairs(fixed, False, True), *pairs(broken, True, False, first=100)])
    found = why_retire(effect, 0, 0)
    assert (found is not None) is retire
    if found:
        assert f"broke {broken} and fixed {fixed}" in found.reason and found.evidence == fixed + broken


@pytest.mark.parametrize(
    ("used", "not_relevant", "retire"), [(0, 6, True), (0, 5, False), (4, 8, False), (0, 0, False)]
)
def test_votes_retire_only_when_they_overwhelm(used: int, not_relevant: int, retire: bool) -> None:
    found = why_retire(figures([]), used, not_relevant)
    assert (found is not None) is retire
    if found:
        assert "not relevant 6 of 6 times" in found.reason
