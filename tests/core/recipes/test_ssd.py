"""SSD by hand, and on a small network that learned a trigger: half of what was lost is back at little cost (paper 29)."""

from __future__ import annotations

import numpy as np
import pytest

from core.recipes import REGISTRY
from core.recipes.base import Importance
from core.recipes.ssd import dampened, importance
from core.recipes.swapped import swapped
from core.recipes.unlearning import judged
from tests.core.recipes.triggers import run


def test_three_weights_by_hand() -> None:
    """F_D = (1, 1, 4), F_f = (20, 5, 50): with alpha 10 the first and the third are picked, times 1/20 and 4/50."""
    kept = importance([np.array([1.0, -1.0, 2.0]), np.array([-1.0, 1.0, -2.0])])
    flagged = importance([np.array([6.0, 3.0, 8.0]), np.array([2.0, 1.0, 6.0])])
    assert kept.tolist() == [1, 1, 4] and flagged.tolist() == [20, 5, 50]
    found = Importance(kept, flagged)
    weights = np.array([2.0, -3.0, -5.0])
    assert dampened(weights, found, 10, 1).tolist() == pytest.approx([0.1, -3.0, -0.4])
    assert dampened(weights, found, 10, 15).tolist() == pytest.approx([1.5, -3.0, -5.0]), "min(15 * 4 / 50, 1) is 1"
    assert dampened(weights, found, 100, 1).tolist() == weights.tolist()


def test_squares_are_of_batch_gradients() -> None:
    assert importance([np.array([1.0]), np.array([-1.0])]).tolist() == [1]
    assert importance([np.array([0.0])]).tolist() == [0], "one batch of both rows: they cancel out"
    with pytest.raises(ValueError, match="at least one batch"):
        importance([])


def test_no_weight_ever_grows() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        weights = rng.normal(size=20)
        found = Importance(rng.exponential(size=20) * rng.integers(0, 2, 20), rng.exponential(size=20) ** 4)
        made = dampened(weights, found, float(10 ** rng.uniform(-2, 3)), float(10 ** rng.uniform(-2, 4)))
        assert (np.abs(made) <= np.abs(weights)).all() and np.isfinite(made).all()


def test_where_nothing_is_better_it_is_left_alone() -> None:
    weights = np.array([1.0, 2.0])
    found = Importance(np.array([1.0, 1.0]), np.array([9.0, 9.0]))
    kept = REGISTRY.make("ssd").settle(weights, found, lambda theta: float(np.abs(theta).sum()))
    assert kept.options == {} and kept.weights is weights
    less = REGISTRY.make("ssd").settle(weights, found, lambda theta: -float(np.abs(theta).sum()))
    assert less.options["alpha"] and np.abs(less.weights).sum() < 3


def test_a_trigger_is_forgotten_with_a_tenth_flagged() -> None:
    figures = run("trigger", seed=0)
    assert figures["ssd"]["recovered"] >= 0.5 and figures["ssd"]["clean_lost"] <= 0.03
    assert figures["retrain"]["recovered"] < figures["ssd"]["recovered"], "what was not flagged stays"


def test_swapped_labels_are_not_repaired_and_it_says_so() -> None:
    figures = run("swap", seed=0)
    assert figures["ssd"]["judged"]["fixed"] is False and figures["ssd"]["judged"]["says"].startswith("Not fixed")
    assert figures["swap"] is not None


def test_two_labels_that_are_exchanged_are_recognised() -> None:
    both = [("a", "b")] * 5 + [("b", "a")] * 4 + [("c", "a")] * 2 + [("a", "a")] * 50
    found = swapped(both)
    assert found is not None and (found.a, found.b, found.n_ab, found.n_ba) == ("a", "b", 5, 4)
    assert "5 times where b is right" in found.says() and "anew" in found.says()
    assert swapped([("a", "b")] * 30) is None, "one way is a bias, no exchange"
    assert swapped([("a", "b"), ("b", "a")]) is None, "too few to tell"
    assert swapped([("a", "b")] * 3 + [("b", "a")] * 3 + [("c", "d")] * 20) is None


@pytest.mark.parametrize(
    ("before", "after", "kept", "fixed"),
    [
        (0.2, 0.7, (0.8, 0.79), True),
        (0.2, 0.4, (0.8, 0.8), False),
        (0.2, 0.7, (0.8, 0.7), False),
        (None, None, (0.8, 0.8), None),
        (0.9, 0.9, (0.8, 0.8), None),
    ],
)
def test_fixed_or_not(before: float | None, after: float | None, kept: tuple[float, float], fixed: bool | None) -> None:
    found = judged(corrected_before=before, corrected_after=after, retained_before=kept[0], retained_after=kept[1])
    assert found["fixed"] is fixed
