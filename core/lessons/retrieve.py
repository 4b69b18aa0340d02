"""What of the lessons that a look-up accepted goes into a prompt: near-duplicates thinned out, at most so many in each slot.

DROC (paper 9) puts the whole knowledge base in a prompt and lets a model choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.lessons.prompt import slot_of
from core.types import LessonKind, LessonText, PromptSlot

Similarity = Callable[[str, str], float]  # of two lesson texts, in [0, 1]

TOP = 20  # proposals per kind
ENTITIES = 5  # in one prompt (DARAG, paper 31)
DUPLICATE = 0.95


@dataclass(frozen=True, slots=True)
class LessonVotes:
    """How often people said that a retrieved lesson was of use, and that it did not belong."""

    used: int = 0
    not_relevant: int = 0


def chosen(ranked: Sequence[LessonText], per_slot: int, similarity: Similarity | None = None) -> list[LessonText]:
    """Of lessons, best first, those for a prompt: no near-duplicates in one slot, at most ``per_slot`` in each, in slot order."""
    return _capped(_distinct(ranked, similarity or _word_ratio), per_slot)


def _distinct(ranked: Sequence[LessonText], similarity: Similarity) -> list[LessonText]:
    kept: list[LessonText] = []
    for lesson in ranked:
        rivals = (k for k in kept if slot_of(k.kind) is slot_of(lesson.kind))
        if lesson.kind is LessonKind.ENTITY or not any(similarity(k.text, lesson.text) > DUPLICATE for k in rivals):
            kept.append(lesson)
    return kept


def _word_ratio(a: str, b: str) -> float:
    from rapidfuzz.fuzz import token_sort_ratio

    return token_sort_ratio(a.casefold(), b.casefold()) / 100


def _capped(ranked: Sequence[LessonText], per_slot: int) -> list[LessonText]:
    """Entities have room of their own: they are short, and many sound alike."""
    named = [lesson for lesson in ranked if lesson.kind is LessonKind.ENTITY][:ENTITIES]
    others = [lesson for lesson in ranked if lesson.kind is not LessonKind.ENTITY]
    kept = [x for slot in PromptSlot for x in [y for y in others if slot_of(y.kind) is slot][:per_slot]]
    return sorted([*kept, *named], key=lambda lesson: list(PromptSlot).index(slot_of(lesson.kind)))
