"""Figures of risk against values worked out by hand, and what a threshold would mean."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.reports import REGISTRY
from core.reports.base import JudgedRisk
from core.reports.calibration import FIGURES, POINTS, CalibrationReport, expectations, figures

KEYS = {
    "n", "error", "ece", "r2", "auroc", "auprc", "top5_error", "top10_error", "top20_error",
    "coverage_at_05", "coverage_at_10", "coverage_at_20", "reliability", "risk_coverage",
}  # fmt: skip


def test_golden_figures() -> None:
    got = figures([0.05, 0.08, 0.95, 0.85, 0.82], [0, 1, 1, 0, 1])
    assert set(got) == KEYS
    assert got["n"] == 5
    assert got["error"] == pytest.approx(0.6)
    assert got["ece"] == pytest.approx(0.318)  # given by paper 1's page
    assert got["auroc"] == pytest.approx(4 / 6)
    assert got["auprc"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert got["top5_error"] == got["top10_error"] == got["top20_error"] == 1.0
    assert got["coverage_at_05"] == pytest.approx(0.2)
    lowest = got["reliability"][0]
    assert (lowest["low"], lowest["high"], lowest["count"], lowest["error"]) == (0.0, 0.1, 2, 0.5)
    assert lowest["mean_risk"] == pytest.approx(0.065)
    assert lowest["error_low"] == pytest.approx(0.0945, abs=1e-4)
    assert lowest["error_high"] == pytest.approx(0.9055, abs=1e-4)
    assert got["risk_coverage"][-1] == {"threshold": 0.95, "coverage": 1.0, "error": pytest.approx(0.6)}


def test_what_is_not_defined_is_null_and_not_nan() -> None:
    got = figures([0.1, 0.2], [0, 0], bootstrap_rounds=5)
    assert got["auroc"] is None
    assert got["auprc"] is None
    assert got["intervals"]["auroc"] == [None, None]
    json.dumps(got, allow_nan=False)


def test_intervals_hold_the_figure_and_follow_the_seed() -> None:
    rng = np.random.default_rng(3)
    risks = rng.random(400)
    wrong = rng.random(400) < risks
    got = figures(risks, wrong, bootstrap_rounds=100, seed=1)
    assert set(got["intervals"]) == set(FIGURES)
    low, high = got["intervals"]["auroc"]
    assert low < got["auroc"] < high
    assert got == figures(risks, wrong, bootstrap_rounds=100, seed=1)
    assert got["intervals"] != figures(risks, wrong, bootstrap_rounds=100, seed=2)["intervals"]


def test_repeated_rows_of_one_group_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(4)
    risks = rng.random(60)
    wrong = rng.random(60) < risks
    groups = [g for g in range(60) for _ in range(8)]
    many = (np.repeat(risks, 8), np.repeat(wrong, 8))
    low, high = figures(*many, groups=groups, bootstrap_rounds=200)["intervals"]["error"]
    naive_low, naive_high = figures(*many, bootstrap_rounds=200)["intervals"]["error"]
    assert high - low > 2 * (naive_high - naive_low)


def test_the_curve_is_thinned_and_keeps_its_ends() -> None:
    risks = np.linspace(0, 1, 5000)
    points = figures(risks, np.arange(5000) % 2)["risk_coverage"]
    assert len(points) <= POINTS
    assert points[0]["threshold"] == 0.0
    assert (points[-1]["threshold"], points[-1]["coverage"], points[-1]["error"]) == (1.0, 1.0, 0.5)


@pytest.mark.parametrize("risks", [[], [1.2, 0.1], [float("nan"), 0.1], [0.1, 0.2, 0.3]])
def test_bad_input_is_refused(risks: list[float]) -> None:
    with pytest.raises(ValueError):
        figures(risks, [0, 1])


def test_what_a_threshold_would_mean() -> None:
    audited = ([0.1, 0.2, 0.3, 0.7], [0, 1, 0, 1])
    low, middle, high = expectations([0.1, 0.4, 0.6, 0.9], [0.0, 0.6, 1.1], [0.2, 0.4, 0.6, 0.8], audited=audited)
    assert (low["to_people"], low["pass"], low["expected_error"], low["observed_error"]) == (4, 0, None, None)
    assert (middle["to_people"], middle["pass"]) == (2, 2)  # a risk equal to the threshold goes to people
    assert middle["expected_error"] == pytest.approx(0.3)
    assert (middle["observed"], middle["observed_error"]) == (3, pytest.approx(1 / 3))
    assert middle["observed_low"] < 1 / 3 < middle["observed_high"]
    assert (high["to_people"], high["expected_error"]) == (0, pytest.approx(0.5))


def test_entries_may_stand_for_many_outputs_and_risk_may_be_uncalibrated() -> None:
    (got,) = expectations([0.1, 0.9], [0.5], [0.1, 0.9], counts=[300, 100])
    assert (got["to_people"], got["pass"], got["expected_error"]) == (100, 300, pytest.approx(0.1))
    assert expectations([0.1], [0.5])[0]["expected_error"] is None
    with pytest.raises(ValueError):
        expectations([0.1], [0.5], [0.1, 0.2])


def test_the_report_compares_before_and_after_on_the_same_rows() -> None:
    rows = [JudgedRisk(0.9, 0.5, i % 2 == 0, f"item {i}") for i in range(40)]
    got = REGISTRY.make("calibration", bootstrap_rounds=20).compute([*rows, JudgedRisk(None, 0.1, True)])
    assert got["before"]["n"] == got["after"]["n"] == 40
    assert got["before"]["ece"] == pytest.approx(0.4)
    assert got["after"]["ece"] == pytest.approx(0.0)
    assert set(CalibrationReport(0).compute([JudgedRisk(None, 0.1, True)])) == {"after"}
    assert CalibrationReport(0).compute([]) == {}
