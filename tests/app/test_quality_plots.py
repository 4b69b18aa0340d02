"""Where the marks of the quality page's plots stand, by hand."""

from __future__ import annotations

import pytest

from app.view import quality_plots as plots
from app.view.quality_plots import HEIGHT, ROW, WIDTH, Share
from core.reports.learning_curve import LearningCurveReport, Point, Status


def week(name: str, alpha: float | None, low: float | None = None, high: float | None = None) -> dict[str, object]:
    return {"week": name, "n": 12, "alpha": alpha, "low": low, "high": high}


def test_alpha_by_week_leaves_out_weeks_without_one() -> None:
    assert plots.alpha_weeks([week("2026-W01", 0.5)]) is None, "one week is no line"
    drawn = plots.alpha_weeks([week("2026-W01", 0.5, 0.25, 0.75), week("2026-W02", None), week("2026-W03", 1.0)])
    assert drawn is not None and [(mark.x, mark.y) for mark in drawn.marks] == [(0, HEIGHT / 2), (WIDTH, 0)]
    assert drawn.marks[0].whisker == (0, HEIGHT * 0.75, 0, HEIGHT / 4) and drawn.marks[1].whisker is None
    assert drawn.marks[0].says == "2026-W01: 0.50 [0.25; 0.75], n = 12"


def test_an_alpha_below_chance_stays_inside() -> None:
    drawn = plots.alpha_weeks([week("2026-W01", -0.9, -1.2, -0.5), week("2026-W02", 0.2, -0.1, 0.4)])
    assert drawn is not None
    assert all(0 <= mark.y <= HEIGHT and max(mark.whisker or (0,)) <= max(WIDTH, HEIGHT) for mark in drawn.marks)
    assert [tick.text for tick in drawn.y_ticks] == ["-1.0", "-0.5", "0.0", "0.5", "1.0"]


def test_dots_of_people() -> None:
    drawn = plots.dots(
        [
            ("ann", Share(0.5, 0.25, 0.75, 20), None),
            ("bob", None, None),
            ("eve", Share(1, 0.8, 1, 12), Share(0, 0, 0.2, 9)),
        ]
    )
    assert drawn is not None and [tick.text for tick in drawn.names] == ["ann", "eve"], "who has nothing has no row"
    assert drawn.height == 2 * ROW and [mark.x for mark in drawn.marks] == [WIDTH / 2, WIDTH, 0]
    assert drawn.marks[0].whisker == (WIDTH / 4, 19, WIDTH * 3 / 4, 19)
    assert drawn.marks[0].says == "ann: 50 % [25; 75], n = 20"
    assert plots.dots([("bob", None, None)]) is None


def test_the_forecast_has_a_band_from_the_last_point_to_the_horizon() -> None:
    points = [Point(50.0 * n, 0.9 - 1.5 * (50.0 * n) ** -0.5, 20) for n in range(1, 25)]
    report = LearningCurveReport().compute(points)
    assert report["status"] in (Status.LEARNING, Status.STOP)
    drawn = plots.curve(report)
    assert drawn is not None and len(drawn.bands) == 1 and len(drawn.marks) == 24
    places = [tuple(map(float, one.split(","))) for one in drawn.bands[0].split()]
    now = WIDTH * 1200 / 1400
    assert min(x for x, _ in places) == pytest.approx(now, abs=0.1) and max(x for x, _ in places) == WIDTH
    half = len(places) // 2
    upper, lower = places[:half], places[half:][::-1]
    assert all(a[0] == b[0] and a[1] <= b[1] for a, b in zip(upper, lower, strict=True))


def test_no_forecast_no_band() -> None:
    report = LearningCurveReport().compute([Point(20, 0.5, 20), Point(40, 0.6, 20)])
    drawn = plots.curve(report)
    assert drawn is not None and drawn.bands == () and len(drawn.lines) == 1
    assert plots.curve(LearningCurveReport().compute([Point(20, 0.5, 20)])) is None


@pytest.mark.parametrize(
    ("most", "ticks"), [(240, [0, 50, 100, 150, 200]), (942, [0, 200, 400, 600, 800]), (1200, [0, 500, 1000])]
)
def test_places_of_the_axis_are_round(most: float, ticks: list[float]) -> None:
    assert plots._round_places(most) == ticks
