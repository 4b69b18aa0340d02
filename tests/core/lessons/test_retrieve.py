"""From search hits to lessons: floor, the database's last word, votes, near-duplicates, cap per slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from core.lessons.retrieve import TOP, LessonVotes, retrieve
from core.types import LessonKind, LessonText

RULES = {i: LessonText(i, LessonKind.RULE, f"Rule about subject number {i * 7919}", "when") for i in range(1, 8)}


def found(
    hits: Mapping[LessonKind, Sequence[tuple[int, float]]], texts: Mapping[int, LessonText] = RULES, **options: object
) -> list[tuple[int, float]]:
    settings: dict[str, object] = {
        "floor": 0.3,
        "per_slot": 3,
        "recheck": lambda ids: {i: texts[i] for i in ids if i in texts},
    }
    got = retrieve(lambda kind, text, k: list(hits.get(kind, ()))[:k], "question", **{**settings, **options})  # type: ignore[arg-type]
    return [(x.id, round(x.score, 3)) for x in got]


def test_floor_cap_and_order() -> None:
    hits = {LessonKind.RULE: [(3, 0.9), (2, 0.8), (1, 0.8), (4, 0.7), (5, 0.2)]}
    assert found(hits) == [(3, 0.9), (1, 0.8), (2, 0.8)]
    assert found(hits, per_slot=9) == [(3, 0.9), (1, 0.8), (2, 0.8), (4, 0.7)]
    assert found(hits, floor=0.85) == [(3, 0.9)]
    assert found(hits, per_slot=0) == []


def test_the_database_has_the_last_word() -> None:
    hits = {LessonKind.RULE: [(1, 0.9), (2, 0.8)]}
    assert found(hits, recheck=lambda ids: {2: RULES[2]}) == [(2, 0.8)]
    assert found(hits, recheck=lambda ids: {}) == []


def test_recheck_is_asked_once_for_all_and_not_for_nothing() -> None:
    asked: list[Sequence[int]] = []

    def recheck(ids: Sequence[int]) -> dict[int, LessonText]:
        asked.append(ids)
        return {i: RULES[i] for i in ids}

    assert found({LessonKind.RULE: [(2, 0.9)], LessonKind.MISSING_STEP: [(1, 0.5)]}, recheck=recheck) == [
        (2, 0.9),
        (1, 0.5),
    ]
    assert found({}, recheck=recheck) == []
    assert found({LessonKind.RULE: [(3, 0.29)]}, recheck=recheck) == []
    assert asked == [[1, 2]]


def test_search_is_asked_for_twenty_per_kind() -> None:
    asked: list[tuple[LessonKind, str, int]] = []

    def search(kind: LessonKind, text: str, k: int) -> list[tuple[int, float]]:
        asked.append((kind, text, k))
        return []

    retrieve(search, "q", floor=0, per_slot=1, recheck=lambda ids: {})
    assert asked == [(kind, "q", TOP) for kind in LessonKind]
    asked.clear()
    retrieve(search, " \n", floor=0, per_slot=1, recheck=lambda ids: {})
    assert asked == []


def test_not_relevant_votes_lower_a_lesson_and_used_votes_protect_it() -> None:
    hits = {LessonKind.RULE: [(1, 0.6), (2, 0.55)]}
    assert [i for i, _ in found(hits)] == [1, 2]
    assert [i for i, _ in found(hits, votes={1: LessonVotes(not_relevant=3)})] == [2, 1]
    assert [i for i, _ in found(hits, votes={1: LessonVotes(not_relevant=9)})] == [2]
    assert found(hits, votes={1: LessonVotes(used=40, not_relevant=3)})[0] == (1, 0.6)


@pytest.mark.parametrize(
    ("used", "not_relevant", "penalty"), [(0, 0, 0.0), (5, 0, 0.0), (0, 1, 2 / 6 - 0.2), (4, 4, 5 / 13 - 0.2)]
)
def test_penalty_is_the_share_beyond_the_prior(used: int, not_relevant: int, penalty: float) -> None:
    assert LessonVotes(used, not_relevant).penalty == pytest.approx(penalty)


def test_near_duplicates_in_one_slot_are_dropped() -> None:
    texts = {
        1: LessonText(1, LessonKind.RULE, "Always name the source of figures.", ""),
        2: LessonText(2, LessonKind.MISSING_STEP, "always name the source of figures.", ""),
        3: LessonText(3, LessonKind.EXEMPLAR, "Always name the source of figures.", ""),
    }
    hits = {texts[i].kind: [(i, 0.9 - i / 10)] for i in texts}
    assert [i for i, _ in found(hits, texts)] == [1, 3]
    assert [i for i, _ in found(hits, texts, similarity=lambda a, b: 0.0)] == [1, 2, 3]


def test_slots_have_caps_of_their_own() -> None:
    texts = {
        **RULES,
        8: LessonText(8, LessonKind.PARAMETER, "3.14", "", name="pi"),
        9: LessonText(9, LessonKind.TEMPLATE, "T", ""),
    }
    hits = {LessonKind.RULE: [(1, 0.9), (2, 0.8)], LessonKind.PARAMETER: [(8, 0.95)], LessonKind.TEMPLATE: [(9, 0.4)]}
    assert found(hits, texts, per_slot=1) == [(1, 0.9), (9, 0.4), (8, 0.95)]
