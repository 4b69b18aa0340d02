"""Whether more corrections are worth it (Vilares Ferro et al. 2017, paper 36): a power law through the curve, and a stop proposal.

The pattern is -a x^-b + c with positive a, b, c. Each prefix of the observations gives a trend; their asymptotes are the backbone.
Once the backbone is calm and no asymptote is above what is possible, the curve predicts. We show the expected gain at a horizon
rather than the asymptote, which drifts long after the forecast near by is good.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from core.reports.base import REGISTRY

FIRST = 4  # observations of the first trend: three parameters and one to spare
LOOK_AHEAD = 5  # levels that have to be calm
CALM = 0.01  # move of the asymptote over the look-ahead below which it is calm
FAR, ANCHOR = 1e4, 3.0  # where an anchor stands, in last places, and how much less it says than an observation
HIGHEST = 1.2  # asymptote that a fit may take
# Above it nothing is predicted. The paper says 1; on a real curve it lay at 1.03 for long, and the forecast was within .2 points.
POSSIBLE = 1.05
HORIZON = 200.0  # further corrections whose gain is told
WORTH = 0.01  # gain below which it is proposed to stop


class Status(StrEnum):
    FEW = "few"  # observations
    NOT_PREDICTABLE = "not_predictable"  # the asymptote cannot be, or still moves
    FALLING = "falling"  # the later half is worse than the earlier one
    LEARNING = "learning"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Point:
    """``x`` corrections so far, above 0, and the ``score`` then, in [0, 1]; ``n`` answers were looked at."""

    x: float
    score: float
    n: float = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The curve through the first ``level`` points."""

    level: int
    a: float
    b: float
    c: float

    def at(self, x: float) -> float:
        return float(self.c - self.a * x**-self.b)


@REGISTRY.register("learning_curve")
class LearningCurveReport:
    name = "learning_curve"

    def __init__(self, horizon: float = HORIZON, worth: float = WORTH) -> None:
        self._horizon, self._worth = horizon, worth

    def compute(self, rows: Sequence[Point]) -> Mapping[str, Any]:
        """``status``, ``trends``, and from the last trends ``gain`` at the horizon with its band, and ``remaining`` to the asymptote.

        ``gain`` is None before anything can be said.
        """
        points = sorted((row for row in rows if row.x > 0), key=lambda row: row.x)
        trends = trace(points)
        status, gains = self._judged(points, trends)
        last = points[-1] if points else None
        told = status in (Status.LEARNING, Status.STOP) and last is not None
        return {
            "status": status,
            "points": points,
            "trends": trends,
            "horizon": self._horizon,
            "worth": self._worth,
            "gain": gains[-1] if told else None,
            "low": min(gains) if told else None,
            "high": max(gains) if told else None,
            "remaining": trends[-1].c - trends[-1].at(last.x) if told and last is not None else None,
        }

    def _judged(self, points: Sequence[Point], trends: Sequence[Trend]) -> tuple[Status, list[float]]:
        recent = trends[-LOOK_AHEAD:]
        if len(recent) < LOOK_AHEAD:
            return Status.FEW, []
        if _falls(points, self._worth):
            return Status.FALLING, []
        asymptotes = [trend.c for trend in recent]
        if max(asymptotes) > POSSIBLE or max(asymptotes) - min(asymptotes) > CALM * LOOK_AHEAD:
            return Status.NOT_PREDICTABLE, []
        x = points[-1].x
        gains = [trend.at(x + self._horizon) - trend.at(x) for trend in recent]
        return (Status.STOP if max(gains) < self._worth else Status.LEARNING), gains


def _falls(points: Sequence[Point], worth: float) -> bool:
    """Whether the later half is worse than the earlier by more than ``worth``, and by more than two standard errors."""
    half = len(points) // 2
    early, late = points[:half], points[half:]
    pooled = _mean(points)
    error: float = (pooled * (1 - pooled) * sum(1 / sum(one.n for one in part) for part in (early, late))) ** 0.5
    return _mean(early) - _mean(late) > max(worth, 2 * error)


def _mean(points: Sequence[Point]) -> float:
    return sum(one.score * one.n for one in points) / sum(one.n for one in points)


def trace(points: Sequence[Point]) -> list[Trend]:
    """A trend of every prefix that has one; ``points`` are in the order of their ``x``.

    Each is anchored: the asymptote of the one before, where it is possible, stands far out as a weak observation, so that one odd
    point moves it less.
    """
    found: list[Trend] = []
    for level in range(FIRST, len(points) + 1):
        trend = fit(points[:level], found[-1].c if found and found[-1].c <= 1 else None)
        if trend is not None:
            found.append(trend)
    return found


def fit(points: Sequence[Point], anchor: float | None = None) -> Trend | None:
    """Least squares by trust region, weighted by how many answers were looked at; ``None`` where it does not converge."""
    from scipy.optimize import OptimizeWarning, curve_fit

    x, y = np.array([one.x for one in points]), np.array([one.score for one in points])
    spread = np.array([max(one.n, 1e-9) for one in points]) ** -0.5
    if anchor is not None:
        x, y = np.append(x, x[-1] * FAR), np.append(y, anchor)
        spread = np.append(spread, ANCHOR * np.median(spread))
    start = (max(float(y.max() - y.min()), 1e-3) * float(x[0]) ** 0.5, 0.5, float(np.clip(y.max(), 1e-3, 1)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # of the covariance, which nobody reads
            (a, b, c), _ = curve_fit(
                lambda at, a, b, c: c - a * at**-b,
                x,
                y,
                p0=start,
                sigma=spread,
                bounds=((1e-9, 1e-3, 1e-9), (1e3, 5.0, HIGHEST)),
                method="trf",
                maxfev=2000,
            )
    except (RuntimeError, ValueError):
        return None
    return Trend(len(points), float(a), float(b), float(c))
