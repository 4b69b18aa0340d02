"""Votes, past verdicts and calibration put together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.metrics import auroc
from core.projects import ANNOTATORS
from core.risk.base import ACCEPTABLE, FAULTY, RiskRow, Scored
from core.risk.history import HistoryRow
from core.risk.stack import HISTORY, RiskCase, RiskStack

N = 240


def world(seed: int = 0, n: int = N) -> tuple[list[RiskCase], list[float]]:
    """Wrong answers are long ones, mostly, which no vote sees; one source sees what is left."""
    draw = np.random.default_rng(seed)
    cases, wrong = [], []
    for place in range(n):
        long, slip = draw.random() < 0.4, draw.random() < 0.2
        faulty = slip or (long and draw.random() < 0.8)
        said = faulty if draw.random() < 0.7 else not faulty
        answer = "word " * (60 if long else 12) + str(place)
        vector = draw.normal(size=6).astype(np.float32)
        row = RiskRow(vector, {"check": FAULTY if said else ACCEPTABLE}, ACCEPTABLE)
        cases.append(RiskCase(row, HistoryRow(f"question {place}", answer, "m", None, vector, {}, str(place))))
        wrong.append(float(faulty))
    return cases, wrong


@pytest.fixture(scope="module")
def fitted() -> RiskStack:
    cases, wrong = world()
    return RiskStack.fit("polar", cases, list(wrong), 2, version="7")


def test_history_adds_what_the_votes_do_not_see(fitted: RiskStack) -> None:
    cases, wrong = world(seed=1)
    alone = RiskStack.fit("polar", world()[0], list(world()[1]), 2, use_history=False)
    both, votes = ([one.value for one in stack.estimate(cases)] for stack in (fitted, alone))
    assert fitted.method == "polar + history"
    assert alone.method == "polar"
    assert auroc(both, wrong) > auroc(votes, wrong) + 0.05


def test_what_is_shown(fitted: RiskStack) -> None:
    shown = fitted.estimate(world(seed=2)[0])[0]
    assert (shown.calibrated, shown.reviewed, shown.version, shown.method) == (True, N, "7", "polar + history")
    assert shown.low is not None
    assert shown.high is not None
    assert shown.raw is not None
    assert shown.low <= shown.value <= shown.high
    assert HISTORY in dict(shown.drivers)


def test_before_any_review_it_says_so() -> None:
    cases, _ = world(n=40)
    stack = RiskStack.fit("polar", cases, [None] * 40, 2)
    shown = stack.estimate(cases)[0]
    assert (shown.calibrated, shown.reviewed, shown.low, shown.raw) == (False, 0, None, shown.value)
    few = RiskStack.fit("polar", cases[:5], [None] * 5, 2)
    assert few.method == "vote_share"
    assert RiskStack().estimated(Scored(0.3, (("a", 0.5),))).drivers == (("a", 0.5),)


def test_its_state_restores_it_exactly(fitted: RiskStack) -> None:
    cases, _ = world(seed=3)
    again = RiskStack.from_state(json.loads(json.dumps(fitted.state())), "7")
    assert again.estimate(cases) == fitted.estimate(cases)
    assert again.state() == fitted.state()
    with pytest.raises((ValueError, LookupError)):
        RiskStack.from_state({"model": {"name": "polar", "format": -1}}, "7")


def test_a_verdict_never_meets_a_risk_that_knew_it() -> None:
    """Past reviews as votes agree with the verdict by nature: calibration must not take that for skill."""
    cases, wrong = world()
    told = [
        RiskCase(
            RiskRow(case.row.embedding, {**case.row.votes, ANNOTATORS: FAULTY if bad else ACCEPTABLE}, ACCEPTABLE),
            case.history,
        )
        for case, bad in zip(cases, wrong, strict=True)
    ]
    stack = RiskStack.fit("polar", told, list(wrong), 2, use_history=False)
    raw, said = np.array(stack.pairs).T
    assert auroc(raw, said) < 0.85


def test_the_older_votes_model_stays_until_a_newer_one_is_better() -> None:
    cases, _ = world(n=300)
    said: list[float | None] = [None] * 300
    held = [place % 5 == 0 for place in range(300)]
    good = RiskStack.fit("polar", cases, said, 2, held=held, version="1")
    turned = [RiskRow(c.row.embedding, {"check": int(c.row.embedding[0] < 0)}, ACCEPTABLE) for c in cases]
    clear = [RiskRow(c.row.embedding, {"check": int(c.row.embedding[0] > 0)}, ACCEPTABLE) for c in cases]
    first = RiskStack.fit("polar", [RiskCase(row) for row in clear], said, 2, held=held, version="1")
    mixed = [RiskCase(row if out else turned[i]) for i, (row, out) in enumerate(zip(clear, held, strict=True))]
    worse = RiskStack.fit("polar", mixed, said, 2, held=held, version="2", incumbent=first)
    assert worse.figures["kept"] == "1"
    assert worse.model is first.model
    better = RiskStack.fit("polar", [RiskCase(row) for row in clear], said, 2, held=held, version="3", incumbent=good)
    assert "kept" not in better.figures
    assert better.figures["vote_loss"] < better.figures["vote_loss_before"]
