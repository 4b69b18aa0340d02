"""The plots of the quality page as places in a drawing; words, titles and the tables of their values are in the templates.

A place is in units of the drawing, 320 wide so that it can be read on a phone. What a mark says has no words, so that it needs no
translation: name, value, interval, n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from core.reports.learning_curve import LOOK_AHEAD, Point, Trend

WIDTH, HEIGHT = 300.0, 180.0
ROW = 40.0  # height of a row of a dot plot: its name, and a line for each of two series
MOST_WEEKS, MOST_ROWS = 26, 15
DRAWN = 60  # places at which a curve is drawn
FEWEST_WEEKS = 2  # one week is no line


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A dot, and the interval through it as (x, y) to (x, y)."""

    tone: str  # after, before
    x: float
    y: float
    says: str
    whisker: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """``names`` stand above the rows of a dot plot; ``lines`` and ``bands`` are points as SVG wants them, by tone."""

    height: float = HEIGHT
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    names: tuple[Tick, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    bands: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] with its interval, of ``n``."""

    value: float
    low: float | None
    high: float | None
    n: int

    def says(self, name: str) -> str:
        inside = "" if self.low is None or self.high is None else f" [{100 * self.low:.0f}; {100 * self.high:.0f}]"
        return f"{name}: {100 * self.value:.0f} %{inside}, n = {self.n:,}"


def alpha_weeks(weeks: Sequence[Mapping[str, Any]]) -> Drawing | None:
    """Alpha of the last weeks that have one, evenly spaced; ``None`` where that is no line."""
    shown = [week for week in weeks if week["alpha"] is not None][-MOST_WEEKS:]
    if len(shown) < FEWEST_WEEKS:
        return None
    lowest = min(0.0, *(week["alpha"] if week["low"] is None else week["low"] for week in shown))
    bottom = -0.5 if lowest >= -0.5 else -1.0
    bottom = 0.0 if lowest >= 0 else bottom

    def y(value: float) -> float:
        return HEIGHT * (1 - (max(value, bottom) - bottom) / (1 - bottom))

    step = WIDTH / max(len(shown) - 1, 1)
    marks = tuple(
        Mark(
            "after",
            step * place,
            y(week["alpha"]),
            f"{week['week']}: {week['alpha']:.2f} [{week['low']:.2f}; {week['high']:.2f}], n = {week['n']:,}"
            if week["low"] is not None
            else f"{week['week']}: {week['alpha']:.2f}, n = {week['n']:,}",
            None if week["low"] is None else (step * place, y(week["low"]), step * place, y(week["high"])),
        )
        for place, week in enumerate(shown)
    )
    every = max(1, (len(shown) + 3) // 4)
    named = [place for place in range(len(shown)) if place % every == 0]
    levels = [bottom, *(one for one in (-0.5, 0.0, 0.5) if one > bottom), 1.0]
    return Drawing(
        x_ticks=tuple(Tick(step * place, shown[place]["week"][2:]) for place in named),
        y_ticks=tuple(Tick(y(level), f"{level:.1f}") for level in levels),
        lines=(("ideal", _points([(0, y(0.67)), (WIDTH, y(0.67))])), ("after", _points([(m.x, m.y) for m in marks]))),
        marks=marks,
    )


def dots(rows: Sequence[tuple[str, Share | None, Share | None]]) -> Drawing | None:
    """A row per name with one share, or two one below the other, from 0 to 100 %; ``None`` where no row has one."""
    shown = [row for row in rows if row[1] is not None or row[2] is not None][:MOST_ROWS]
    if not shown:
        return None
    names, marks = [], []
    for place, (name, first, second) in enumerate(shown):
        short = name if len(name) <= 40 else name[:39] + "…"
        names.append(Tick(ROW * place + 10, short))
        for tone, share, line in (("after", first, 19), ("before", second, 30)):
            if share is not None:
                y = ROW * place + line
                whisker = None if share.low is None else (WIDTH * share.low, y, WIDTH * (share.high or 0.0), y)
                marks.append(Mark(tone, WIDTH * share.value, y, share.says(name), whisker))
    ticks = tuple(Tick(WIDTH * part / 4, f"{25 * part}") for part in range(5))
    return Drawing(height=ROW * len(shown), x_ticks=ticks, names=tuple(names), marks=tuple(marks))


def curve(report: Mapping[str, Any]) -> Drawing | None:
    """The points, the last trend to the horizon, and from the last point on the band over the last trends."""
    points: Sequence[Point] = report["points"]
    if len(points) < 2:  # one point is no curve
        return None
    now = points[-1].x
    most = now + report["horizon"]

    def at(x: float, score: float) -> tuple[float, float]:
        return WIDTH * x / most, HEIGHT * (1 - min(max(score, 0.0), 1.0))

    lines: list[tuple[str, str]] = [("ideal", _points([at(now, 0), at(now, 1)]))]
    bands: tuple[str, ...] = ()
    if report["gain"] is not None:
        trends: Sequence[Trend] = report["trends"][-LOOK_AHEAD:]
        lines.append(("after", _points(at(x, trends[-1].at(x)) for x in _between(points[0].x, most))))
        ahead = _between(now, most)
        upper = [at(x, max(trend.at(x) for trend in trends)) for x in ahead]
        lower = [at(x, min(trend.at(x) for trend in trends)) for x in ahead]
        bands = (_points([*upper, *lower[::-1]]),)
    return Drawing(
        x_ticks=tuple(Tick(WIDTH * x / most, f"{x:,.0f}") for x in _round_places(most)),
        y_ticks=tuple(Tick(HEIGHT * (1 - part / 4), f"{25 * part}") for part in range(5)),
        lines=tuple(lines),
        bands=bands,
        marks=tuple(_observed(one, at(one.x, one.score)) for one in points),
    )


def _observed(one: Point, place: tuple[float, float]) -> Mark:
    return Mark("after", *place, f"{one.x:,.0f}: {100 * one.score:.0f} %, n = {one.n:,.0f}")


def _round_places(most: float) -> list[float]:
    """Round numbers from 0 to at most ``most``, three to six of them."""
    size = 10.0 ** floor(log10(most / 10))
    step = next(size * part for part in (1, 2, 5, 10, 20) if most / (size * part) <= 5)
    return [step * part for part in range(int(most / step) + 1)]


def _between(first: float, last: float) -> list[float]:
    return [first + (last - first) * step / DRAWN for step in range(DRAWN + 1)]


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
