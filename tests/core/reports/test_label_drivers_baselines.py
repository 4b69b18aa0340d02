"""Paper 20's other baselines on the entangled simulation, and the random draws as the comparison that no queue's order has chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.reports.label_drivers import LEAST_LABELS, LEAST_SLICE, Driver, Labels, _ridge, crossfit
from tests.core.reports.test_label_drivers import SEEDS, fitted, simulated, spearman

Floats = np.ndarray


def circumstances(labels: Labels) -> Floats:
    """What is logged as numbers (n, k): a column per annotator, and the length."""
    names, who = np.unique(labels.annotators, return_inverse=True)
    return np.hstack([np.eye(len(names))[who], np.asarray(labels.drivers[0].values)[:, None]])


def as_a_feature(labels: Labels, c: Floats, folds: int = 5) -> Floats:
    """A reward model of text and circumstances, asked with the circumstances of an average label."""
    place = np.unique(labels.outputs, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(place.max() + 1)[place] % folds
    both, average = np.hstack([labels.x, c]), np.hstack([labels.x, np.broadcast_to(c.mean(0), c.shape)])
    found = np.empty(len(place))
    for one in range(folds):
        held = fold == one
        found[held] = _ridge(both[~held], labels.y[~held][:, None], average[held])[:, 0]
    return found


def invariant(labels: Labels, c: Floats) -> Floats:
    """A reward model whose view of the text is made uncorrelated with the circumstances (as ODIN's quality head)."""
    blind = labels.x - c @ np.linalg.lstsq(c, labels.x, rcond=None)[0]
    return crossfit(blind, labels.y[:, None], labels.outputs)[:, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_reward_models_on_raw_adjusted_and_other_labels(seed: int) -> None:
    """Quality and circumstances go together here: what is made blind to the one loses the other."""
    labels, quality = simulated(seed)
    c = circumstances(labels)
    made = {
        "raw": crossfit(labels.x, labels.y[:, None], labels.outputs)[:, 0],
        "feature": as_a_feature(labels, c),
        "invariant": invariant(labels, c),
        "adjusted": crossfit(labels.x, fitted(labels)["adjusted"][:, None], labels.outputs)[:, 0],
    }
    place = np.unique(labels.outputs, return_inverse=True)[1]
    scores = {name: np.bincount(place, one) / np.bincount(place) for name, one in made.items()}
    off = {name: float(np.std(one - quality)) for name, one in scores.items()}
    assert off["adjusted"] < 0.6 * off["raw"], "the raw model adds strictness and length to quality"
    assert off["adjusted"] < off["feature"] + 0.01, "as good as a model that is given the circumstances"
    assert spearman(scores["invariant"], quality) < spearman(scores["adjusted"], quality) - 0.2


def drawn(n: int = 1200, *, share: float = 0.25, seed: int = 0) -> Labels:
    """A random share of answers, and others that the queue chose for being bad; later in a sitting labels are .1 lower per ten.

    The queue puts the worst first, so that among its own the place in a sitting goes with quality; among the draws it does not.
    """
    rng = np.random.default_rng(seed)
    random = rng.random(n) < share
    quality = np.where(random, rng.normal(size=n), -np.abs(rng.normal(size=n)))
    position = np.where(random, rng.uniform(0, 4, n), 2 + 1.5 * quality + 0.3 * rng.normal(size=n))
    y = 0.5 + 0.2 * quality - 0.1 * position + 0.05 * rng.normal(size=n)
    ids = np.arange(n)
    x = quality[:, None] * rng.normal(size=3) * 0.2 + rng.normal(size=(n, 3))  # text tells little of quality
    return Labels(y, ids, ids, ["one"] * n, x, (Driver("place", position, "ten later"),), random)


def test_the_draws_alone_tell_what_the_order_hides() -> None:
    labels = drawn()
    report = fitted(labels)
    whole = next(one for one in report["effects"] if one.driver == "place")
    (alone,) = report["slice"]["effects"]
    assert alone.low <= -0.1 <= alone.high, "among random draws the place is free of quality"
    assert not whole.low <= -0.1 <= whole.high, "in the whole it is not, and text cannot tell"


def test_the_rest_beside_the_draws_by_hand() -> None:
    """40 draws of which 30 are acceptable, 160 others of which 40 are: 75 % against 25 %, 50 points apart."""
    y = np.concatenate([np.repeat([1.0, 0.0], [30, 10]), np.repeat([1.0, 0.0], [40, 120])])
    ids = np.arange(200)
    random = ids < 40
    base = Labels(y, ids, ids, ["one"] * 200, np.zeros((200, 2)), (), random)
    found = fitted(base)["slice"]
    assert found["enough"] and found["n"] == 40 and found["acceptable"] == 0.75
    assert (found["low"], found["high"]) == pytest.approx((0.598, 0.858), abs=0.001)
    assert found["raw"] == found["adjusted"] == pytest.approx(-0.5)
    assert found["effects"] == [], f"fewer than {LEAST_LABELS} draws give no effects"


@pytest.mark.parametrize("kept", [0, LEAST_SLICE - 1])
def test_few_draws_are_no_comparison(kept: int) -> None:
    labels = drawn()
    few = np.zeros(len(labels.y), bool)
    few[np.flatnonzero(labels.random)[:kept]] = True
    found = fitted(replace(labels, random=few))["slice"]
    assert (found["n"], found["enough"], found["effects"]) == (kept, False, [])
    assert "acceptable" not in found
