from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.metrics import ece
from core.risk.calibrate import Calibration, fit
from core.risk.calibrators import CALIBRATORS


def drawn(n: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    """Risks that are far too sure: the true log-odds are a third of the stated ones, less one half."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(0, 3, n)
    wrong = draw.random(n) < 1 / (1 + np.exp(-(odds / 3 - 0.5)))
    return [float(v) for v in 1 / (1 + np.exp(-odds))], [bool(w) for w in wrong]


def test_too_few_or_one_verdict_only_stays_uncalibrated() -> None:
    risks, wrong = drawn(29)
    assert fit(risks, wrong) is None
    assert fit([0.2] * 40, [True] * 40) is None


def test_it_agrees_with_an_unpenalised_logistic_regression() -> None:
    risks, wrong = drawn(4000)
    found = fit(risks, wrong)
    assert found is not None
    assert found.method == "platt"
    odds = np.log(np.array(risks) / (1 - np.array(risks)))[:, None]
    model = LogisticRegression(C=1e9).fit(odds, wrong)
    assert found.params["slope"][0] == pytest.approx(model.coef_[0, 0], rel=0.02)
    assert found.params["shift"][0] == pytest.approx(model.intercept_[0], rel=0.03)


def test_it_lowers_the_calibration_error_of_other_outputs() -> None:
    found = fit(*drawn(300))
    risks, wrong = drawn(2000, seed=1)
    assert found is not None
    assert ece([found.apply(r)[0] for r in risks], wrong) < 0.5 * ece(risks, wrong)


def test_it_never_turns_the_order_round() -> None:
    risks, wrong = drawn(200)
    for method in CALIBRATORS:
        found = fit(risks, [not w for w in wrong], method=method)
        assert found is not None
        values = found.values(np.linspace(0, 1, 101))
        assert (np.diff(values) >= -1e-12).all()
        assert values[50] == pytest.approx(1 - np.mean(wrong), abs=0.1)


def test_few_reviews_hardly_move_a_risk_that_is_right_already() -> None:
    draw = np.random.default_rng(4)
    moved = []
    for _ in range(40):
        risks = draw.random(40)
        found = fit(risks.tolist(), (draw.random(40) < risks).tolist())
        assert found is not None
        moved.append(np.abs(found.values([0.1, 0.3, 0.5, 0.7, 0.9]) - [0.1, 0.3, 0.5, 0.7, 0.9]).mean())
    assert np.mean(moved) < 0.07


def test_each_calibrator_is_taken_where_it_is_right() -> None:
    draw = np.random.default_rng(1)
    risks = draw.random(1500)
    steps = np.where(risks < 0.4, 0.05, np.where(risks < 0.6, 0.5, 0.55))
    bent = risks**3 / (risks**3 + (1 - risks) ** 0.2)
    assert _chosen(risks, draw.random(1500) < steps) == "isotonic"
    assert _chosen(risks, draw.random(1500) < bent) in ("beta", "isotonic")
    assert _chosen(risks, draw.random(1500) < risks) == "platt"


def _chosen(risks: np.ndarray, wrong: np.ndarray) -> str:
    found = fit(risks.tolist(), wrong.tolist())
    assert found is not None
    return found.method


@pytest.mark.parametrize("method", list(CALIBRATORS))
def test_its_state_restores_it_exactly(method: str) -> None:
    found = fit(*drawn(200), method=method)
    assert found is not None
    again = Calibration.from_state(json.loads(json.dumps(found.state())))
    assert again == found
    assert (again.values([0, 0.2, 0.7, 1]) == found.values([0, 0.2, 0.7, 1])).all()
    with pytest.raises(ValueError, match="no calibrator"):
        Calibration.from_state({"method": "crystal ball"})


def test_the_interval_holds_the_value_and_narrows_with_reviews() -> None:
    few, many = fit(*drawn(40)), fit(*drawn(4000))
    assert few is not None
    assert many is not None
    for risk in (0.0, 0.01, 0.5, 0.99, 1.0):
        value, low, high = few.apply(risk)
        assert 0 <= low <= value <= high <= 1
        assert many.apply(risk)[2] - many.apply(risk)[1] < high - low


def test_unequal_lengths() -> None:
    with pytest.raises(ValueError):
        fit([0.1], [])
