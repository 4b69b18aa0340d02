from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from core.harmonizer import Harmonizer, scalarize
from core.metrics import ece, risk_r2, top_error
from core.risk.base import ACCEPTABLE, FAULTY, RiskRow
from core.risk.calibrators import held_out_loss
from core.risk.polar import PolarRisk, reliability

HOW = [("linear", 2.0), ("square", 4.0), ("2-norm", 2.5**0.5), ("max", 1.5)]


def rows_of(n: int = 200, seed: int = 0) -> list[RiskRow]:
    """Text that says nothing; two sources right in 9 of 10, one that guesses, and a third of all votes missing."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        wrong = draw.random() < 0.4
        said = {"good": 0.9, "fair": 0.8, "coin": 0.5}
        votes = {s: int(wrong if draw.random() < p else not wrong) for s, p in said.items() if draw.random() < 0.67}
        found.append(RiskRow(draw.normal(size=8).astype(np.float32), votes, ACCEPTABLE))
    return found


@pytest.fixture(scope="module")
def fitted() -> PolarRisk:
    risk = PolarRisk()
    risk.fit(rows_of(), 2)
    return risk


@pytest.mark.parametrize(("how", "expected"), HOW)
def test_golden_scalarizers(how: str, expected: float) -> None:
    losses, weights = torch.tensor([[1.0, 3.0], [7.0, 7.0]]), torch.tensor([0.5, 0.5])
    voted = torch.tensor([[True, True], [False, False]])
    found = scalarize(losses, voted, weights, how).tolist()  # type: ignore[arg-type]
    assert found == [pytest.approx(expected, abs=1e-4), pytest.approx(0, abs=1e-5)]


def test_a_row_on_which_all_abstain_teaches_the_harmonizer_nothing() -> None:
    few = rows_of(60)
    silent = [RiskRow(np.full(8, 9, np.float32), {}, k % 2) for k in range(2)]
    known = [RiskRow(row.embedding, row.votes, k % 2) for k, row in enumerate(few)]
    a, b = PolarRisk("lr"), PolarRisk("lr")
    a.fit(known, 2)
    b.fit([*known, *silent], 2)
    assert a.state()["networks"] == b.state()["networks"]


def test_risk_rises_when_a_reliable_source_votes_faulty(fitted: PolarRisk) -> None:
    x = np.zeros(8, np.float32)
    cases = [
        {},
        {"good": FAULTY},
        {"good": ACCEPTABLE},
        {"coin": FAULTY},
        {"good": FAULTY, "fair": FAULTY},
        {"good": -1},
    ]
    none, faulty, fine, coin, both, abstained = (
        s.value for s in fitted.score([RiskRow(x, v, ACCEPTABLE) for v in cases])
    )
    assert fine < none < faulty < both
    assert faulty - none > 3 * abs(coin - none)
    assert abstained == none


def test_drivers_sum_to_the_difference_from_the_prior(fitted: PolarRisk) -> None:
    rows = rows_of(20, seed=5)
    for row, scored, prior in zip(rows, fitted.score(rows), fitted.prior(rows), strict=True):
        moved = np.log(scored.value / (1 - scored.value)) - np.log(prior / (1 - prior))
        assert sum(change for _, change in scored.drivers) == pytest.approx(moved, abs=1e-6)
        assert {source for source, _ in scored.drivers} == set(row.votes)
        assert [abs(c) for _, c in scored.drivers] == sorted((abs(c) for _, c in scored.drivers), reverse=True)


def test_three_classes_and_their_drivers() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 150)
    rows = [
        RiskRow(
            (np.eye(3)[y] + draw.normal(size=3) * 0.3).astype(np.float32),
            {"a": int(y), "b": int((y + (k % 4 == 0)) % 3)},
            k % 3,
        )
        for k, y in enumerate(truth)
    ]
    risk = PolarRisk("lr")
    risk.fit(rows, 3)
    wrong = np.array([row.answer for row in rows]) != truth
    values = np.array([s.value for s in risk.score(rows)])
    assert values[wrong].min() > values[~wrong].max()
    moved = [sum(c for _, c in s.drivers) for s in risk.score(rows)]
    prior = risk.prior(rows)
    assert np.log(values / (1 - values)) - np.log(prior / (1 - prior)) == pytest.approx(moved, abs=1e-5)


def test_a_source_that_the_others_contradict_counts_for_little(fitted: PolarRisk) -> None:
    doubts = fitted.accuracies()
    assert doubts["good"] > doubts["fair"] > doubts["coin"]
    assert doubts["coin"] == pytest.approx(0.5, abs=0.12)


def test_reliability_is_a_distribution_over_votes_and_abstention() -> None:
    votes = np.array([[0, 1], [1, 1], [-1, 0], [1, -1]] * 10)
    for logs in reliability(np.full((40, 2), 0.5), votes):
        assert (np.exp(logs).sum(axis=1) <= 1 + 1e-9).all()


def test_reviews_choose_how_much_the_sources_count() -> None:
    """Three classes that the text shows and rules that guess: once people have said so, the rules count for less."""
    draw = np.random.default_rng(4)
    truth = draw.integers(0, 3, 600)
    rows = [
        RiskRow(
            (np.eye(3)[y] * 1.5 + draw.normal(size=3) * 0.5).astype(np.float32),
            {f"r{j}": int(y if draw.random() < 0.45 else draw.integers(0, 3)) for j in range(5)},
            int(draw.integers(0, 3)),
        )
        for y in truth
    ]
    wrong = np.array([row.answer for row in rows]) != truth
    plain, tuned = PolarRisk(), PolarRisk()
    plain.fit(rows, 3)
    tuned.load(plain.state())
    tuned.tune(rows[:100], wrong[:100].astype(float))
    losses = [
        held_out_loss("platt", _values(risk, rows[100:]), wrong[100:], np.ones(500)).mean() for risk in (plain, tuned)
    ]
    assert losses[1] <= losses[0]
    again = PolarRisk()
    again.load(json.loads(json.dumps(tuned.state())))
    assert again.score(rows[:5]) == tuned.score(rows[:5])


def test_what_reviews_do_not_tell_stays_as_it_was(fitted: PolarRisk) -> None:
    rows, same = rows_of(80, seed=9), PolarRisk()
    same.load(fitted.state())
    same.tune(rows, np.random.default_rng(0).integers(0, 2, 80).astype(float))
    assert same.state() == fitted.state()


def _values(risk: PolarRisk, rows: list[RiskRow]) -> np.ndarray:
    return np.array([scored.value for scored in risk.score(rows)])


def test_state_is_json_and_loads_exactly(fitted: PolarRisk) -> None:
    rows = rows_of(30, seed=3)
    again = PolarRisk("lr", "max")
    again.load(json.loads(json.dumps(fitted.state())))
    assert [s for s in again.score(rows)] == [s for s in fitted.score(rows)]
    assert again.state() == fitted.state()
    with pytest.raises(ValueError, match="not a saved POLAR model"):
        again.load({"name": "vote_share"})


def test_the_same_seed_gives_the_same_model() -> None:
    one, two, other = PolarRisk(), PolarRisk(), PolarRisk()
    torch.manual_seed(1)
    one.fit(rows_of(60), 2, seed=4)
    before = torch.rand(1)
    torch.manual_seed(1)
    two.fit(rows_of(60), 2, seed=4)
    assert torch.equal(before, torch.rand(1)), "fitting leaves the process's own random numbers alone"
    other.fit(rows_of(60), 2, seed=5)
    assert one.state() == two.state() != other.state()


def test_too_little_to_learn_from() -> None:
    with pytest.raises(ValueError, match="POLAR needs 20 outputs with a vote to learn from; there are 19"):
        PolarRisk().fit([*rows_of(300)[:0], *[RiskRow(np.zeros(3, np.float32), {"a": 1}, 0)] * 19], 2)
    with pytest.raises(ValueError, match="there are 0"):
        PolarRisk().fit([RiskRow(np.zeros(3, np.float32), {"model": 0}, 0)] * 50, 2)
    with pytest.raises(ValueError, match="fit or load"):
        PolarRisk().score(rows_of(1))
    with pytest.raises(ValueError, match="polar has no"):
        PolarRisk("bert")  # type: ignore[arg-type]


def test_scoring_loads_no_torch(tmp_path: Path, fitted: PolarRisk) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps(fitted.state()))
    code = (
        "import json, sys, numpy as np\nfrom core.risk import REGISTRY\nfrom core.risk.base import RiskRow\n"
        f"risk = REGISTRY.make('polar'); risk.load(json.load(open({str(state)!r})))\n"
        "risk.score([RiskRow(np.zeros(8, np.float32), {}, 0)])\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_probabilities_are_those_of_the_network() -> None:
    net = Harmonizer(([(np.eye(2, dtype=np.float32), np.array([0, 1], np.float32))],))
    expected = torch.softmax(torch.tensor([[2.0, 1.0]]) + torch.tensor([0.0, 1.0]), 1)
    assert net.probabilities(np.array([[2.0, 1.0]], np.float32)) == pytest.approx(expected.numpy())


@pytest.mark.shared_data
@pytest.mark.models
@pytest.mark.timeout(900)
@pytest.mark.parametrize("family", ["mlp", "lr"])
def test_youtube_spam_with_one_source_as_the_model(shared: Path, family: str) -> None:
    """Source 9 (most votes) is the judged model; POLAR, majority vote and label model get the votes of the other nine."""
    records = [json.loads(line) for line in (shared / "data" / "text_weak" / "youtube.jsonl").read_bytes().splitlines()]
    train = [r for r in records if r["part"] == "train"][:800]  # half of them: embedding is what takes the time
    records = [*train, *(r for r in records if r["part"] == "test")]
    vectors = _embedded(tuple(r["text"] for r in records))
    rows, gold, part = _youtube(records, vectors)
    test = [k for k, where in enumerate(part) if where == "test" and rows[k].votes["llm"] >= 0]
    judged = [RiskRow(rows[k].embedding, _others(rows[k]), rows[k].votes["llm"]) for k in test]
    wrong = np.array([rows[k].votes["llm"] != gold[k] for k in test], float)
    risk = PolarRisk(family)  # type: ignore[arg-type]
    started = time.perf_counter()
    risk.fit([RiskRow(row.embedding, _others(row), row.answer) for row in rows[: len(train)]], 2)
    assert time.perf_counter() - started < 60
    scores = [s.value for s in risk.score(judged)]
    votes = np.array([[row.votes[f"s{j}"] for j in range(9)] for row in rows])
    answers = np.array([row.answer for row in judged])
    majority = 1 - _majority(votes[test])[np.arange(len(test)), answers]
    label_model = 1 - _label_model(votes[: len(train)], votes[test])[np.arange(len(test)), answers]
    assert ece(scores, wrong) < min(ece(majority, wrong), ece(label_model, wrong))
    assert risk_r2(scores, wrong) >= 0.5
    attainable = min(1.0, wrong.sum() / max(1, round(0.1 * len(wrong))))
    assert top_error(scores, wrong, 0.1) >= min(2 * wrong.mean(), 0.95 * attainable)


_CACHE: dict[int, np.ndarray] = {}


def _embedded(texts: tuple[str, ...]) -> np.ndarray:
    if hash(texts) not in _CACHE:
        import core.generators  # noqa: F401
        from core.embedding import Embedder

        _CACHE[hash(texts)] = Embedder().embed(texts)
    return _CACHE[hash(texts)]


def _others(row: RiskRow) -> dict[str, int]:
    return {source: vote for source, vote in row.votes.items() if source != "llm"}


def _youtube(records: list[dict], vectors: np.ndarray) -> tuple[list[RiskRow], list[int], list[str]]:
    rows = []
    for record, vector in zip(records, vectors, strict=True):
        weak = dict(record["weak"])
        votes = {f"s{j}": weak.get(j, -1) for j in range(9)} | {"llm": weak.get(9, -1)}
        rows.append(RiskRow(vector, votes, weak.get(9, -1)))  # where it abstained it is not judged
    return rows, [r["label"] for r in records], [r["part"] for r in records]


def _majority(votes: np.ndarray) -> np.ndarray:
    counts = np.stack([(votes == k).sum(1) for k in range(2)], axis=1).astype(float)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 0.5)


def _label_model(learn: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Independent sources given the class, even classes, by expectation maximisation from the majority vote; no text."""

    def belief(of: np.ndarray, rates: list[np.ndarray]) -> np.ndarray:
        logs = sum(np.log(rates[j])[:, of[:, j] + 1].T for j in range(of.shape[1]))
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    known = _majority(learn)
    for _ in range(100):
        counts = [
            np.stack([known[learn[:, j] == v].sum(axis=0) for v in (-1, 0, 1)], axis=1) + 0.01
            for j in range(learn.shape[1])
        ]
        rates = [c / c.sum(axis=1, keepdims=True) for c in counts]
        known = belief(learn, rates)
    return belief(votes, rates)
