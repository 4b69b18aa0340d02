"""Entity memory (DARAG, paper 31): names and words that people put right, and finding those that look or sound like a span.

An entity is a pair {wrong span, right span} from an accepted correction, with its type, its domain and how often it was put
right. It is a lesson of the kind ``entity``; everything here is made from such lessons and can be made again. The paper embeds
the best hypothesis and takes the nearest names; here a span meets both forms of each pair by n-grams, edit distance, sound and
meaning, in equal parts. The right form alone finds less: what was heard once is mostly heard again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.edits import extract
from core.lessons.retrieve import ENTITIES
from core.lessons.sounds import GramSpace, folded, run_together, sounds, spelt
from core.number_words import QUANTITIES
from core.types import LessonDraft, LessonKind

EntityType = Literal["name", "number", "compound", "spelling", "word"]
LONGEST_WRONG, LONGEST_RIGHT = 3, 4  # words
K = ENTITIES
WEIGHTS: Mapping[str, float] = {"grams": 0.25, "spelt": 0.25, "sounds": 0.25, "meaning": 0.25}
WORD = re.compile(r"\w+(?:['’\-]\w+)*")
_TEXT = re.compile(r"[“\"](.{1,200}?)[”\"] where [“\"](.{1,200}?)[”\"] was heard", re.DOTALL)
Meaning = Callable[[str, Sequence[int]], Sequence[float]]  # (span, places of entities) -> cosines


@dataclass(frozen=True, slots=True)
class Entity:
    """``count``: in how many corrections people put it right; ``id`` is its lesson's, 0 outside the database."""

    wrong: str
    right: str
    type: EntityType = "word"
    domain: str = ""
    count: int = 1
    id: int = 0

    @property
    def text(self) -> str:
        """What is embedded of it."""
        return f"{self.right} / {self.wrong}"


@dataclass(frozen=True, slots=True)
class Replaced:
    """Whole words of a source, ``source[start:end]``, that a correction made into others; ``before`` and ``after`` stand beside
    them."""

    wrong: str
    right: str
    start: int
    end: int
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Near:
    """An entity for a span, with how alike they are in [0, 1] in each respect; ``score`` is the weighted mean."""

    entity: Entity
    span: str
    score: float
    parts: Mapping[str, float]


