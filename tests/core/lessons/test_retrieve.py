"""What of the accepted lessons goes into a prompt: near-duplicates and the cap per slot."""

from __future__ import annotations

from core.lessons.retrieve import chosen
from core.types import LessonKind, LessonText

RULES = [LessonText(i, LessonKind.RULE, f"Rule about subject number {i * 7919}", "when") for i in range(1, 6)]


def ids(kept: list[LessonText]) -> list[int]:
    return [lesson.id for lesson in kept]


def test_at_most_so_many_in_the_order_given() -> None:
    assert ids(chosen(RULES, 3)) == [1, 2, 3]
    assert chosen(RULES, 0) == [] and chosen([], 3) == []


def test_near_duplicates_in_one_slot_are_dropped() -> None:
    ranked = [
        LessonText(1, LessonKind.RULE, "Always name the source of figures.", ""),
        LessonText(2, LessonKind.MISSING_STEP, "always name the source of figures.", ""),
        LessonText(3, LessonKind.EXEMPLAR, "Always name the source of figures.", ""),
    ]
    assert ids(chosen(ranked, 3)) == [1, 3]
    assert ids(chosen(ranked, 3, lambda a, b: 0.0)) == [1, 2, 3]


def test_slots_have_caps_of_their_own() -> None:
    others = [
        LessonText(8, LessonKind.PARAMETER, "3.14", "", name="pi"),
        LessonText(9, LessonKind.TEMPLATE, "T", ""),
    ]
    assert ids(chosen([others[0], *RULES, others[1]], 1)) == [1, 9, 8]
