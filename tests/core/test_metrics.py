from __future__ import annotations

import numpy as np
import pytest

from core import metrics


def test_golden_ece() -> None:
    assert metrics.ece([0.05, 0.08, 0.95, 0.85, 0.82], [0, 1, 1, 0, 1]) == pytest.approx(0.318)


def test_a_risk_of_one_is_in_the_last_bin() -> None:
    assert [b.low for b in metrics.reliability([1.0, 0.95, 0.0], [1, 1, 0])] == [0.0, 0.9]


def test_r2_of_a_perfect_ranking_and_of_a_constant() -> None:
    risks = np.linspace(0, 1, 100)
    assert metrics.risk_r2(risks, risks) == pytest.approx(1)
    assert metrics.risk_r2(np.full(100, 0.3), risks > 0.5) == 0


def test_r2_bins_by_falling_risk_and_drops_the_rest() -> None:
    # n = 10: bins of 3 over the nine riskiest; mean risks .8, .5, .2 with errors 1, 1/3, 0
    risks = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    wrong = [1, 1, 1, 1, 0, 0, 0, 0, 0, 1]
    assert metrics.risk_r2(risks, wrong) == pytest.approx(np.corrcoef([0.8, 0.5, 0.2], [1, 1 / 3, 0])[0, 1] ** 2)


def test_top_error_shares_ties_evenly() -> None:
    assert metrics.top_error([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], 0.25) == 1
    assert metrics.top_error([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], 0.5) == pytest.approx(0.75)
    assert metrics.top_accuracy([0.9, 0.5, 0.4, 0.1], [1, 1, 0, 0], 0.5) == 1


def test_wilson_against_a_worked_example() -> None:
    low, high = metrics.wilson(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert metrics.wilson(0, 0) == (0, 1)
    assert metrics.wilson(0, 10)[0] == 0


def test_golden_first_error() -> None:
    predicted_from_one = (-1, 2, 3, 2)
    predicted = [p - 1 if p > 0 else -1 for p in predicted_from_one]
    found = metrics.first_error([-1, -1, 2, 0], predicted)
    assert (found.error_accuracy, found.correct_accuracy, found.f1) == (0.5, 0.5, 0.5)


def test_first_error_of_gold_of_silence_and_of_shifted_steps() -> None:
    gold = [-1, 0, 3, -1]
    assert metrics.first_error(gold, gold).f1 == 1
    assert metrics.first_error(gold, [-1] * 4).f1 == 0
    assert metrics.first_error(gold, [g + 1 if g >= 0 else g for g in gold]).error_accuracy == 0
    assert metrics.first_error([0, -1], [None, -1]).error_accuracy == 0


def test_majority_of_critiques_ignores_what_cannot_be_read() -> None:
    assert metrics.most_common_step([None, None, None, 2, 2, 1]) == 2
    assert metrics.most_common_step([3, 1]) == 1
    assert metrics.most_common_step([None]) is None


def test_retrieval() -> None:
    ranked = [5, 3, 9, 1]
    assert metrics.hit_at_k({3}, ranked, 1) == 0
    assert metrics.hit_at_k({3}, ranked, 2) == 1
    assert metrics.recall_at_k({3, 1, 8}, ranked, 4) == pytest.approx(2 / 3)
    assert metrics.mrr({9, 1}, ranked) == pytest.approx(1 / 3)
    assert metrics.mrr({7}, ranked) == 0


def test_corrections_per_item() -> None:
    assert metrics.corrections_per_item([]) is None
    assert metrics.corrections_per_item([0, 2, 1]) == 1


def test_empty_and_unequal_inputs_are_refused() -> None:
    for call in (lambda: metrics.ece([], []), lambda: metrics.ece([0.1], [1, 0]), lambda: metrics.first_error([], [])):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError):
        metrics.recall_at_k(set(), [1], 1)


def test_auroc_and_auprc_agree_with_scikit_learn_on_ties() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(3)
    risks = rng.integers(0, 12, 400) / 12
    wrong = rng.random(400) < risks
    assert metrics.auroc(risks, wrong) == pytest.approx(roc_auc_score(wrong, risks))
    assert metrics.auprc(risks, wrong) == pytest.approx(average_precision_score(wrong, risks))
    assert np.isnan(metrics.auroc([0.1, 0.2], [0, 0]))
    assert np.isnan(metrics.auprc([0.1, 0.2], [0, 0]))


def test_coverage_at_error_lets_equal_risks_pass_together() -> None:
    risks, wrong = [0.1, 0.2, 0.2, 0.9], [0, 0, 1, 1]
    threshold, coverage, error = metrics.risk_coverage(risks, wrong)
    assert threshold.tolist() == [0.1, 0.2, 0.9]
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert error.tolist() == pytest.approx([0, 1 / 3, 0.5])
    assert metrics.coverage_at_error(risks, wrong, 0.0) == 0.25
    assert metrics.coverage_at_error(risks, wrong, 0.34) == 0.75
    assert metrics.coverage_at_error([0.5], [1], 0.1) == 0.0


def test_bootstrap_draws_groups_whole() -> None:
    rng = np.random.default_rng(0)
    wrong = np.repeat(rng.random(40) < 0.5, 25)
    risks = np.full(1000, 0.5)
    share = lambda r, w: float(w.mean())  # noqa: E731
    alone = metrics.bootstrap(share, risks, wrong, rounds=300)
    whole = metrics.bootstrap(share, risks, wrong, groups=np.repeat(np.arange(40), 25).tolist(), rounds=300)
    assert alone[0] < wrong.mean() < alone[1]
    assert whole[1] - whole[0] > 3 * (alone[1] - alone[0])
    with pytest.raises(ValueError, match="one group per risk"):
        metrics.bootstrap(share, [0.1, 0.2], [0, 1], groups=[1])