def replaced(source: str, target: str) -> list[Replaced]:
    """The words that were replaced, by the edits between the texts: at most three words by at most four. Insertions and deletions
    name no pair, and a change of case or punctuation alone is none."""
    spans: list[list[int]] = []
    shift = 0
    for edit in extract(source, target):
        grown = len(edit.replacement) - (edit.end - edit.start)
        start, end = _whole(source, edit.start, edit.end)
        one = [start, end, start + shift, end + shift + grown]
        if spans and not source[spans[-1][1] : start].strip():
            spans[-1][1], spans[-1][3] = end, one[3]
        else:
            spans.append(one)
        shift += grown
    found = (_replaced(source, target, span) for span in spans)
    return [one for one in found if one is not None]


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened to whole words where its ends stand inside one."""
    inside = re.compile(r"[\w'’\-]")
    touches = start < end or (start and inside.match(text, start - 1) and inside.match(text, start))
    while touches and start and inside.match(text, start - 1) and inside.match(text, start):
        start -= 1
    while touches and end < len(text) and end and inside.match(text, end - 1) and inside.match(text, end):
        end += 1
    return start, end


def _replaced(source: str, target: str, span: Sequence[int]) -> Replaced | None:
    start, end, low, high = span
    wrong, right = " ".join(WORD.findall(source[start:end])), " ".join(WORD.findall(target[low:high]))
    sizes = len(wrong.split()), len(right.split())
    if not (0 < sizes[0] <= LONGEST_WRONG and 0 < sizes[1] <= LONGEST_RIGHT) or folded(wrong) == folded(right):
        return None
    words = list(WORD.finditer(source, start, end))
    before, after = WORD.findall(source[:start]), WORD.search(source, end)
    return Replaced(
        wrong,
        right,
        words[0].start(),
        words[-1].end(),
        before[-1] if before else "",
        after.group() if after else "",
    )


def entity_type(wrong: str, right: str, *, starts: bool = False) -> EntityType:
    """By form alone: written together or apart, a number, a capital inside a sentence, the same sound, or another word."""
    if folded(wrong).replace(" ", "") == folded(right).replace(" ", ""):
        return "compound"
    if any(word.isdecimal() or word in QUANTITIES for word in folded(right).split()):
        return "number"
    if not starts and any(word[:1].isupper() and word not in ("I", "I'm", "I'll", "I'd") for word in right.split()):
        return "name"
    return "spelling" if run_together(wrong) == run_together(right) else "word"


def drafts(
    source: str, target: str, corrections: tuple[int, ...], *, domain: str = "", names_only: bool = False
) -> Iterator[LessonDraft]:
    """The entities of one rewrite as proposals, each pair once. ``names_only``: in free text, where most rewrites are about
    wording, what is written with a capital and looks or sounds like what stood there."""
    seen: set[tuple[str, str]] = set()
    for one in replaced(source, target):
        starts = not source[: one.start].strip() or source[: one.start].rstrip()[-1] in ".!?\n"
        kind = entity_type(one.wrong, one.right, starts=starts)
        key = folded(one.wrong), folded(one.right)
        alike = max(sounds(*key), spelt(*key)) >= 0.6
        if key in seen or (names_only and not (kind == "name" and alike)):
            continue
        seen.add(key)
        yield as_draft(Entity(one.wrong, one.right, kind, domain), corrections)


def as_draft(entity: Entity, corrections: tuple[int, ...]) -> LessonDraft:
    return LessonDraft(
        LessonKind.ENTITY,
        f"Write “{entity.right}” where “{entity.wrong}” was heard.",
        entity.text,
        corrections,
        name=entity.right[:120],
        why=f"A reviewer wrote “{entity.right}” for “{entity.wrong}”",
        extra={"wrong": entity.wrong, "right": entity.right, "type": entity.type, "domain": entity.domain},
    )


def from_lesson(text: str, extra: Mapping[str, Any], *, count: int = 1, lesson_id: int = 0) -> Entity | None:
    """The entity that a lesson holds, by its words, which people may have changed, or else by its ``extra``; ``None`` for none."""
    said = _TEXT.search(text)
    wrong, right = (said[2], said[1]) if said else (extra.get("wrong"), extra.get("right"))
    if not isinstance(wrong, str) or not isinstance(right, str) or not wrong.strip() or not right.strip():
        return None
    known = extra.get("type")
    kind: EntityType = known if known in ("name", "number", "compound", "spelling") else "word"
    return Entity(wrong, right, kind, str(extra.get("domain") or ""), max(1, count), lesson_id)


@lru_cache(maxsize=8)
def index_of(entities: tuple[Entity, ...]) -> EntityIndex:
    """The index of these entities; those of the projects that are worked on stay made. Entities that change are others."""
    return EntityIndex(entities)


class EntityIndex:
    """Entities to be found by a span that looks or sounds like one of their forms."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = tuple(entities)
        forms = [form for entity in self.entities for form in (entity.right, entity.wrong)]
        self._space = GramSpace(forms)
        self._written, self._said = [folded(form) for form in forms], [run_together(form) for form in forms]

    def closest(
        self,
        span: str,
        k: int = K,
        *,
        meaning: Meaning | None = None,
        weights: Mapping[str, float] = WEIGHTS,
        least: float = 0.0,
    ) -> list[Near]:
        """The ``k`` right forms most like the span, best first, each by its best pair; equal scores by count, then by name.

        Without ``meaning`` the others share its weight. ``least``: scores below are left out.
        """
        if not folded(span) or not self.entities:
            return []
        parts = self.alike(span)
        if meaning is not None and weights.get("meaning"):
            parts["meaning"] = np.clip(np.asarray(meaning(span, range(len(self.entities)))), 0.0, 1.0)
        used = {name: weights.get(name, 0.0) for name in parts}
        whole = sum(used.values()) or 1.0
        scores = np.sum([used[name] / whole * part for name, part in parts.items()], axis=0)
        best: dict[str, int] = {}
        for place in np.flatnonzero(scores >= least).tolist():
            name = folded(self.entities[place].right)
            if name not in best or self._order(scores, place) < self._order(scores, best[name]):
                best[name] = place
        order = sorted(best.values(), key=lambda place: self._order(scores, place))[:k]
        return [
            Near(self.entities[p], span, float(scores[p]), {name: float(part[p]) for name, part in parts.items()})
            for p in order
        ]

    def _order(self, scores: Any, place: int) -> tuple[float, int, str]:
        entity = self.entities[place]
        return -round(float(scores[place]), 9), -entity.count, entity.right

    def alike(self, span: str) -> dict[str, NDArray[np.float64]]:
        """n-grams, spelling and sound of the span against each entity, (n,) each: the better of its two forms."""
        from rapidfuzz.fuzz import ratio
        from rapidfuzz.process import cdist

        found = {
            "grams": self._space.cosines(span),
            "spelt": cdist([folded(span)], self._written, scorer=ratio)[0] / 100,
            "sounds": cdist([run_together(span)], self._said, scorer=ratio)[0] / 100,
        }
        return {name: np.asarray(values, float).reshape(-1, 2).max(axis=1) for name, values in found.items()}

    def nearest(self, written: Sequence[str], said: Sequence[str]) -> NDArray[np.float64]:
        """(n,) of spans, folded and as keys: how alike the likest form is, by spelling or by sound."""
        from rapidfuzz.fuzz import ratio
        from rapidfuzz.process import cdist

        if not written or not self._written:
            return np.zeros(len(written))
        found = [
            cdist(ours, theirs, scorer=ratio, score_cutoff=60).max(axis=1)
            for ours, theirs in ((written, self._written), (said, self._said))
        ]
        return np.asarray(np.maximum(*found), float) / 100
