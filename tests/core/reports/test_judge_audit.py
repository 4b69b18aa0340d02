"""Rates per judge, counted by hand."""

from __future__ import annotations

import pytest

from core.critics.judge_audit import Judgement, audit, details, settle
from core.reports import REGISTRY
from core.reports.judge_audit import JudgedPair, pairs_of, step_figures
from core.types import Critique, StepLabel, Vote


def test_rates_per_judge() -> None:
    rows = [
        JudgedPair("m", "1", "1", "1", ("length-driven",)),
        JudgedPair("m", "1", "2", "2", ("position-sensitive",), asked_again=True, kept=True),
        JudgedPair("m", "2", "2", None),
        JudgedPair("m", None, "1", "2"),
        JudgedPair("n", "2", "1"),
    ]
    m, n = REGISTRY.make("judge_audit").compute(rows)["judges"]
    assert (m["judge"], m["pairs"], m["unreadable"]) == ("m", 4, 1)
    assert m["order_agreement"] == pytest.approx(2 / 3) and m["slot_kept"] == pytest.approx(1 / 3)
    # first slots of the three that can be read: 1 -> yes, 1 -> no; 1 -> yes, 2 -> yes; 2 -> no, 2 -> yes
    assert m["first_slot"] == pytest.approx(4 / 6)
    # verdicts for the longer one: two of two, one of two, none of one
    assert m["length_share"] == pytest.approx(3 / 5)
    assert m["chips"] == {"length-driven": 1, "position-sensitive": 1} and m["insistence"] == 1.0
    assert (n["order_agreement"], n["slot_kept"], n["first_slot"], n["length_share"]) == (0.0, 1.0, 0.0, None)
    assert n["insistence"] is None


def test_rows_come_from_stored_votes_and_nothing_else() -> None:
    flagged = Judgement("1", "2", ("long answer", "short"), judge="m")
    settled = settle(flagged, lambda advice: flagged)
    votes = [Vote("judge", details=details(settled)), Vote("arithmetic", details={"holds": 2}), Vote("judge")]
    (row,) = pairs_of(votes)
    assert row == JudgedPair("m", "1", "2", "1", audit(flagged).chips, asked_again=True, kept=True)


def test_a_critic_that_loves_the_last_step_shows() -> None:
    def wrong(step: int) -> Critique:
        return Critique(step, "c", StepLabel.WRONG, "", 1)

    lengths = [5, 9, 7]
    said = [(wrong(2), lengths), (wrong(2), lengths), (wrong(1), lengths), (wrong(0), [4])]
    said.append((Critique(0, "c", StepLabel.RIGHT, "", 1), lengths))
    (found,) = step_figures(said)
    assert (found["critic"], found["wrong"]) == ("c", 3)
    assert found["last_step"] == pytest.approx(2 / 3) and found["first_step"] == 0
    assert found["longest_step"] == pytest.approx(1 / 3) and found["chance"] == pytest.approx(1 / 3)
