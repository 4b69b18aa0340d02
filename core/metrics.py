"""The measures that reports share, each in one place: calibration (paper 1), first wrong step (paper 14), retrieval, intervals.

Step numbers are 0-based as stored, -1 where there is no wrong step. ``ValueError`` for empty or unequal inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import isqrt, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10
NO_ERROR = -1


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram: outputs with a risk in [low, high), their mean risk and their share of errors."""

    low: float
    high: float
    count: int
    mean_risk: float
    error: float


def reliability(risks: ArrayLike, wrong: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Equal-width bins over [0, 1]; empty ones are left out. A risk of 1 is in the last."""
    r, w = _pair(risks, wrong)
    places = np.minimum((r * bins).astype(int), bins - 1)
    return [
        Bin(b / bins, (b + 1) / bins, int(inside.sum()), float(r[inside].mean()), float(w[inside].mean()))
        for b in range(bins)
        if (inside := places == b).any()
    ]


def ece(risks: ArrayLike, wrong: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error: mean over outputs of |share of errors - mean risk| of their bin, 10 equal-width bins."""
    parts = reliability(risks, wrong, bins)
    total = sum(part.count for part in parts)
    return sum(part.count * abs(part.error - part.mean_risk) for part in parts) / total


def risk_r2(risks: ArrayLike, wrong: ArrayLike) -> float:
    """Squared correlation of mean risk and share of errors over bins of floor(sqrt n) outputs by falling risk; 0 when constant."""
    r, w = _pair(risks, wrong)
    size = isqrt(len(r))
    order = np.argsort(-r, kind="stable")[: len(r) // size * size]
    mean_risk, error = r[order].reshape(-1, size).mean(1), w[order].reshape(-1, size).mean(1)
    if len(mean_risk) < 2 or np.ptp(mean_risk) < 1e-12 or np.ptp(error) < 1e-12:
        return 0.0
    return float(np.corrcoef(mean_risk, error)[0, 1] ** 2)


def top_error(risks: ArrayLike, wrong: ArrayLike, share: float) -> float:
    """Share of errors among the ``share`` riskiest outputs, at least one; among equal risks the mean of all orders."""
    r, w = _pair(risks, wrong)
    take = max(1, round(share * len(r)))
    edge = np.sort(r)[-take]
    above, tied = r > edge, r == edge
    return float((w[above].sum() + (take - above.sum()) * w[tied].mean()) / take)


def top_accuracy(risks: ArrayLike, wrong: ArrayLike, share: float) -> float:
    """Share of right outputs among the ``share`` least risky ones."""
    r, w = _pair(risks, wrong)
    return top_error(-r, 1 - w, share)


def auroc(risks: ArrayLike, wrong: ArrayLike) -> float:
    """Chance that a wrong output has a higher risk than a right one, equal risks counting half; ``nan`` when all are alike."""
    r, w = _pair(risks, wrong)
    positive = int(w.sum())
    if positive in (0, len(w)):
        return float("nan")
    _, place, count = np.unique(r, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[w > 0].sum() - positive * (positive + 1) / 2) / (positive * (len(w) - positive)))


def auprc(risks: ArrayLike, wrong: ArrayLike) -> float:
    """Average precision of finding wrong outputs, equal risks taken together; ``nan`` when none is wrong."""
    r, w = _pair(risks, wrong)
    if not w.any():
        return float("nan")
    order = np.argsort(-r, kind="stable")
    last = np.flatnonzero(np.append(np.diff(r[order]) != 0, True))  # of each run of equal risks
    found = np.cumsum(w[order])[last]
    recall = np.diff(found, prepend=0) / w.sum()
    return float((recall * found / (last + 1)).sum())


def risk_coverage(
    risks: ArrayLike, wrong: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(threshold, coverage, error) at each distinct risk, rising: what passes with a risk up to the threshold, as shares of all and of
    what passes. Equal risks pass together."""
    r, w = _pair(risks, wrong)
    order = np.argsort(r, kind="stable")
    last = np.flatnonzero(np.append(np.diff(r[order]) != 0, True))
    passed = last + 1
    return r[order][last], passed / len(r), np.cumsum(w[order])[last] / passed


def coverage_at_error(risks: ArrayLike, wrong: ArrayLike, error: float) -> float:
    """The largest share of outputs, least risky first, of which at most ``error`` are wrong."""
    _, coverage, errors = risk_coverage(risks, wrong)
    fine = coverage[errors <= error + 1e-12]
    return float(fine[-1]) if len(fine) else 0.0


def bootstrap(
    figure: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    risks: ArrayLike,
    wrong: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of ``figure(risks, wrong)``; ``groups`` are drawn whole, such as the answers to one question.

    Draws for which the figure is not defined are left out; (nan, nan) when none is left.
    """
    r, w = _pair(risks, wrong)
    rng = np.random.default_rng(seed)
    if groups is None:
        draws = (rng.integers(0, len(r), len(r)) for _ in range(rounds))
    else:
        if len(groups) != len(r):
            raise ValueError("one group per risk is needed")
        places: dict[Hashable, list[int]] = {}
        for place, group in enumerate(groups):
            places.setdefault(group, []).append(place)
        members = [np.array(rows) for rows in places.values()]
        draws = (
            np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))]) for _ in range(rounds)
        )
    found = np.array([figure(r[rows], w[rows]) for rows in draws])
    found = found[~np.isnan(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def wilson(successes: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a proportion; (0, 1) for no trials."""
    if n == 0:
        return 0.0, 1.0
    p, zz = successes / n, z * z
    centre, half = p + zz / (2 * n), z * sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return max(0.0, (centre - half) / (1 + zz / n)), min(1.0, (centre + half) / (1 + zz / n))


@dataclass(frozen=True, slots=True)
class FirstError:
    """DeepCritic's measure: exact first wrong step on faulty solutions, "none" on clean ones, and their harmonic mean."""

    error_accuracy: float
    correct_accuracy: float
    faulty: int
    clean: int

    @property
    def f1(self) -> float:
        total = self.error_accuracy + self.correct_accuracy
        return 2 * self.error_accuracy * self.correct_accuracy / total if total else 0.0


def first_error(labels: Sequence[int], predicted: Sequence[int | None]) -> FirstError:
    """Compare first wrong steps; ``None`` is a prediction that could not be read and counts as wrong."""
    if not labels or len(labels) != len(predicted):
        raise ValueError("one prediction per label is needed, and at least one")
    faulty = [label == said for label, said in zip(labels, predicted, strict=True) if label != NO_ERROR]
    clean = [label == said for label, said in zip(labels, predicted, strict=True) if label == NO_ERROR]
    return FirstError(_mean(faulty), _mean(clean), len(faulty), len(clean))


def most_common_step(votes: Sequence[int | None]) -> int | None:
    """Maj@n: the first wrong step that most critiques name, the earliest of equals; unreadable ones do not vote."""
    counts = Counter(vote for vote in votes if vote is not None)
    return min(counts, key=lambda step: (-counts[step], step)) if counts else None


def performance_gap_recovered(weak: float, student: float, ceiling: float) -> float | None:
    """PGR (paper 39): the share of the gap from ``weak`` to ``ceiling`` that ``student`` closes; it may be below 0 or above 1.

    ``None`` where there is no gap to close: the weak one is as good as the ceiling, or better.
    """
    return (student - weak) / (ceiling - weak) if ceiling > weak else None


def hit_at_k(relevant: set[int], ranked: Sequence[int], k: int) -> float:
    """1 when one of the first ``k`` is relevant, else 0."""
    return float(any(found in relevant for found in ranked[:k]))


def recall_at_k(relevant: set[int], ranked: Sequence[int], k: int) -> float:
    """Share of the relevant ones among the first ``k``; ``ValueError`` when nothing is relevant."""
    if not relevant:
        raise ValueError("recall needs at least one relevant entry")
    return len(relevant & set(ranked[:k])) / len(relevant)


def mrr(relevant: set[int], ranked: Sequence[int]) -> float:
    """Reciprocal rank of the first relevant one, 0 when none was found."""
    return next((1 / rank for rank, found in enumerate(ranked, 1) if found in relevant), 0.0)


def corrections_per_item(counts: Sequence[int]) -> float | None:
    """Mean number of corrections until an item was accepted (DROC); ``None`` before any was."""
    return sum(counts) / len(counts) if counts else None


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def _pair(risks: ArrayLike, wrong: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r, w = np.asarray(risks, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if r.ndim != 1 or r.shape != w.shape or not len(r):
        raise ValueError("one risk per outcome is needed, and at least one")
    return r, w
