"""The curve over corrections: known curves are found, impossible ones are not believed, and real figures are forecast."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.reports.learning_curve import LearningCurveReport, Point, Status, fit, trace


def _curve(seed: int, *, step: float = 500, n: int = 40, noise: float = 0.002) -> list[Point]:
    draw = np.random.default_rng(seed)
    xs = step * np.arange(1, n + 1)
    return [Point(float(x), float(0.92 - 0.9 * x**-0.5 + draw.normal(0, noise))) for x in xs]


def test_a_known_curve_is_found() -> None:
    trend = fit(_curve(0, noise=0))
    assert trend is not None
    assert (trend.a, trend.b, trend.c) == pytest.approx((0.9, 0.5, 0.92), rel=1e-3)


def test_with_noise_the_asymptote_is_near_by_level_12_and_it_stops_in_time() -> None:
    near, stops = [], []
    for seed in range(9):
        points = _curve(seed)
        near.append(abs(trace(points[:12])[-1].c - 0.92))
        reports = [LearningCurveReport().compute(points[:level]) for level in range(4, 25)]
        stops.append(any(report["status"] is Status.STOP for report in reports))
    assert np.median(near) <= 0.01
    assert sum(stops) >= 8, "before 60 % of the points"


def test_what_cannot_be_is_not_predicted() -> None:
    """A success that grows with the logarithm of the attempts leads above 1: the answer is "cannot say yet"."""
    points = [Point(float(x), 0.3 + 0.12 * float(np.log(x))) for x in range(1, 100, 3)]
    report = LearningCurveReport().compute(points)
    assert report["status"] is Status.NOT_PREDICTABLE and report["gain"] is None


@pytest.mark.parametrize(
    ("points", "status"),
    [
        ([], Status.FEW),
        ([Point(10, 0.5)] * 3, Status.FEW),
        ([Point(float(x), 0.9 - 0.01 * x, 20) for x in range(1, 30)], Status.FALLING),
        ([Point(0.0, 0.1), Point(-5.0, 0.2)], Status.FEW),
    ],
    ids=["nothing", "few", "falling", "no corrections"],
)
def test_odd_input_has_an_answer(points: list[Point], status: Status) -> None:
    assert LearningCurveReport().compute(points)["status"] is status


def test_chance_is_no_fall() -> None:
    """Points of twenty answers move by ten points by chance alone."""
    for seed in range(20):
        draw = np.random.default_rng(seed)
        points = [Point(20.0 * n + 20, draw.binomial(20, 0.6) / 20, 20) for n in range(20)]
        report = LearningCurveReport().compute(points)
        assert report["status"] is not Status.FALLING


@pytest.mark.parametrize("scores", [[0.5] * 20, [0.0] * 20, [1.0] * 20, [0.2, 0.9] * 10], ids=str)
def test_flat_and_jumping_curves_do_not_crash(scores: list[float]) -> None:
    points = [Point(float(10 * n + 10), score) for n, score in enumerate(scores)]
    report = LearningCurveReport().compute(points)
    assert report["status"] in set(Status)
    if report["gain"] is not None:
        assert report["low"] <= report["gain"] <= report["high"]


def test_a_measured_curve_is_forecast_within_four_tenths_of_a_point(shared: Path) -> None:
    """Corrections of transcripts against word accuracy, to 3,964 pairs."""
    text = (shared / "papers" / "README.md").read_text("utf-8")
    found = re.search(r"F6 learning curve.*?: (0 \.\d{4},.*?)\.\n\n", text, re.S)
    assert found is not None
    pairs = [tuple(map(float, one.split())) for one in found.group(1).replace("\n", " ").split(",")]
    points = [Point(x, score) for x, score in pairs if x > 0]
    last = points[-1]
    for trend in trace(points):
        if trend.level >= 6:
            assert abs(trend.at(last.x) - last.score) <= 0.004, trend
