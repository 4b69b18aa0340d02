"""The relevance gate on a table made by hand, what votes do to it, and what a project's own votes teach it."""

from __future__ import annotations

import pytest

from core.lessons.links import closest, link_scores
from core.lessons.relevance import ACCEPT_AT, DEFAULT, NAMES, Features, Gate, fit, refitted

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


def test_a_projects_votes_win_only_where_they_predict_better() -> None:
    """Here lessons belong although the words are far; there people say what the default says."""
    surprising = [(Features(0.2 + 0.01 * (n % 7), 0.2, 0.05), n % 2 == 0) for n in range(80)]
    against = [(Features(0.9, 0.9, 0.5 if n % 2 else 0.1), n % 2 == 0) for n in range(80)]
    gate, figures = refitted(against, list(range(80)))
    assert figures["own"] and figures["own_loss"] < figures["default_loss"]
    assert gate.probability(Features(0.9, 0.9, 0.5)) < DEFAULT.probability(Features(0.9, 0.9, 0.5))
    agreeing = [(BELONGS, True)] * 40 + [(UNLIKE, False)] * 40
    kept, said = refitted(agreeing, list(range(80)))
    assert said["own"] or kept == DEFAULT
    assert refitted(surprising[:1], [0])[0] == DEFAULT


def test_links_add_up_and_near_items_tell_most() -> None:
    links = {1: {10}, 2: {10, 11}, 3: {12}}
    near = [(1, 0.9), (2, 0.5), (3, -0.4), (4, 0.99)]
    scores = link_scores(near, links)
    assert scores[10] == pytest.approx(1 - (1 - 0.9**3) * (1 - 0.5**3)) and scores[11] == pytest.approx(0.125)
    assert scores[12] == 0 and closest(near, links) == {10: 0.9, 11: 0.5, 12: -0.4}
    assert link_scores(near, {}) == {}
