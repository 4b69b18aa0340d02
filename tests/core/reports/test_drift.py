"""The drift alarm: seldom wrong while the calibration holds, soon there when it does not, and gone when it holds again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.reports.drift import ALARM, FEWEST, HELD_AT, SHIFT, cusum, drift

SPREADS = {"beta12": (1, 2), "beta19": (1, 9), "uniform": (1, 1)}


def first_alarm(rng: np.random.Generator, spread: tuple[int, int], shift: float, most: int) -> int:
    """After how many draws either side first alarms; ``most`` when neither did."""
    risks = rng.beta(*spread, most)
    wrong = rng.random(most) < np.clip(risks + shift, 0, 1)
    crossed = (cusum(risks, wrong, SHIFT) >= ALARM) | (cusum(risks, wrong, -SHIFT) >= ALARM)
    return int(np.argmax(crossed)) + 1 if crossed.any() else most


@pytest.mark.parametrize("spread", SPREADS)
def test_false_alarms_are_as_seldom_as_stated(spread: str) -> None:
    """About one in 1,000 draws: of stretches of 100, at most a tenth and some more alarm."""
    rng = np.random.default_rng(11)
    runs = [first_alarm(rng, SPREADS[spread], 0.0, 4000) for _ in range(50)]
    assert np.mean(runs) > 700
    assert np.mean([run <= 100 for run in runs]) < 0.15


@pytest.mark.parametrize(("spread", "direction"), [("beta12", 1), ("beta19", 1), ("uniform", 1), ("uniform", -1)])
def test_a_shift_is_noticed_within_the_stated_number_of_draws(spread: str, direction: int) -> None:
    rng = np.random.default_rng(12)
    runs = [first_alarm(rng, SPREADS[spread], direction * 0.15, 1000) for _ in range(200)]
    assert np.mean([run <= 100 for run in runs]) >= 0.85
    assert np.median(runs) <= 60


def shifted(rng: np.random.Generator, n: int, shift: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    risks = rng.beta(1, 2, n)
    return risks, rng.random(n) < np.clip(risks + shift, 0, 1)


def test_it_says_what_was_expected_and_what_came() -> None:
    rng = np.random.default_rng(2)
    got = drift(*shifted(rng, 200, 0.25))
    assert got.alarm == "up"
    assert (got.draws, got.recent) == (200, 40)
    assert got.expected is not None and got.observed is not None and got.low is not None and got.high is not None
    assert got.low <= got.observed <= got.high
    assert got.observed > got.expected
    calm = drift(*shifted(np.random.default_rng(3), 200, 0.0))
    assert calm.alarm == ""


def test_an_error_that_fell_is_told_apart() -> None:
    assert drift([0.5] * 100, [False] * 100).alarm == "down"


def test_the_alarm_ends_when_the_risk_is_right_again() -> None:
    rng = np.random.default_rng(4)
    before, after = shifted(rng, 300, 0.3), shifted(rng, 150, 0.0)
    assert drift(*before).alarm == "up"
    joined = [np.concatenate([before[k], after[k]]) for k in (0, 1)]
    assert drift(*joined).alarm == ""
    assert cusum(before[0], before[1], SHIFT).max() <= HELD_AT * (1 + 1e-9)


def test_too_few_draws_say_nothing_and_unequal_ones_are_refused() -> None:
    assert drift([0.5] * (FEWEST - 1), [True] * (FEWEST - 1)).alarm is None
    with pytest.raises(ValueError):
        drift([0.5], [])
