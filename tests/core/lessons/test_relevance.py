"""The relevance gate on a table made by hand, what votes do to it, and what a project's own votes teach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.lessons.links import closest, link_scores
from core.lessons.relevance import (
    ACCEPT_AT,
    DEFAULT,
    NAMES,
    Features,
    Gate,
    Known,
    cheapest,
    cost_of,
    fit,
    mistakes,
    refitted,
)

BELONGS = Features(0.8, 0.8, 0.6)
UNLIKE = Features(0.1, 0.1, 0.0)


def test_what_is_near_is_accepted_and_what_is_not_is_not() -> None:
    assert DEFAULT.probability(BELONGS) > ACCEPT_AT > 0.5 > DEFAULT.probability(UNLIKE)
    assert DEFAULT.probability(Features(0.25, 0.25, 0.1)) < ACCEPT_AT
    assert DEFAULT.probability(Features(0.25, 0.25, 0.1, link=0.9)) > ACCEPT_AT, "past use speaks for it"
    assert all(w >= 0 for w in DEFAULT.weights[:4])


def test_not_relevant_votes_count_against_and_used_ones_take_that_back() -> None:
    said = [
        DEFAULT.probability(Features(0.35, 0.35, 0.2, 0.0, used, bad))
        for used, bad in ((0, 0), (0, 3), (20, 3), (9, 0))
    ]
    assert said[1] < said[2] <= said[0] == said[3]


def test_a_gate_is_kept_and_one_of_other_features_is_refused() -> None:
    assert Gate.from_state(DEFAULT.state()) == DEFAULT
    with pytest.raises(ValueError, match="fit it again"):
        Gate.from_state({**DEFAULT.state(), "names": [*NAMES[1:], "colour"]})


def test_fitting_finds_what_tells_them_apart() -> None:
    pairs = [(Features(n / 20, n / 20, 0.2), n > 10) for n in range(20)]
    gate = fit(pairs)
    assert gate.probability(Features(0.9, 0.9, 0.2)) > 0.8 > 0.2 > gate.probability(Features(0.1, 0.1, 0.2))
    with pytest.raises(ValueError, match="belong"):
        fit([(BELONGS, True)] * 4)


def known(n: int, features: Callable[[int], Features], belongs: Callable[[int], bool], **more: Any) -> list[Known]:
    return [Known(features(k), belongs(k), k, **more) for k in range(n)]


def test_a_projects_votes_win_only_where_they_predict_better() -> None:
    """Here lessons do not belong although they are near; there votes fall as the default expects."""
    against = known(80, lambda k: Features(0.9, 0.9, 0.5 if k % 2 else 0.1), lambda k: k % 2 == 0)
    gate, figures = refitted(against)
    assert figures["better"] and figures["own"]["loss"] < figures["default"]["loss"]
    assert figures["default"] | {"loss": 0} == {"wrong_accepts": 40, "wrong_rejects": 0, "cost": 80.0, "loss": 0}
    assert figures["own"]["cost"] == 0 and figures["held_out"] == 80
    assert gate.probability(Features(0.9, 0.9, 0.5)) < gate.accept_at <= gate.probability(Features(0.9, 0.9, 0.1))
    chance = np.random.default_rng(7).random(120)
    near = 0.2 + np.random.default_rng(8).random(120) / 4
    as_delivered = known(
        120,
        lambda k: Features(near[k], near[k], 0.2),
        lambda k: bool(chance[k] < DEFAULT.probability(Features(near[k], near[k], 0.2))),
    )
    assert not refitted(as_delivered)[1]["better"], "what the default says cannot be said better"


def test_few_votes_teach_nothing_and_verdicts_alone_judge_no_gate() -> None:
    few = known(29, lambda k: BELONGS if k % 2 else UNLIKE, lambda k: bool(k % 2))
    assert refitted(few) == (DEFAULT, {"votes": 29, "used": 14, "outcomes": 0, "better": False})
    outcomes = known(90, lambda k: BELONGS, lambda k: bool(k % 2), weight=0.2, voted=False)
    assert "own" not in refitted(outcomes)[1]
    with_them = refitted([*few, *few, *outcomes])[1]
    assert with_them["held_out"] == with_them["votes"] == 58 and with_them["outcomes"] == 90


def test_the_threshold_costs_least_when_a_wrong_accept_costs_two() -> None:
    """By hand: from .5 on two wrong rejects are saved for one wrong accept, which costs as much; nearer to 2/3 wins."""
    chances = [(0.9, True), (0.7, True), (0.6, False), (0.55, True), (0.5, True), (0.2, False)]
    assert 0.6 < cheapest(chances) <= 0.7 and cheapest([*chances, (0.52, True)]) < 0.5
    found = mistakes((chance >= 0.5, belongs) for chance, belongs in chances)
    assert found == {"wrong_accepts": 1, "wrong_rejects": 0} and cost_of(found) == 2.0
    assert cheapest([]) == ACCEPT_AT


def test_weights_count_as_so_many_votes() -> None:
    pairs = [(BELONGS, True), (UNLIKE, False), (Features(0.4, 0.4, 0.1), True), (Features(0.4, 0.4, 0.1), False)]
    twice = fit([*pairs, pairs[2]])
    weighed = fit(pairs, weights=[1, 1, 2, 1])
    assert weighed.weights == pytest.approx(twice.weights) and weighed.bias == pytest.approx(twice.bias)


def test_links_add_up_and_near_items_tell_most() -> None:
    links = {1: {10}, 2: {10, 11}, 3: {12}}
    near = [(1, 0.9), (2, 0.5), (3, -0.4), (4, 0.99)]
    scores = link_scores(near, links)
    assert scores[10] == pytest.approx(1 - (1 - 0.9**3) * (1 - 0.5**3)) and scores[11] == pytest.approx(0.125)
    assert scores[12] == 0 and closest(near, links) == {10: 0.9, 11: 0.5, 12: -0.4}
    assert link_scores(near, {}) == {}
