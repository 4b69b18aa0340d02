"""Simulations whose truth is known: labels with and without other drivers, entangled with quality, hidden ones, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.reports.label_drivers import Driver, Labels, crossfit, label_drivers

SEEDS = range(5)
N = 2000


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def simulated(
    seed: int, *, strictness: float = 1.0, length: float = 0.8, hidden: float = 0.0, overlap: float = 0.3
) -> tuple[Labels, np.ndarray]:
    """2,000 outputs of a known quality; eight annotators get items by quality, long answers are better and liked beyond that.

    A share of the outputs is judged by a second person at random. ``hidden`` is an effect of something that is not logged.
    """
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=N)
    x = quality[:, None] * rng.normal(size=24) + 0.5 * rng.normal(size=(N, 24))
    words = 0.6 * quality + 0.8 * rng.normal(size=N)
    own = strictness * np.linspace(1, -1, 8)
    first = np.clip(np.round(3.5 + 1.3 * quality + 1.2 * rng.normal(size=N)), 0, 7).astype(int)
    more = np.flatnonzero(rng.random(N) < overlap)
    second = (first[more] + rng.integers(1, 8, len(more))) % 8
    who = np.concatenate([first, second])
    place = np.concatenate([np.arange(N), more])
    unseen = -0.7 * quality[place] + rng.normal(size=len(place))
    y = quality[place] + own[who] + length * words[place] + hidden * unseen + 0.25 * rng.normal(size=len(place))
    people = [f"person {one}" for one in who]
    drivers = (Driver("length", words[place], "one standard deviation"),)
    return Labels(y, place, place, people, x[place], drivers), quality


def fitted(labels: Labels) -> Any:
    return label_drivers(labels)


def both(report: Any, quality: np.ndarray) -> tuple[float, float]:
    ids = sorted(report["scores"])
    raw, adjusted = (np.array([report["scores"][one][side] for one in ids]) for side in (0, 1))
    return spearman(raw, quality[ids]), spearman(adjusted, quality[ids])


@pytest.mark.parametrize("seed", SEEDS)
def test_adjusted_labels_order_by_quality(seed: int) -> None:
    labels, quality = simulated(seed)
    report = fitted(labels)
    raw, adjusted = both(report, quality)
    assert adjusted >= 0.90 and adjusted >= raw + 0.10, (raw, adjusted)
    assert report["removed"] == ["annotator", "length"]
    assert float(np.mean(report["adjusted"])) == pytest.approx(float(labels.y.mean()))
    found = {one.level: one for one in report["effects"]}
    for place, true in enumerate(np.linspace(1, -1, 8)):
        assert abs(found[f"person {place}"].effect - true) < 0.12
    assert found["one standard deviation"].effect == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_other_drivers_nothing_changes(seed: int) -> None:
    labels, quality = simulated(seed, strictness=0, length=0)
    raw, adjusted = both(fitted(labels), quality)
    assert abs(adjusted - raw) <= 0.02


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    inside = []
    for seed in SEEDS:
        for one in fitted(simulated(seed)[0])["effects"]:
            if one.driver == "annotator":
                true = np.linspace(1, -1, 8)[int(one.level.split()[1])]
                inside.append(one.low <= true <= one.high)
    assert np.mean(inside) > 0.85


def test_what_was_not_logged_is_not_claimed() -> None:
    clean, quality = simulated(0)
    hidden, _ = simulated(0, hidden=1.0)
    report = fitted(hidden)
    assert both(report, quality)[1] < 0.90, "it cannot be adjusted for"
    assert report["complete"] is False and "not logged is still in them" in report["limits"]
    assert report["unexplained"] > 2 * fitted(clean)["unexplained"], "two people on one output still differ"


def test_regressing_on_drivers_alone_would_take_quality_away() -> None:
    """Why f and g are fitted together: annotators get items by quality, so that their means hold quality too."""
    labels, quality = simulated(1)
    who = np.unique(labels.annotators, return_inverse=True)[1]
    alone = labels.y - (np.bincount(who, labels.y) / np.bincount(who))[who]
    ids, place = np.unique(labels.outputs, return_inverse=True)
    naive = np.bincount(place, alone) / np.bincount(place)
    assert spearman(naive, quality[ids]) < both(fitted(labels), quality)[1] - 0.03


def test_without_overlap_annotators_are_refused_in_words() -> None:
    labels, _ = simulated(0, overlap=0.0)
    report = fitted(labels)
    assert report["removed"] == ["length"] and report["unexplained"] is None
    ((name, why),) = report["refused"]
    assert name == "annotator" and "no two people judged 20 of the same answers" in why


def test_a_person_who_shares_nothing_is_named_and_left_alone() -> None:
    labels, _ = simulated(0)
    people = list(labels.annotators)
    last = np.flatnonzero(np.isin(labels.outputs, np.setdiff1d(np.arange(N), labels.outputs[N:])))[:30]
    for place in last:
        people[place] = "newcomer"
    report = fitted(Labels(labels.y, labels.outputs, labels.items, people, labels.x, labels.drivers))
    assert ("annotator", "not of newcomer: too few of their answers were judged by the others too") in report["refused"]
    assert "newcomer" not in {one.level for one in report["effects"]}


def anchored(share: float, seed: int = 0) -> tuple[Labels, float]:
    """A shown risk that follows quality and moves labels by -.5; hidden at random from a share."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=N)
    risk = -quality + 0.5 * rng.normal(size=N)
    seen = rng.random(N) >= share
    y = quality - 0.5 * seen * risk + 0.2 * rng.normal(size=N)
    x = np.hstack([quality[:, None] * rng.normal(size=8) + 0.5 * rng.normal(size=(N, 8)), risk[:, None]])
    why = "the risk that was shown follows quality"
    driver = Driver("shown risk", np.where(seen, risk, 0.0), "1", caused=why, instrument=np.where(seen, risk, 0.0))
    ids = np.arange(N)
    return Labels(y, ids, ids, ["one"] * N, x, (driver,)), -0.5


