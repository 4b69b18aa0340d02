"""Whether the calibration still holds: a two-sided CUSUM on reviewed random draws against the risk that was shown for them.

For each draw the likelihood ratio of "the error is .15 higher (or lower) than the risk says" to "the risk is right" is multiplied on,
starting anew whenever the product falls below 1 (Page 1954); at 100 it alarms. While the risk is right each ratio has mean 1, so
each side alarms at most once in 100 draws on average whatever the risks are; measured on risks spread as beta(1, 2), beta(1, 9) and
uniformly both sides together do so about once in 1,000. A rise of .15 is noticed within 100 draws in nine of ten cases. The product is
held at 200, so that the alarm ends by itself once new draws agree with a new calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.metrics import wilson

SHIFT = 0.15
ALARM = 100.0
HELD_AT = 200.0
RECENT = 40  # draws that the words speak of
FEWEST = 20  # before that nothing is said
EDGE = 0.01  # risks nearer to 0 or 1 are taken as this: one surprise is no proof


@dataclass(frozen=True, slots=True)
class Drift:
    """``alarm`` is "up" where more is wrong than the risk says, "down" where less is, "" while it holds; ``None`` for too few draws.

    ``expected`` and ``observed`` are of the last ``recent`` draws, with Wilson's interval of what was observed.
    """

    alarm: str | None
    draws: int
    recent: int = 0
    expected: float | None = None
    observed: float | None = None
    low: float | None = None
    high: float | None = None


def drift(risks: ArrayLike, wrong: ArrayLike) -> Drift:
    """``risks`` as they were shown, calibrated, before each review, and ``wrong``, both shape (n,), oldest first."""
    p, w = np.asarray(risks, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if p.shape != w.shape or p.ndim != 1:
        raise ValueError("one risk per verdict is needed")
    if len(p) < FEWEST:
        return Drift(None, len(p))
    last_p, last_w = p[-RECENT:], w[-RECENT:]
    low, high = wilson(int(last_w.sum()), len(last_w))
    up, down = cusum(p, w, SHIFT)[-1], cusum(p, w, -SHIFT)[-1]
    alarm = "up" if up >= ALARM and up >= down else "down" if down >= ALARM else ""
    return Drift(alarm, len(p), len(last_p), float(last_p.mean()), float(last_w.mean()), low, high)


def cusum(risks: NDArray[np.float64], wrong: NDArray[np.bool_], shift: float) -> NDArray[np.float64]:
    """The product after each draw, shape (n,)."""
    p, q = np.clip(risks, EDGE, 1 - EDGE), np.clip(risks + shift, EDGE, 1 - EDGE)
    steps = np.log(np.where(wrong, q / p, (1 - q) / (1 - p)))
    found, height = np.empty(len(steps)), 0.0
    for place, step in enumerate(steps):
        height = min(max(0.0, height) + step, log(HELD_AT))
        found[place] = height
    return np.exp(found)
