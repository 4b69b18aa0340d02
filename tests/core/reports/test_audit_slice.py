"""Estimates over all answers from a biased set of reviews, in simulation: without bias, where the plain mean has much."""

from __future__ import annotations

import numpy as np
import pytest

from core.reports.audit_slice import combined, from_audit, weights

N, SHARE = 2000, 0.1


def simulated(seed: int, reviewed: int) -> dict[str, float]:
    """A queue worked off for ``reviewed`` answers, riskiest first, with a tenth of the turns for random draws."""
    rng = np.random.default_rng(seed)
    risks = rng.beta(1, 2, N)
    wrong = rng.random(N) < risks**1.3  # the risk is not calibrated: nothing here may rely on that
    drawn = rng.random(N) < SHARE
    audits = rng.permutation(np.flatnonzero(drawn))[: int(reviewed * SHARE)]
    ordinary = np.flatnonzero(~drawn)
    ordinary = ordinary[np.argsort(-risks[ordinary])][: reviewed - len(audits)]
    left = np.setdiff1d(np.flatnonzero(~drawn), ordinary)
    cutoff = np.nextafter(risks[left].max(), 2)
    seen = np.concatenate([audits, ordinary])
    above = int((risks >= cutoff).sum())
    both = combined(
        risks[seen], wrong[seen], np.isin(seen, audits), cutoff=cutoff, total_above=above, total_below=N - above
    )
    alone = from_audit(wrong[audits])
    truth = float(wrong.mean())
    assert both.error is not None and alone.error is not None
    assert both.low is not None and both.high is not None and alone.low is not None and alone.high is not None
    return {
        "naive": float(wrong[seen].mean()) - truth,
        "alone": alone.error - truth,
        "both": both.error - truth,
        "alone_holds": alone.low <= truth <= alone.high,
        "both_holds": both.low <= truth <= both.high,
    }


def test_the_plain_mean_is_biased_and_the_estimates_are_not() -> None:
    runs = [simulated(seed, 600) for seed in range(300)]
    mean = {name: np.mean([run[name] for run in runs]) for name in runs[0]}
    spread = {name: np.std([run[name] for run in runs]) for name in ("alone", "both")}
    assert mean["naive"] > 0.15
    for name in ("alone", "both"):
        assert abs(mean[name]) < 3 * spread[name] / np.sqrt(300), f"{name} is biased"
    assert spread["both"] < 0.85 * spread["alone"], "the ordered reviews add something"
    assert mean["alone_holds"] > 0.9
    assert mean["both_holds"] > 0.9


def test_by_hand() -> None:
    # 2 of 4 above were reviewed (one a draw), below 2 draws and one that came by its risk at another time.
    risks, wrong, audit = [0.9, 0.8, 0.3, 0.2, 0.4], [1, 1, 1, 0, 1], [1, 0, 1, 1, 0]
    given = weights(risks, audit, cutoff=0.5, total_above=4, total_below=6)
    assert given.tolist() == [2, 2, 3, 3, 0]
    got = combined(risks, wrong, audit, cutoff=0.5, total_above=4, total_below=6)
    assert (got.error, got.n) == (pytest.approx(0.7), 4)
    assert from_audit([1, 0, 0, 0]).error == 0.25


def test_nothing_is_said_without_draws() -> None:
    assert from_audit([]).error is None
    assert combined([0.9], [1], [0], cutoff=0.5, total_above=1, total_below=5).error is None
    assert combined([], [], [], cutoff=2, total_above=0, total_below=0).error is None


def test_everything_reviewed_leaves_no_doubt() -> None:
    got = combined([0.9, 0.1], [1, 0], [0, 1], cutoff=0.0, total_above=2, total_below=0)
    assert (got.error, got.low, got.high) == (0.5, 0.5, 0.5)
