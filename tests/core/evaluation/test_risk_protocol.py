from __future__ import annotations

import json

import numpy as np
import pytest

from core.evaluation import baselines
from core.evaluation.risk import Prepared, draw_reviews, evaluate, mean_and_interval, prepared_answers
from core.evaluation.rows import EvalRow, EvalSet


def labelled(n: int = 400, seed: int = 0) -> Prepared:
    """Three classes that the vectors show; four rules right in 8 of 10; a model right in half."""
    draw = np.random.default_rng(seed)
    gold = draw.integers(0, 3, n)
    vectors = (np.eye(3)[gold] + draw.normal(size=(n, 3)) * 0.8).astype(np.float32)
    rows = []
    for place, truth in enumerate(gold):
        votes = {
            f"rule {j}": int(truth if draw.random() < 0.8 else draw.integers(0, 3))
            for j in range(4)
            if draw.random() < 0.6
        }
        rows.append(EvalRow(str(place), f"text {place}", gold=int(truth), votes=votes, group=str(place)))
    answers = np.where(draw.random(n) < 0.5, gold, draw.integers(0, 3, n))
    shares = np.full((n, 3), 0.25)
    shares[np.arange(n), answers] = 0.5
    return Prepared(EvalSet("made", tuple(rows), ("a", "b", "c")), vectors, answers, shares)


def test_figures_of_a_set_of_labels() -> None:
    found = evaluate(labelled(), None, reviews=100, seed=1, rounds=20)
    assert found["n"] == 300
    assert found["reviews"] == 100
    assert found["calibrated"]
    assert found["auroc"] > 0.85
    assert found["ece"] < 0.1
    assert found["r2"] > 0.7
    assert set(found["baselines"]) == {"majority_vote", "dawid_skene", "logprob", "distilled"}
    assert found["auroc"] > found["baselines"]["majority_vote"]["auroc"]
    assert found["intervals"]["auroc"][0] <= found["auroc"] <= found["intervals"]["auroc"][1]
    assert {
        "without history",
        "without history, scalarizer max",
        "without history, without text",
        "calibrated by beta alone",
    } <= set(found["ablation"])
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))


def test_without_reviews_it_is_the_votes_risk() -> None:
    found = evaluate(labelled(), None, reviews=0, seed=1, compare=False, ablate=False)
    assert found["n"] == 400
    assert not found["calibrated"]
    assert found["before_calibration"]["ece"] == found["ece"]


def test_the_seed_draws_the_reviews() -> None:
    groups = [str(place) for place in range(50)]
    assert draw_reviews(groups, 20, 3) == draw_reviews(groups, 20, 3) != draw_reviews(groups, 20, 4)
    with pytest.raises(ValueError, match="lower --reviews"):
        draw_reviews(groups, 26, 0)


def answered(n: int, model: str, first: int, seed: int) -> Prepared:
    draw = np.random.default_rng(seed)
    rows, vectors = [], []
    for place in range(first, first + n):
        bad = draw.random() < 0.5
        answer = "and so on " * int(bad) * 12 + f"so it is {place}"
        rows.append(
            EvalRow(f"{model}{place}", f"question {place}", answer, wrong=float(bad), group=str(place), model=model)
        )
        vectors.append(draw.normal(size=4))
    matrix = np.array(vectors, np.float32)
    return prepared_answers(EvalSet("made", tuple(rows)), [matrix, matrix], None)


def test_another_side_teaches_and_is_not_measured() -> None:
    found = evaluate(
        answered(100, "b", 1000, 1), answered(150, "a", 0, 0), reviews=40, seed=0, compare=False, ablate=False
    )
    assert found["n"] == 60
    assert found["auroc"] > 0.9
    assert found["method"].endswith("history")


def test_a_question_on_both_sides_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="without leaking"):
        evaluate(answered(60, "b", 0, 1), answered(60, "a", 0, 0), reviews=5, seed=0, compare=False, ablate=False)


def test_shares_are_ranked_and_calibrated_as_shares() -> None:
    side = answered(200, "m", 0, 2)
    rows = tuple(
        EvalRow(r.id, r.prompt, r.answer, wrong=0.2 + 0.5 * (r.wrong or 0), group=r.group, model=r.model)
        for r in side.data.rows
    )
    found = evaluate(
        Prepared(EvalSet("made", rows), side.vectors, side.answers, parts=side.parts),
        None,
        reviews=80,
        seed=0,
        compare=False,
        ablate=False,
    )
    assert found["spearman"] > 0.7
    assert found["error"] == pytest.approx(0.45, abs=0.06)
    assert found["ece"] < 0.12


def test_baselines_by_hand() -> None:
    votes = np.array([[0, 0, 1], [1, -1, -1], [-1, -1, -1]])
    answers = np.array([0, 0, 1])
    assert baselines.majority_vote(votes, answers, 2) == pytest.approx([1 / 3, 1, 0.5])
    assert baselines.own_probability(np.array([[0.9, 0.1]]), np.array([0])) == pytest.approx([0.1])
    draw = np.random.default_rng(0)
    gold = draw.integers(0, 2, 500)
    flip = np.stack([draw.random(500) < p for p in (0.05, 0.45, 0.45)], axis=1)
    risk = baselines.dawid_skene(np.where(flip, 1 - gold[:, None], gold[:, None]), gold, 2)
    assert risk.mean() < 0.5


def test_mean_and_interval_over_seeds() -> None:
    found = mean_and_interval([{"a": 1.0, "b": {"c": 2}, "d": None}, {"a": 3.0, "b": {"c": 4}, "d": 1.0}])
    assert found["a"]["mean"] == 2
    assert found["a"]["half_width"] == pytest.approx(12.706, abs=0.01)
    assert found["b"]["c"]["mean"] == 3
    assert "d" not in found
