"""The error of all answers from a random audit slice, alone or with the reviews that were made in the order of risk (paper 21).

The mean over everything reviewed says too much: people see the riskiest first. What is drawn whatever its risk gives the error of all
without bias; weighting by one over the chance of being reviewed (Horvitz and Thompson 1952) also uses the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.metrics import wilson

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of wrong answers with its 95 % interval, from ``n`` reviewed ones; ``None`` where nothing can be said."""

    error: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Estimate(None, None, None, 0)


def from_audit(wrong: ArrayLike) -> Estimate:
    """The mean of the random draws with Wilson's interval. ``wrong``: 0 or 1, shape (n,)."""
    w = np.asarray(wrong, dtype=np.float64)
    if not len(w):
        return NOTHING
    low, high = wilson(int(w.sum()), len(w))
    return Estimate(float(w.mean()), low, high, len(w))


def weights(
    risks: ArrayLike, audit: ArrayLike, *, cutoff: float, total_above: int, total_below: int
) -> NDArray[np.float64]:
    """One over the chance that each reviewed answer was reviewed, shape (n,), 0 for those that must not count.

    ``risks`` are those that the queue was ordered by, ``audit`` marks the random draws. At or above ``cutoff`` every answer that is no
    draw was reviewed; there draws and others count alike. Below it only the draws are a random sample. ``total_above`` and
    ``total_below`` count all answers on either side, so that the weights of a side add up to it; a side without reviews has none.
    """
    r, drawn = np.asarray(risks, dtype=np.float64), np.asarray(audit, dtype=bool)
    above = r >= cutoff
    found = np.zeros(len(r))
    for side, total in ((above, total_above), (~above & drawn, total_below)):
        if side.any():
            found[side] = total / side.sum()
    return found


def combined(
    risks: ArrayLike,
    wrong: ArrayLike,
    audit: ArrayLike,
    *,
    cutoff: float,
    total_above: int,
    total_below: int,
) -> Estimate:
    """The error of all answers from everything reviewed, each weighted as ``weights`` says; arguments and shapes as there.

    ``cutoff`` is the lowest risk down to which the ordered queue was worked off: just above the largest risk that waits, and above 1
    while nothing was. A side with answers but without a draw gives no estimate. The interval is the normal one, stratified, with
    the correction for having seen most of a side, cut to [0, 1].
    """
    r, w, drawn = (np.asarray(x, dtype=np.float64) for x in (risks, wrong, audit))
    weight = weights(r, drawn, cutoff=cutoff, total_above=total_above, total_below=total_below)
    total, above = total_above + total_below, r >= cutoff
    if not total or any(n and not weight[s].any() for n, s in ((total_above, above), (total_below, ~above))):
        return NOTHING
    variance = 0.0
    for size, side in ((total_above, above), (total_below, ~above & (drawn > 0))):
        seen = int(side.sum())
        if size and seen:
            middle = (w[side].sum() + 1) / (seen + 2)  # never 0 or 1: few draws that agree are no certainty
            variance += (size / total) ** 2 * middle * (1 - middle) / seen * max(0.0, 1 - seen / size)
    error = float((weight * w).sum() / weight.sum())
    half = 1.96 * sqrt(variance)
    return Estimate(error, max(0.0, error - half), min(1.0, error + half), int((weight > 0).sum()))
