"""From a question to the lessons for its prompt: search per kind, ask the database again, weigh people's votes, thin out.

DROC (paper 9) puts the whole knowledge base in a prompt and lets a model choose. Here a vector search proposes, and three things
that the paper lacks decide: the status in the database, the votes "used" and "not relevant", and the removal of near-duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.lessons.prompt import slot_of
from core.types import LessonKind, LessonText, PromptSlot

Search = Callable[
    [LessonKind, str, int], Sequence[tuple[int, float]]
]  # (scope, text, k) -> (lesson id, cosine), best first
Recheck = Callable[[Sequence[int]], Mapping[int, LessonText]]  # the lessons among the ids that are active now
Similarity = Callable[[str, str], float]  # of two lesson texts, in [0, 1]

TOP = 20  # proposals per kind
DUPLICATE = 0.95
PRIOR_USED, PRIOR_NOT_RELEVANT = 4.0, 1.0  # Beta prior: a lesson is thought relevant until several people disagree


@dataclass(frozen=True, slots=True)
class LessonVotes:
    """How often people said that a retrieved lesson was of use, and that it did not belong."""

    used: int = 0
    not_relevant: int = 0

    @property
    def penalty(self) -> float:
        """How much the share of "not relevant" exceeds what is assumed of a new lesson, in [0, 1)."""
        a, b = PRIOR_NOT_RELEVANT + self.not_relevant, PRIOR_USED + self.used
        return max(0.0, a / (a + b) - PRIOR_NOT_RELEVANT / (PRIOR_NOT_RELEVANT + PRIOR_USED))


def retrieve(
    search: Search,
    question_text: str,
    kinds: Sequence[LessonKind] = tuple(LessonKind),
    *,
    floor: float,
    per_slot: int,
    recheck: Recheck,
    votes: Mapping[int, LessonVotes] | None = None,
    similarity: Similarity | None = None,
) -> list[LessonText]:
    """At most ``per_slot`` active lessons per prompt slot, in slot order, best first; ``score`` is the cosine less the penalty.

    ``similarity`` of two lessons' texts is a word-level ratio unless the caller can compare vectors.
    Both the cosine and the score must reach ``floor``; equal scores are ordered by id.
    """
    if per_slot <= 0 or not question_text.strip():
        return []
    found: dict[int, float] = {}
    for kind in kinds:
        for lesson_id, score in search(kind, question_text, TOP):
            if score >= floor:
                found[lesson_id] = max(score, found.get(lesson_id, -1.0))
    if not found:
        return []
    active = recheck(sorted(found))
    scored = [
        replace(active[i], score=score - (votes or {}).get(i, LessonVotes()).penalty)
        for i, score in found.items()
        if i in active
    ]
    ranked = sorted((x for x in scored if x.score >= floor), key=lambda x: (-x.score, x.id))
    return chosen(ranked, per_slot, similarity)


def chosen(ranked: Sequence[LessonText], per_slot: int, similarity: Similarity | None = None) -> list[LessonText]:
    """Of lessons, best first, those for a prompt: no near-duplicates in one slot, at most ``per_slot`` in each, in slot order."""
    return _capped(_distinct(ranked, similarity or _word_ratio), per_slot)


def _distinct(ranked: Sequence[LessonText], similarity: Similarity) -> list[LessonText]:
    kept: list[LessonText] = []
    for lesson in ranked:
        rivals = (k for k in kept if slot_of(k.kind) is slot_of(lesson.kind))
        if not any(similarity(k.text, lesson.text) > DUPLICATE for k in rivals):
            kept.append(lesson)
    return kept


def _word_ratio(a: str, b: str) -> float:
    from rapidfuzz.fuzz import token_sort_ratio

    return token_sort_ratio(a.casefold(), b.casefold()) / 100


def _capped(ranked: Sequence[LessonText], per_slot: int) -> list[LessonText]:
    return [x for slot in PromptSlot for x in [y for y in ranked if slot_of(y.kind) is slot][:per_slot]]
