"""Correctness history: what it learns, what it must not see, and that a saved one scores as before."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.metrics import auroc
from core.risk.history import HistoryModel, HistoryRow, fold_of, out_of_fold, surface_features
from core.risk.history_vectors import VectorMemory

WIDTH = 16


def rows_of(n: int = 80, *, seed: int = 1, signal: bool = True) -> tuple[list[HistoryRow], list[float]]:
    """Sums of two numbers, every third of them wrong in a way that shows: the answer leaves a number of the question out."""
    rng = np.random.default_rng(seed)
    rows, wrong = [], []
    for i in range(n):
        a, b = int(rng.integers(2, 50)), int(rng.integers(51, 99))
        bad = i % 3 == 0
        answer = f"{a} + {a} = {2 * a}\nA: {2 * a}" if bad else f"{a} + {b} = {a + b}\nA: {a + b}"
        vectors = rng.normal(size=(2, WIDTH)).astype(np.float32)
        signals = {"logprob": float(-1.0 - bad + 0.1 * rng.normal())} if signal else {}
        prompt = f"Ann has {a} apples and gets {b} more. How many apples does she have?"
        rows.append(HistoryRow(prompt, answer, "small" if i % 2 else "large", *vectors, signals, f"q{i // 2}"))
        wrong.append(float(bad))
    return rows, wrong


def test_learns_from_verdicts_and_ranks_new_answers() -> None:
    rows, wrong = rows_of()
    model = HistoryModel()
    model.fit(rows, wrong)
    new, truth = rows_of(40, seed=2)
    risk = model.score(new)
    assert risk.shape == (40,) and ((risk >= 0) & (risk <= 1)).all()
    assert auroc(risk, truth) > 0.95


def test_targets_may_be_shares() -> None:
    rows, wrong = rows_of()
    model = HistoryModel()
    model.fit(rows, [0.1 + 0.5 * w for w in wrong])
    new, truth = rows_of(40, seed=2)
    risk = model.score(new)
    bad = np.array(truth) > 0
    assert risk[bad].mean() == pytest.approx(0.6, abs=0.12)
    assert risk[~bad].mean() == pytest.approx(0.1, abs=0.12)


def test_state_is_json_and_scores_exactly_as_before() -> None:
    rows, wrong = rows_of()
    model = HistoryModel()
    model.fit(rows, wrong)
    again = HistoryModel("prompt")
    again.load(json.loads(json.dumps(model.state())))
    new, _ = rows_of(30, seed=3)
    assert again.view == "full"
    np.testing.assert_array_equal(model.score(new), again.score(new))


def test_the_same_seed_gives_the_same_model() -> None:
    rows, wrong = rows_of()
    states = []
    for _ in range(2):
        model = HistoryModel()
        model.fit(rows, wrong, seed=4)
        states.append(json.dumps(model.state()))
    assert states[0] == states[1]


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(ValueError, match="fit it again"):
        HistoryModel().load({"name": "polar", "format": 1})


def test_too_little_to_learn_from_says_the_minimum() -> None:
    rows, wrong = rows_of(20)
    with pytest.raises(ValueError, match=r"needs 30 reviewed answers to 10 questions.*there are 20 to 10"):
        HistoryModel().fit(rows, wrong)
    rows, _ = rows_of(40)
    with pytest.raises(ValueError, match="at least 5 of them wrong"):
        HistoryModel().fit(rows, [0.0] * 40)
    with pytest.raises(ValueError, match="to 1, "):
        HistoryModel().fit([replace(row, group="one") for row in rows], [float(i % 2) for i in range(40)])


@pytest.mark.parametrize("bad", [[2.0] * 40, [0.0] * 39])
def test_bad_verdicts_are_refused(bad: list[float]) -> None:
    rows, _ = rows_of(40)
    with pytest.raises(ValueError, match="verdict"):
        HistoryModel().fit(rows, bad)


def test_scoring_before_fitting_is_refused() -> None:
    with pytest.raises(ValueError, match="fit the correctness history first"):
        HistoryModel().score(rows_of(3)[0])


@pytest.mark.parametrize(("view", "blind_to"), [("prompt", "answer"), ("answer", "prompt")])
def test_a_view_sees_its_text_alone(view: str, blind_to: str) -> None:
    rows, wrong = rows_of()
    model = HistoryModel(view)  # type: ignore[arg-type]
    model.fit(rows, wrong)
    new, _ = rows_of(20, seed=5)
    changed = [replace(row, **{blind_to: "7 ?", f"{blind_to}_vector": None}, signals={"logprob": 9.0}) for row in new]
    np.testing.assert_array_equal(model.score(new), model.score(changed))
    seen = "prompt" if view == "prompt" else "answer"
    other = [replace(row, **{seen: "So 1, 2, 3 and 4 - perhaps?"}) for row in new]
    assert (model.score(new) != model.score(other)).any()


def test_no_such_view() -> None:
    with pytest.raises(ValueError, match="full, prompt, answer"):
        HistoryModel("half")  # type: ignore[arg-type]


def test_an_unseen_model_counts_as_average_and_a_bad_one_as_worse() -> None:
    rows, _ = rows_of(200, signal=False)
    wrong = [float(row.model == "large" and i % 10 != 0) for i, row in enumerate(rows)]
    model = HistoryModel("prompt")
    model.fit(rows, wrong)
    new, _ = rows_of(60, seed=6)
    risk = {name: model.score([replace(row, model=name) for row in new]).mean() for name in ("small", "large", "new")}
    assert risk["small"] < risk["new"] < risk["large"]
    assert risk["new"] == pytest.approx(np.mean(wrong), abs=0.15)


def test_missing_vectors_and_signals_are_fine() -> None:
    rows, wrong = rows_of()
    half = [
        replace(row, answer_vector=None, prompt_vector=None, signals={}) if i % 4 else row for i, row in enumerate(rows)
    ]
    model = HistoryModel()
    model.fit(half, wrong)
    bare = [replace(row, answer_vector=None, prompt_vector=None, signals={"logprob": float("nan")}) for row in rows]
    assert np.isfinite(model.score(bare)).all()
    assert model.score([]).shape == (0,)


def test_vectors_of_another_encoder_are_refused() -> None:
    rows, wrong = rows_of()
    model = HistoryModel()
    model.fit(rows, wrong)
    with pytest.raises(ValueError, match="same encoder"):
        model.score([replace(rows[0], prompt_vector=np.ones(5, np.float32))])


def test_out_of_fold_never_sees_a_rows_own_group() -> None:
    """Verdicts drawn by lot for each question, and vectors that name the question: whoever sees the group knows the verdict."""
    rng = np.random.default_rng(0)
    rows, _ = rows_of(240, signal=False)
    by_group = {f"q{i}": rng.normal(size=WIDTH).astype(np.float32) for i in range(120)}
    rows = [
        replace(r, prompt="Say yes.", answer="Yes.", prompt_vector=by_group[r.group], answer_vector=None, model="m")
        for r in rows
    ]
    lot = {group: float(rng.integers(2)) for group in by_group}
    wrong = [lot[row.group] for row in rows]
    risk = out_of_fold(rows, wrong, folds=4)
    assert 0.3 < auroc(risk, wrong) < 0.7
    assert ((risk >= 0) & (risk <= 1)).all()
    np.testing.assert_array_equal(risk, out_of_fold(rows, wrong, folds=4))


def test_folds_keep_groups_whole_and_do_not_hang_on_the_order() -> None:
    groups = [f"q{i // 3}" for i in range(30)]
    folds = fold_of(groups, 5, seed=0)
    assert all(len({f for f, g in zip(folds, groups, strict=True) if g == name}) == 1 for name in groups)
    assert np.bincount(folds).tolist() == [6] * 5
    np.testing.assert_array_equal(fold_of(groups[::-1], 5, seed=0), folds[::-1])
    with pytest.raises(ValueError, match="two folds"):
        out_of_fold(rows_of()[0], rows_of()[1], folds=1)


def test_nearest_verdicts_leave_the_own_group_out() -> None:
    """Two bundles of near-equal vectors: wrong ones and right ones; one row of the wrong bundle has a group of its own verdict."""
    rng = np.random.default_rng(0)
    centres = np.repeat([[1.0, 0, 0, 0], [0, 1.0, 0, 0]], 20, axis=0)
    vectors = list(centres + 0.05 * rng.normal(size=(40, 4)))
    wrong, groups = np.repeat([1.0, 0.0], 20), [f"g{i}" for i in range(40)]
    memory = VectorMemory().fit(vectors, wrong, groups)
    names, found = memory.features("v", vectors, groups)
    near, cosine = found[:, names.index("v_near_wrong")], found[:, names.index("v_near_cosine")]
    assert near[:20].min() > 0.8 and near[20:].max() < 0.2
    assert cosine.max() < 1 - 1e-6  # the row itself is never its neighbour
    _, as_other = memory.features("v", vectors[:1], ["a new question"])
    assert as_other[0, names.index("v_near_cosine")] == pytest.approx(1.0, abs=1e-3)


def test_nearest_verdicts_without_any_other_group_are_the_average() -> None:
    vectors = [np.eye(12)[i] for i in range(12)]
    wrong = np.array([1.0] * 3 + [0.0] * 9)
    names, found = VectorMemory().fit(vectors, wrong, ["one"] * 12).features("v", vectors, ["one"] * 12)
    assert found[:, names.index("v_near_wrong")] == pytest.approx(np.full(12, 0.25))


def test_surface_features_of_a_sum() -> None:
    found = surface_features("Ann has 12 apples and buys 30 more. How many has she?", "12 + 12 = 25\nA: 25")
    assert found["answer_wrong_equations"] == pytest.approx(np.log1p(1))
    assert found["pair_unused"] == pytest.approx(np.log1p(1))  # 30
    assert found["pair_taken_often"] == pytest.approx(np.log1p(1))  # 12 twice
    assert found["answer_final_number"] == 1 and found["answer_final_whole"] == 1 and found["pair_final_given"] == 0
    assert found["answer_sign_add"] == pytest.approx(np.log1p(1))
    assert found["prompt_cue_compare"] == pytest.approx(np.log1p(1))


def test_surface_features_see_what_is_asked_for() -> None:
    asked = "Ann buys 3 pens for $2 each. How many dollars does she pay?"
    assert surface_features(asked, "3 * 2 = 6\nA: $6")["pair_money_differs"] == 0
    assert surface_features(asked, "3 * 2 = 6\nA: 6 pens")["pair_money_differs"] == 1


def test_surface_features_of_translations() -> None:
    found = surface_features("Am 3. Mai kam Anna nach Bonn.", "On 4 May, Paul came to Bonn!")
    assert found["pair_names_missing"] > 0 and found["pair_names_added"] > 0 and found["pair_marks_added"] > 0


@pytest.mark.parametrize("text", ["", " ", "\n\n", "🙂", "9" * 5000, "1/0 = 2", "x" * 50_000, "<<1/0=3>>", "A: -1e999"])
def test_surface_features_are_finite_for_any_text(text: str) -> None:
    for found in (surface_features(text, "A: 3"), surface_features("How many?", text)):
        assert all(np.isfinite(value) for value in found.values())
