"""The evidence map: it finds what makes a synthetic bag faulty, does not care for the order, and is shown only when above chance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core.metrics import auroc
from core.risk import evidence_map
from core.risk.evidence_map import EvidenceMap, against_chance, cross_heats, enough, fit, heat

D, N = 384, 32


def synthetic(count: int, seed: int) -> tuple[list[Any], list[bool], list[set[int]]]:
    """Bags of 32 random unit vectors; every second one is faulty and has one or two instances that lean to one direction."""
    rng = np.random.default_rng(seed)
    concept = np.random.default_rng(7).standard_normal(D)
    concept /= np.linalg.norm(concept)
    bags, faulty, where = [], [], []
    for k in range(count):
        bag = rng.standard_normal((N, D)) / np.sqrt(D)
        places = set(rng.choice(N, rng.integers(1, 3), replace=False).tolist()) if k % 2 else set()
        for place in places:
            bag[place] += 0.75 * concept
        bags.append((bag / np.linalg.norm(bag, axis=1, keepdims=True)).astype(np.float32))
        faulty.append(bool(k % 2))
        where.append(places)
    return bags, faulty, where


TRAIN, TEST = synthetic(240, 1), synthetic(160, 2)


@pytest.fixture(scope="module", params=[True, False], ids=["A+", "without A+"])
def fitted(request: pytest.FixtureRequest) -> EvidenceMap:
    return fit(TRAIN[0], TRAIN[1], refined=request.param)


def test_tells_faulty_bags_and_points_at_the_instance(fitted: EvidenceMap, record_property: Any) -> None:
    scored = [fitted.score(bag) for bag in TEST[0]]
    bags = auroc([logit for logit, _ in scored], TEST[1])
    top = np.mean([int(np.argmax(one)) in places for (_, one), places in zip(scored, TEST[2], strict=True) if places])
    record_property("refined", fitted.refined)
    record_property("bag_auroc", round(bags, 3))
    record_property("top_1", round(float(top), 3))
    assert bags >= 0.95 and top >= 0.90


def test_permuting_the_instances_permutes_the_attention_and_keeps_the_logit(fitted: EvidenceMap) -> None:
    order = np.random.default_rng(3).permutation(N)
    for bag in TEST[0][:10]:
        logit, attention = fitted.score(bag)
        moved_logit, moved = fitted.score(bag[order])
        assert abs(logit - moved_logit) <= 1e-5
        assert np.allclose(moved, attention[order], atol=1e-5)
        assert attention.sum() == pytest.approx(1) and (attention >= 0).all()


def test_numpy_scores_as_torch_trains(fitted: EvidenceMap) -> None:
    import torch

    bags = [TEST[0][0], TEST[0][1][:5], TEST[0][2][:2]]  # of different lengths, so that padding is seen through
    training = evidence_map._Training(evidence_map._padded(bags), torch.zeros(3), fitted.refined)
    training.weights = {name: torch.from_numpy(values) for name, values in fitted.weights.items()}
    with torch.no_grad():
        there = training.logits(torch.arange(3), training=False).numpy()
    assert np.allclose(there, [fitted.score(bag)[0] for bag in bags], atol=1e-4)


def test_the_refinement_changes_something(fitted: EvidenceMap) -> None:
    plain = EvidenceMap(fitted.weights, refined=not fitted.refined)
    assert not np.allclose(fitted.score(TEST[0][1])[1], plain.score(TEST[0][1])[1], atol=1e-3)


def test_the_state_is_json_and_restores_the_scores(fitted: EvidenceMap) -> None:
    state = json.loads(json.dumps(fitted.state()))
    again = EvidenceMap.load(state)
    logit, attention = fitted.score(TEST[0][1])
    assert again.score(TEST[0][1])[0] == pytest.approx(logit, abs=1e-5)
    shares = heat(state, TEST[0][1])
    assert (
        shares is not None and shares == pytest.approx(attention.tolist(), abs=1e-5) and sum(shares) == pytest.approx(1)
    )
    with pytest.raises(ValueError, match="fit it again"):
        EvidenceMap.load({**state, "format": 99})


def test_there_is_no_heat_without_a_map_for_one_step_or_for_other_vectors(fitted: EvidenceMap) -> None:
    state = fitted.state()
    assert heat(None, TEST[0][0]) is None
    assert heat(state, TEST[0][0][:1]) is None
    assert heat(state, TEST[0][0][:, :100]) is None


def test_the_same_seed_gives_the_same_map() -> None:
    small = [bag[:6] for bag in TRAIN[0][:70]]
    one, two = (fit(small, TRAIN[1][:70], seed=5).state() for _ in range(2))
    assert one == two


@pytest.mark.parametrize("faulty", [[True, False] * 20, [True] * 100, [True] * 90 + [False] * 14])
def test_too_little_is_refused_in_words(faulty: list[bool]) -> None:
    assert not enough(faulty)
    with pytest.raises(ValueError, match=f"needs {evidence_map.FEWEST_BAGS} reviewed answers"):
        fit([np.zeros((2, 4), np.float32)] * len(faulty), faulty)


def test_crossed_heats_come_from_maps_that_have_not_seen_the_bag() -> None:
    bags, faulty = [bag[:6] for bag in TRAIN[0][:120]], TRAIN[1][:120]
    wanted = [1, 3, 5]
    crossed = cross_heats(bags, faulty, wanted)
    assert sorted(crossed) == wanted
    flipped = list(faulty)
    flipped[1] = False  # the verdict of bag 1 must not move its own heat
    assert np.allclose(cross_heats(bags, flipped, [1])[1], crossed[1])


# --- hit rates


def test_hit_rates_counted_by_hand() -> None:
    heats = [[0.1, 0.6, 0.2, 0.1], [0.7, 0.1, 0.1, 0.05, 0.05], [1.0]]
    found = against_chance(heats, [1, 3, 0])
    assert found.n == 2  # an answer of one step says nothing
    assert (found.hit_1, found.hit_3) == (0.5, 0.5)
    assert found.chance_1 == pytest.approx((1 / 4 + 1 / 5) / 2) and found.chance_3 == pytest.approx((3 / 4 + 3 / 5) / 2)
    assert found.gain_1[1] <= found.gain_1[0] <= found.gain_1[2]


def test_heat_that_says_nothing_hides_itself() -> None:
    rng = np.random.default_rng(0)
    heats = [rng.dirichlet(np.ones(5)) for _ in range(400)]
    assert not against_chance(heats, rng.integers(0, 5, 400).tolist()).above_chance


def test_heat_that_points_right_is_shown_but_only_after_enough_marks() -> None:
    rng = np.random.default_rng(0)
    heats = [rng.dirichlet(np.ones(5)) for _ in range(60)]
    marked = [int(np.argmax(one)) if k % 3 else 0 for k, one in enumerate(heats)]
    assert against_chance(heats, marked).above_chance
    few = evidence_map.FEWEST_MARKED - 1
    assert not against_chance(heats[:few], marked[:few]).above_chance
    assert against_chance([], []).n == 0 and not against_chance([], []).above_chance
