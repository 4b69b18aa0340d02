"""What turns indicators into one score (InstructMining, paper 37): a rule fitted on own training runs, or one that says it is not.

The paper regresses the log of a tuned model's loss on the means of its training set's indicators, and scores rows by the same line.
Here the regression is ridge on standardised means, its strength chosen by leave-one-out error, whose R2 is reported: that of the
fit itself flatters where there are about as many indicators as runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.quality.indicators import BY_NAME, NAMES, Floats

FEWEST_RUNS = 12
STRENGTHS = (1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0)
DEFAULT = "default"
FITTED = "fitted"
NO_RULE = ""
_DEFAULT_OF = ("gain", "related")  # response-given-prompt loss and embeddings


class TooFewRuns(ValueError):
    """A rule cannot be fitted yet; the message says how many runs are missing."""


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: means of its training set's indicators, and the loss of the tuned model on a fixed evaluation set."""

    loss: float
    means: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FittedRule:
    """log loss = ``intercept`` + sum of ``coefficients`` x indicator; ``means`` stand in for what is not known of a row.

    ``r2`` is that of leaving each run out; it may be below 0, which says that the rule predicts worse than the mean.
    """

    version: str
    intercept: float
    coefficients: Mapping[str, float]
    means: Mapping[str, float]
    r2: float
    strength: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def loss(self, columns: Mapping[str, Floats]) -> Floats:
        """Predicted log loss of each row; lower is better."""
        total: Floats = np.asarray(self.intercept, float)
        for name, weight in self.coefficients.items():
            total = total + weight * np.where(np.isnan(columns[name]), self.means[name], columns[name])
        return np.asarray(total, float)


def usable(runs: Sequence[Run]) -> list[str]:
    """Indicators that every run has and that differ between runs."""
    found = []
    for name in NAMES:
        values = [run.means.get(name, math.nan) for run in runs]
        if runs and np.isfinite(values).all() and np.ptp(values) > 1e-12:
            found.append(name)
    return found


def fit_rule(runs: Sequence[Run], version: str) -> FittedRule:
    """Raises ``TooFewRuns`` below 12 runs or where no indicator differs between them; ``ValueError`` on a loss that is not above 0."""
    if len(runs) < FEWEST_RUNS:
        missing = FEWEST_RUNS - len(runs)
        raise TooFewRuns(
            f"a rule is fitted from {FEWEST_RUNS} training runs on; there {'is' if len(runs) == 1 else 'are'} {len(runs)}: "
            f"record {missing} more, each with the loss of the tuned model on the same evaluation set"
        )
    if any(not run.loss > 0 or not math.isfinite(run.loss) for run in runs):
        raise ValueError("the loss of a training run is a number above 0")
    names = usable(runs)
    if not names:
        raise TooFewRuns("no indicator differs between the training runs: train on sets that differ")
    x: Floats = np.array([[run.means[name] for name in names] for run in runs])
    y = np.log([run.loss for run in runs])
    centre, scale = x.mean(0), x.std(0)
    z = (x - centre) / scale
    strength = min(STRENGTHS, key=lambda one: float((_left_out(z, y, one) ** 2).sum()))
    weights = _ridge(z, y - y.mean(), strength) / scale
    rest = float((_left_out(z, y, strength) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum()) * (len(y) / (len(y) - 1)) ** 2  # the mean too is of the others
    return FittedRule(
        version=version,
        intercept=float(y.mean() - weights @ centre),
        coefficients=dict(zip(names, map(float, weights), strict=True)),
        means=dict(zip(names, map(float, centre), strict=True)),
        r2=1 - rest / spread if spread else 0.0,
        strength=strength,
        runs=len(runs),
    )


def _ridge(z: Floats, y: Floats, strength: float) -> Floats:
    return np.asarray(np.linalg.solve(z.T @ z + strength * np.eye(z.shape[1]), z.T @ y), np.float64)


def _left_out(z: Floats, y: Floats, strength: float) -> Floats:
    """Errors (n,) of predicting each run from the others, in closed form; the mean is fitted without a penalty."""
    hat = z @ np.linalg.solve(z.T @ z + strength * np.eye(z.shape[1]), z.T) + 1 / len(y)
    found: Floats = (y - hat @ y) / np.maximum(1 - np.diag(hat), 1e-9)
    return found


def percentiles(values: Floats) -> Floats:
    """Ranks in (0, 1), equal values sharing theirs; the middle where nothing is known."""
    found = np.full(len(values), 0.5)
    known = ~np.isnan(values)
    if known.any():
        _, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
        found[known] = (np.cumsum(count) - count / 2)[place] / known.sum()
    return found


def scores(rule: str, columns: Mapping[str, Floats], fitted: FittedRule | None = None) -> Floats:
    """A score (n,) per row, higher is better, by ``default``, ``fitted`` or the name of an indicator.

    The default is the mean rank of the two that tell whether a response belongs to its prompt: how much the prompt lowers its loss,
    and the cosine of their embeddings. It was not fitted to anything. Raises ``ValueError`` on another name.
    """
    if rule == FITTED:
        if fitted is None:
            raise ValueError("there is no fitted rule yet")
        return -fitted.loss(columns)
    if rule in BY_NAME:
        return np.where(np.isnan(columns[rule]), -np.inf, BY_NAME[rule].sign * columns[rule])
    if rule == DEFAULT:
        ranks = [percentiles(BY_NAME[name].sign * columns[name]) for name in _DEFAULT_OF]
        return np.asarray(np.mean(ranks, axis=0))
    raise ValueError(f"there is no rule {rule!r}; there are: {', '.join([DEFAULT, FITTED, *NAMES])}")


def version_of(rule: str, fitted: FittedRule | None) -> str:
    """What a card says: which rule, and which edition of it."""
    if rule == FITTED and fitted is not None:
        return fitted.version
    return f"{rule}-1" if rule else ""
