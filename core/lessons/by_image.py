"""Which of several lessons a picture chooses (DROC, paper 9): words and pictures propose three, the nearest picture is taken.

The paper binds the values of the one stored object that looks most like the one at hand. So do we with parameters of one name and
with exemplars, where the prompt and their sources carry pictures; rules hold whatever is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.types import LessonKind, LessonText

FIRST = 3  # that the words leave to the pictures
_CHOSEN = (LessonKind.PARAMETER, LessonKind.EXEMPLAR)


def passed_over(ranked: Sequence[LessonText], said: Mapping[int, float], shown: Mapping[int, float]) -> set[int]:
    """Ids of lessons that give way to one whose picture is nearer.

    ``said`` is how well the words of the prompt fit the pictures of each lesson, ``shown`` how alike the pictures are; lessons
    without pictures are in neither and stay.
    """
    rivals: dict[tuple[LessonKind, str], list[LessonText]] = {}
    for lesson in ranked:
        if lesson.kind in _CHOSEN and lesson.id in shown:
            name = (lesson.name or "").casefold() if lesson.kind is LessonKind.PARAMETER else ""
            rivals.setdefault((lesson.kind, name), []).append(lesson)
    out: set[int] = set()
    for group in rivals.values():
        first = sorted(group, key=lambda one: -said[one.id])[:FIRST]
        best = max(first, key=lambda one: shown[one.id])
        out |= {one.id for one in group} - {best.id}
    return out


def likeness(cosine: float, alike: float) -> float:
    """How far a picture is the same, in [0, 1]: 0 at the cosine from which an encoder calls two alike, 1 for the very same."""
    return max(0.0, min((cosine - alike) / max(1 - alike, 1e-6), 1.0))
