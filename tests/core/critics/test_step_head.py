"""The head learns what it can learn, keeps to the first wrong step, and never sees a row's own group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput
from core.critics.step_features import NAMES, rows
from core.critics.step_head import Example, bundled, decide, fit, fold_of, load, trained
from core.error_suggestions import suggest, typed
from core.error_types import BY_KEY
from core.types import Critique, ItemType, Question, Step, StepLabel
from tests.core.critics.step_labels_made import labelled


def made(seed: int, informative: bool = True, n: int = 120) -> list[Example]:
    """Solutions in which feature 0 is high at the first wrong step."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        x = rng.normal(size=(4, len(NAMES)))
        first = int(rng.integers(-1, 4))
        if informative and first >= 0:
            x[first, 0] += 5
        found.append(Example(x, first, str(i // 2)))
    return found


def right(informative: bool) -> float:
    state = trained(made(0, informative), ridge=1.0)
    held = made(1, informative)
    return float(np.mean([decide(state.hazards(e.rows), state.margin)[0] == e.first_error for e in held]))


def test_learns_the_first_wrong_step() -> None:
    assert right(True) > 0.8
    assert right(False) < 0.5


def test_decides_by_the_likeliest_first_error() -> None:
    assert decide(np.array([0.1, 0.7, 0.8]), 0.0)[0] == 1
    assert decide(np.array([0.1, 0.1]), 0.0)[0] == -1
    assert decide(np.array([0.1, 0.1]), -4.0)[0] >= 0


def test_state_is_json_and_old_features_are_refused() -> None:
    state = fit(made(0), ridge=1.0)
    again = load(state.dump())
    assert np.allclose(again.weights, state.weights, atol=1e-5)
    with pytest.raises(ValueError, match="train it again"):
        load(state.dump().replace('"index"', '"other"'))
    with pytest.raises(ValueError, match="no state"):
        load("{}")
    with pytest.raises(ValueError, match="with a wrong step and solutions without"):
        fit([e for e in made(0) if e.first_error < 0])


def test_pulled_towards_its_start() -> None:
    start = fit(made(0), ridge=1.0)
    assert np.allclose(fit(made(1), start, ridge=1e6).weights[:-1], start.weights[:-1], atol=1e-2)


def test_groups_are_never_split() -> None:
    folds = fold_of(["a", "b", "a", "c"], 5, 0)
    assert folds[0] == folds[2] and len(set(folds)) == 3


def test_bundled_head_sees_a_slip() -> None:
    texts = ("Two bags of 3 are 2 * 3 = 8 apples.", "So the answer is 8.")
    steps = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(texts))
    found = REGISTRY.make("step_head").critique([CriticInput(Question("Two bags of 3?"), "\n".join(texts), steps)])[0]
    assert (found[-1].step_index, found[-1].label, found[-1].error_type) == (0, StepLabel.WRONG, "calculation_error")
    assert bundled().names == NAMES
    assert rows("Two bags of 3?", texts).shape == (2, len(NAMES))


def test_suggestions_are_known_types() -> None:
    problem = "Tom had 50 marbles and gave 12 to Ann. How many are left?"
    cases = {
        "50 - 12 = 37": "calculation_error",
        "50 + 12 = 62": "wrong_operator",
        "Tom starts with 80 marbles.": "wrong_given_value",
    }
    for step, kind in cases.items():
        assert suggest(problem, [step], 0) == kind
        assert kind in BY_KEY


def test_weight_counts_like_copies() -> None:
    some = made(0, n=40)
    heavy = [Example(e.rows, e.first_error, e.group, 3.0) if i < 9 else e for i, e in enumerate(some)]
    copied = [*some, *some[:9], *some[:9]]
    start = fit(made(1), ridge=1.0)
    assert np.allclose(fit(heavy, start).weights, fit(copied, start).weights, atol=1e-5)
    assert not np.allclose(fit(heavy, start).weights, fit(some, start).weights, atol=1e-3)


def test_few_labels_that_are_easy_to_part_do_not_blow_it_up() -> None:
    """Newton's full steps once sent the intercept to 90,000 here."""
    some = [Example(rows(x.problem, x.steps), x.first_error, x.group) for x in labelled(60)]
    state = fit(some, bundled())
    assert np.abs(state.weights).max() < 60
    assert np.isfinite(state.hazards(some[0].rows)).all()


def test_wrong_steps_without_a_type_get_a_suggestion() -> None:
    texts = ("50 - 12 = 37.", "So 37 are left.")
    steps = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(texts))
    said = [
        Critique(0, "m", StepLabel.WRONG, "no", 0.9),
        Critique(0, "n", StepLabel.WRONG, "no", 0.9, "unit_error"),
        Critique(1, "m", StepLabel.RIGHT, "yes", 0.9),
    ]
    question = Question("Tom had 50 marbles and gave 12 away. How many are left?")
    kinds = [one.error_type for one in typed(question, steps, said)]
    assert kinds == ["calculation_error", "unit_error", None]
    assert typed(replace(question, item_type=ItemType.TEXT), steps, said) == said
