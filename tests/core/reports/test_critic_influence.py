from __future__ import annotations

import pytest

from core.reports.critic_influence import ALL, FEWEST, CriticInfluenceReport, difference, earliest
from tests.core.step_reviews import review


def rows(shown: int, shown_hits: int, blind: int, blind_hits: int) -> list:  # type: ignore[type-arg]
    made = [review(k, 1 if k < shown_hits else 2, output=k, said={"a": 1, "b": -1}) for k in range(shown)]
    hidden = range(shown, shown + blind)
    return made + [
        review(k, 1 if k - shown < blind_hits else 2, output=k, said={"a": 1, "b": -1}, blind=True) for k in hidden
    ]


def test_people_follow_what_they_see() -> None:
    found = {one["critic"]: one for one in CriticInfluenceReport().compute(rows(50, 40, 40, 20))["critics"]}
    together = found[ALL]
    assert (together["shown"], together["blind"], together["difference"]) == (0.8, 0.5, pytest.approx(0.3))
    assert 0 < together["low"] < 0.3 < together["high"] < 0.6
    assert found["a"]["difference"] == pytest.approx(0.3) and found["b"]["shown"] == 0.0


def test_below_the_minimum_nothing_is_claimed() -> None:
    found = CriticInfluenceReport().compute(rows(50, 40, FEWEST - 1, 5))["critics"][0]
    assert not found["enough"] and found["difference"] is None and found["blind"] == pytest.approx(5 / 19)
    assert CriticInfluenceReport().compute([review(1, 1)])["critics"] == []


def test_interval_of_newcombe() -> None:
    """His example 1: 56 of 70 against 48 of 80."""
    assert difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-4)
    assert difference(0, 0, 1, 2) == (-1.0, 1.0)


def test_earliest_of_several_critics() -> None:
    assert earliest({"a": -1, "b": 3, "c": 2}) == 2
    assert earliest({"a": -1}) == -1
