"""Whether risk means what it says: calibration, ranking and selective error (POLAR, paper 1; GCM, paper 21), with intervals.

ECE is over ten equal-width bins and R^2 over floor(sqrt n) bins, as in POLAR's code. Unlike there, equal risks are never parted:
the riskiest share of tied risks is the mean over their orders. A figure that is not defined is ``None``, so that all is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import isnan, isqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core import metrics
from core.reports.base import REGISTRY, JudgedRisk

Floats = NDArray[np.float64]
POINTS = 100  # of a risk-coverage curve
ROUNDS = 200  # of the bootstrap behind a page

FIGURES: Mapping[str, Callable[[Floats, Floats], float]] = {
    "error": lambda _, wrong: float(wrong.mean()),
    "ece": metrics.ece,
    "r2": metrics.risk_r2,
    "auroc": metrics.auroc,
    "auprc": metrics.auprc,
    "top5_error": lambda risks, wrong: metrics.top_error(risks, wrong, 0.05),
    "top10_error": lambda risks, wrong: metrics.top_error(risks, wrong, 0.1),
    "top20_error": lambda risks, wrong: metrics.top_error(risks, wrong, 0.2),
    "coverage_at_05": lambda risks, wrong: metrics.coverage_at_error(risks, wrong, 0.05),
    "coverage_at_10": lambda risks, wrong: metrics.coverage_at_error(risks, wrong, 0.1),
    "coverage_at_20": lambda risks, wrong: metrics.coverage_at_error(risks, wrong, 0.2),
}


@REGISTRY.register("calibration")
class CalibrationReport:
    """Figures after and, where every raw risk is known, before calibration."""

    name = "calibration"

    def __init__(self, bootstrap_rounds: int = ROUNDS, seed: int = 0) -> None:
        self.bootstrap_rounds = bootstrap_rounds
        self.seed = seed

    def compute(self, rows: Sequence[JudgedRisk]) -> Mapping[str, Any]:
        """``after`` and ``before`` as ``figures`` gives them, over the same rows: those with a raw risk, or all where none has.

        Rows of one ``group`` (such as the attempts at an item) are drawn together by the bootstrap. ``{}`` without rows.
        """
        known = [row for row in rows if row.raw is not None]
        used = known or list(rows)
        if not used:
            return {}
        wrong = [row.wrong for row in used]
        groups = [row.group or f"row {place}" for place, row in enumerate(used)]
        options: dict[str, Any] = {"groups": groups, "bootstrap_rounds": self.bootstrap_rounds, "seed": self.seed}
        after = figures([row.value for row in used], wrong, **options)
        if not known:
            return {"after": after}
        raw = [row.raw for row in used if row.raw is not None]
        return {"after": after, "before": figures(raw, wrong, **options)}


def figures(
    risks: ArrayLike,
    wrong: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    bootstrap_rounds: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Every figure of one set of risks, shape (n,), against what was wrong (0 or 1, shape (n,)).

    ``error`` is the base rate, ``top5_error`` the error among the riskiest 5 %, ``coverage_at_05`` the largest share, least risky
    first, with an error of at most .05. With ``bootstrap_rounds``, ``intervals`` holds 95 % intervals; ``groups`` are then drawn whole.
    Raises ``ValueError`` for empty or unequal inputs, and for risks outside [0, 1].
    """
    r, w = np.asarray(risks, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if r.size and not (np.isfinite(r).all() and r.min() >= 0 and r.max() <= 1):
        raise ValueError("a risk is a probability: between 0 and 1")
    found: dict[str, Any] = {"n": len(r)} | {name: _number(figure(r, w)) for name, figure in FIGURES.items()}
    found["reliability"] = reliability_bins(r, w)
    found["risk_coverage"] = coverage_points(r, w)
    if bootstrap_rounds > 0:
        found["intervals"] = _intervals(r, w, groups, bootstrap_rounds, seed)
    return found


def _number(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _intervals(
    risks: Floats, wrong: Floats, groups: Sequence[Hashable] | None, rounds: int, seed: int
) -> dict[str, list[float | None]]:
    """Every figure sees the same draws, as the seed is the same."""
    drawn = {
        name: metrics.bootstrap(figure, risks, wrong, groups=groups, rounds=rounds, seed=seed)
        for name, figure in FIGURES.items()
    }
    return {name: [_number(low), _number(high)] for name, (low, high) in drawn.items()}


def reliability_bins(risks: ArrayLike, wrong: ArrayLike) -> list[dict[str, float]]:
    """Bars of a reliability diagram, with Wilson's interval of each share of errors."""
    bars = []
    for part in metrics.reliability(risks, wrong):
        low, high = metrics.wilson(round(part.error * part.count), part.count)
        bars.append(
            {
                "low": part.low,
                "high": part.high,
                "count": part.count,
                "mean_risk": part.mean_risk,
                "error": part.error,
                "error_low": low,
                "error_high": high,
            }
        )
    return bars


def coverage_points(risks: ArrayLike, wrong: ArrayLike, points: int = POINTS) -> list[dict[str, float]]:
    """The risk-coverage curve, thinned to ``points`` that keep both ends."""
    threshold, coverage, error = metrics.risk_coverage(risks, wrong)
    kept = np.unique(np.linspace(0, len(threshold) - 1, min(points, len(threshold))).round().astype(int))
    return [{"threshold": float(threshold[i]), "coverage": float(coverage[i]), "error": float(error[i])} for i in kept]


def binned_points(risks: ArrayLike, wrong: ArrayLike) -> list[dict[str, float]]:
    """The points behind R^2: mean risk and error of bins of floor(sqrt n) outputs by falling risk; those left over are dropped."""
    r, w = np.asarray(risks, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    size = isqrt(len(r))
    order = np.argsort(-r, kind="stable")[: len(r) // size * size].reshape(-1, size)
    return [{"risk": float(r[rows].mean()), "error": float(w[rows].mean())} for rows in order]


def top_curve(risks: ArrayLike, wrong: ArrayLike, points: int = 25) -> list[dict[str, float]]:
    """Error among the riskiest share, for shares from 1 % to all."""
    shares = np.unique(np.concatenate([[0.01, 0.02], np.linspace(0.05, 1, points - 2)]))
    return [{"share": float(share), "error": metrics.top_error(risks, wrong, float(share))} for share in shares]


def expectations(
    risks: ArrayLike,
    thresholds: ArrayLike,
    calibrated: ArrayLike | None = None,
    *,
    counts: ArrayLike | None = None,
    audited: tuple[ArrayLike, ArrayLike] = ((), ()),
) -> list[dict[str, Any]]:
    """What each threshold would mean, before it is set: ``to_people`` have a risk of at least it, ``pass`` have less.

    ``expected_error`` is the mean of ``calibrated`` (shape (n,), like ``risks``) over what passes; ``None`` where risk is not
    calibrated or nothing passes. ``counts`` says how many outputs each entry stands for (1 each where left out). ``audited`` are
    (risks, wrong) of reviewed random draws: ``observed_error`` is their error below the threshold, of ``observed`` draws, with
    its Wilson interval.
    """
    r = np.asarray(risks, dtype=np.float64)
    n = np.ones(len(r)) if counts is None else np.asarray(counts, dtype=np.float64)
    c = None if calibrated is None else np.asarray(calibrated, dtype=np.float64)
    if n.shape != r.shape or (c is not None and c.shape != r.shape):
        raise ValueError("one count and one calibrated risk per risk are needed")
    drawn, faulty = (np.asarray(side, dtype=np.float64) for side in audited)
    found = []
    for threshold in np.asarray(thresholds, dtype=np.float64):
        passing, below = r < threshold, drawn < threshold
        through, seen, bad = float(n[passing].sum()), int(below.sum()), int(faulty[below].sum())
        low, high = metrics.wilson(bad, seen)
        found.append(
            {
                "threshold": float(threshold),
                "to_people": round(float(n.sum()) - through),
                "pass": round(through),
                "expected_error": float((c * n)[passing].sum() / through) if c is not None and through else None,
                "observed": seen,
                "observed_error": bad / seen if seen else None,
                "observed_low": low if seen else None,
                "observed_high": high if seen else None,
            }
        )
    return found
