from __future__ import annotations

from math import log

import numpy as np
import pytest

from core.risk.base import RiskRow
from core.risk.vote_share import VoteShareRisk


def score(votes: dict[str, int], answer: int = 0) -> tuple[float, dict[str, float]]:
    scored = VoteShareRisk().score([RiskRow(np.zeros(1, np.float32), votes, answer)])[0]
    return scored.value, dict(scored.drivers)


def test_smoothed_share() -> None:
    assert score({})[0] == 0.5
    assert score({"a": 1})[0] == pytest.approx(2 / 3)
    assert score({"a": 1, "b": 0, "c": -1, "model": 0})[0] == 0.5
    assert score({"a": 2, "b": 1}, answer=2)[0] == 0.5


def test_a_driver_is_what_leaving_the_vote_out_would_undo() -> None:
    value, drivers = score({"a": 1, "b": 1, "c": 0})
    without = score({"b": 1, "c": 0})[0]
    assert drivers["a"] == pytest.approx(log(value / (1 - value)) - log(without / (1 - without)))
    assert drivers["c"] < 0


def test_state() -> None:
    risk = VoteShareRisk()
    risk.fit([], 2)
    risk.load(risk.state())
    with pytest.raises(ValueError):
        risk.load({"name": "polar"})
