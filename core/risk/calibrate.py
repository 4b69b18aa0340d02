"""From a risk to the probability that people find the output wrong: the best of three calibrators (papers 1 and 21).

Fitted once thirty outputs with both verdicts were reviewed; before that ``fit`` gives ``None`` and pages say "uncalibrated".
Reviews may flatten the order of risks but not turn it round. ``weights`` make up for outputs that were reviewed because they
were risky; on the risk itself they change little, which is why they may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.metrics import wilson
from core.risk.calibrators import CALIBRATORS, choose

FEWEST_REVIEWED = 30
FEWEST_TO_CHOOSE = 60  # below this Platt scaling is taken unseen: the choice would be noise
GROUPS = 5  # equal-count groups of reviewed outputs whose sizes give the intervals
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """``params`` of the calibrator ``method``; ``edges`` are the upper calibrated risks of the groups, ``sizes`` their counts."""

    method: str
    params: Mapping[str, Sequence[float]]
    reviewed: int
    edges: tuple[float, ...]
    sizes: tuple[int, ...]

    def values(self, risks: ArrayLike) -> Floats:
        """Calibrated risks, shape (n,)."""
        return CALIBRATORS[self.method].apply(self.params, np.asarray(risks, dtype=np.float64))

    def apply(self, risk: float) -> tuple[float, float, float]:
        """(calibrated risk, low, high): a 95 % interval as wide as the number of reviewed outputs of similar risk allows."""
        value = float(self.values([risk])[0])
        group = next((i for i, edge in enumerate(self.edges) if value <= edge), len(self.sizes) - 1)
        low, high = wilson_around(value, self.sizes[group])
        return value, low, high

    def state(self) -> dict[str, Any]:
        """JSON values that ``from_state`` restores exactly."""
        params = {name: list(values) for name, values in self.params.items()}
        return {
            "method": self.method,
            "params": params,
            "reviewed": self.reviewed,
            "edges": list(self.edges),
            "sizes": list(self.sizes),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Calibration:
        if state.get("method") not in CALIBRATORS:
            raise ValueError(f"no calibrator is called {state.get('method')!r}")
        params = {str(name): [float(v) for v in values] for name, values in state["params"].items()}
        sizes = tuple(int(v) for v in state["sizes"])
        return cls(state["method"], params, int(state["reviewed"]), tuple(float(v) for v in state["edges"]), sizes)


def fit(
    risks: Sequence[float],
    wrong: Sequence[float],
    weights: Sequence[float] | None = None,
    *,
    method: str | None = None,
    fewest: int = FEWEST_REVIEWED,
) -> Calibration | None:
    """Fit on reviewed outputs, ``wrong`` being 1, 0 or a share; ``None`` below thirty, or when all verdicts are alike.

    ``ValueError`` for unequal lengths.

    ``method`` names one calibrator; otherwise the best by cross-validation is taken. ``fewest`` may be lower where the risk was learnt
    from reviews elsewhere: the shrunken calibrators then correct it by as much as a handful of reviews know.
    """
    if len(risks) != len(wrong) or (weights is not None and len(weights) != len(wrong)):
        raise ValueError("one verdict per risk is needed")
    if len(risks) < fewest or len(set(wrong)) < 2:
        return None
    x, y = np.array(risks, dtype=np.float64), np.array(wrong, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.array(weights, dtype=np.float64)
    w = w * len(w) / w.sum()
    name = method or (choose(x, y, w) if len(x) >= FEWEST_TO_CHOOSE else "platt")
    params = CALIBRATORS[name].fit(x, y, w)
    groups = np.array_split(np.sort(CALIBRATORS[name].apply(params, x)), GROUPS)
    return Calibration(name, params, len(x), tuple(float(g[-1]) for g in groups), tuple(len(g) for g in groups))


def wilson_around(value: float, n: int) -> tuple[float, float]:
    """Wilson's interval for a share that need not be a whole count."""
    low_a, high_a = wilson(int(np.floor(value * n)), n)
    low_b, high_b = wilson(int(np.ceil(value * n)), n)
    part = value * n - np.floor(value * n)
    return float(low_a + part * (low_b - low_a)), float(high_a + part * (high_b - high_a))
