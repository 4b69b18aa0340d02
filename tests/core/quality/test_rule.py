"""Rules: fitted from runs whose coefficients are known, refused below twelve, and the default that was fitted to nothing."""

from __future__ import annotations

import numpy as np
import pytest

from core.quality.indicators import NAMES
from core.quality.rule import Run, TooFewRuns, fit_rule, percentiles, scores, usable

PLANTED = {"length": 8.0e-4, "loss": 0.35, "mtld": -0.004, "knn_6": -0.9}


def runs(n: int, noise: float = 0.0, seed: int = 0) -> list[Run]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        means = {
            "length": rng.uniform(50, 250),
            "loss": rng.uniform(1, 3),
            "mtld": rng.uniform(30, 120),
            "knn_6": rng.uniform(0.5, 1.2),
        }
        log_loss = 0.2 + sum(weight * means[name] for name, weight in PLANTED.items()) + rng.normal(0, noise)
        made.append(Run(float(np.exp(log_loss)), means))
    return made


def test_twelve_planted_runs_give_their_coefficients_back_within_a_tenth() -> None:
    rule = fit_rule(runs(12), "v")
    assert rule.coefficients == pytest.approx(PLANTED, rel=0.1)
    assert rule.intercept == pytest.approx(0.2, abs=0.05) and rule.r2 > 0.99 and rule.runs == 12


def test_the_reported_r2_is_that_of_leaving_each_run_out() -> None:
    """The closed form against fitting twelve times without one run, on the same scale and with the same strength."""
    some = runs(14, noise=0.1, seed=3)
    rule = fit_rule(some, "v")
    x = np.array([[run.means[name] for name in PLANTED] for run in some])
    y = np.log([run.loss for run in some])
    z = (x - x.mean(0)) / x.std(0)
    errors, spread = [], []
    for out in range(len(y)):
        rest = [place for place in range(len(y)) if place != out]
        design = np.hstack([z[rest], np.ones((len(rest), 1))])
        penalty = rule.strength * np.diag([1.0] * z.shape[1] + [0.0])
        weights = np.linalg.solve(design.T @ design + penalty, design.T @ y[rest])
        errors.append(y[out] - np.append(z[out], 1) @ weights)
        spread.append(y[out] - y[rest].mean())
    expected = 1 - np.sum(np.square(errors)) / np.sum(np.square(spread))
    assert rule.r2 == pytest.approx(expected, abs=1e-9) and rule.r2 < 0.999


def test_a_rule_of_noise_says_so() -> None:
    rng = np.random.default_rng(5)
    found = [
        fit_rule([Run(float(rng.uniform(1, 2)), run.means) for run in runs(14, seed=n)], "v").r2 for n in range(20)
    ]
    assert np.mean(found) < 0.1


def test_below_twelve_runs_it_is_refused_in_words() -> None:
    with pytest.raises(TooFewRuns, match=r"from 12 training runs on; there are 11: record 1 more"):
        fit_rule(runs(11), "v")
    with pytest.raises(TooFewRuns, match="there are 0"):
        fit_rule([], "v")
    same = [Run(1.5, {"length": 10.0})] * 12
    with pytest.raises(TooFewRuns, match="no indicator differs"):
        fit_rule(same, "v")
    with pytest.raises(ValueError, match="above 0"):
        fit_rule([*runs(12), Run(0.0, {})], "v")


def test_indicators_that_a_run_lacks_are_left_out() -> None:
    some = runs(12)
    without = [Run(some[0].loss, {"length": 100.0}), *some[1:]]
    assert usable(without) == ["length"] and list(fit_rule(without, "v").coefficients) == ["length"]


def columns(**known: list[float]) -> dict[str, np.ndarray]:
    n = len(next(iter(known.values())))
    return {name: np.array(known.get(name, [np.nan] * n), float) for name in NAMES}


def test_a_fitted_rule_scores_rows_and_means_stand_in_for_what_is_not_known() -> None:
    rule = fit_rule(runs(12), "v")
    rows = columns(length=[100, 200, 100], loss=[2, 2, np.nan], mtld=[60, 60, 60], knn_6=[1, 1, 1])
    found = scores("fitted", rows, rule)
    assert found[0] > found[1], "longer was planted as worse"
    expected = -(0.2 + 100 * 8e-4 + 0.35 * 2 - 0.004 * 60 - 0.9)
    assert found[0] == pytest.approx(expected, abs=0.05)
    assert np.isfinite(found).all()


def test_rules_that_were_not_fitted() -> None:
    rows = columns(gain=[-1, 0.5, np.nan], related=[0.8, 0.1, 0.5], length=[5, 1, np.nan], mtld=[9, 10, 11])
    default = scores("default", rows)
    assert default[0] > default[2] > default[1], "what is not known stands in the middle"
    assert list(np.argsort(-scores("length", rows))) == [1, 0, 2], "shorter first, what is not known last"
    assert list(np.argsort(-scores("mtld", rows))) == [2, 1, 0]
    with pytest.raises(ValueError, match="no fitted rule"):
        scores("fitted", rows)
    with pytest.raises(ValueError, match="no rule 'best'"):
        scores("best", rows)


def test_equal_values_share_their_rank() -> None:
    assert percentiles(np.array([1.0, 1.0, 3.0, np.nan])) == pytest.approx([1 / 3, 1 / 3, 2.5 / 3, 0.5])