def test_what_quality_causes_is_removed_by_a_random_draw_alone() -> None:
    labels, true = anchored(0.3)
    report = fitted(labels)
    (effect,) = (one for one in report["effects"] if one.driver == "shown risk")
    assert effect.removed and effect.low <= true <= effect.high and effect.high < 0
    without = fitted(anchored(0.0)[0])
    assert "shown risk" not in without["removed"] and any("follows quality" in why for _, why in without["refused"])
    plain = Driver("model", np.array(["a", "b"] * (N // 2)), caused="a better model writes better answers")
    refused = fitted(Labels(labels.y, labels.outputs, labels.items, labels.annotators, labels.x, (plain,)))
    assert ("model", "a better model writes better answers") in refused["refused"] and not refused["removed"]


def test_pairs_that_flip_are_counted() -> None:
    """Two outputs of each item, the better one always judged by the strict person; overlap tells who is strict."""
    rng = np.random.default_rng(0)
    quality = np.tile([0.3, 0.0], 300)
    ids = np.arange(600)
    items = ids // 2
    y = quality + np.tile([-0.5, 0.0], 300) + 0.01 * rng.normal(size=600)
    again = np.arange(0, 100)
    y = np.concatenate([y, quality[again] + np.tile([0.0, -0.5], 50)])
    people = np.concatenate([np.tile(["strict", "kind"], 300), np.tile(["kind", "strict"], 50)])
    outputs = np.concatenate([ids, again])
    x = quality[outputs][:, None] + 0.05 * rng.normal(size=(700, 4))
    report = fitted(Labels(y, outputs, items[outputs], people.tolist(), x))
    assert report["pairs"] == 300 and report["flips"] >= 240


def test_few_labels_are_not_fitted() -> None:
    ids = np.arange(99)
    report = fitted(Labels(np.ones(99), ids, ids, ["a"] * 99, np.ones((99, 2))))
    assert report == {"status": "few", "n": 99, "least": 100}


def test_labels_that_are_all_the_same_and_drivers_that_never_change() -> None:
    ids = np.arange(200)
    driver = Driver("hour", np.array(["morning"] * 200))
    report = fitted(Labels(np.ones(200), ids, ids, ["a"] * 200, np.zeros((200, 3)), (driver,)))
    assert report["status"] == "fitted" and report["removed"] == [] and (report["adjusted"] == 1).all()


def test_predictions_come_from_other_outputs() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 5))
    groups = np.repeat(np.arange(100), 3)
    noise = np.repeat(rng.normal(size=100), 3)  # shared within a group: seen, it could be learned by heart
    found = crossfit(np.hstack([x, np.eye(100)[groups]]), noise[:, None], groups)
    assert abs(np.corrcoef(found[:, 0], noise)[0, 1]) < 0.35
    signal = x @ np.arange(1.0, 6)
    assert np.corrcoef(crossfit(x, signal[:, None], groups)[:, 0], signal)[0, 1] > 0.99
