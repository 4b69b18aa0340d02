"""Which entities a transcript or text may hold under another form: every short span of it against the memory.

A span counts where it looks or sounds like a form of an entity, and is not right already. Where hypotheses disagree, a name is likelier
to have been misheard, so such spans come first. With ``meaning`` the embedding has its quarter of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.lessons.entities import LONGEST_WRONG, WORD, EntityIndex, K, Near
from core.lessons.sounds import folded, run_together
from core.lessons.words import content_words

READ = 120  # words of a text that are looked at
ALIKE = 0.75  # of spelling or sound, from which a span is looked at closely
LEAST = 0.7  # of n-grams, spelling and sound together, below which nothing is named
SHORT = 3  # letters; shorter spans count only where they were heard before, to the letter
OFTEN = 3  # corrections
DISPUTED = 0.1  # what a disagreement of the hypotheses adds to the order
CLOSELY = 40  # spans
Cosines = Callable[[Sequence[str]], Any]  # spans -> (spans, entities) cosines


@dataclass(frozen=True, slots=True)
class Heard:
    """``text[start:end]`` may be ``near.entity``; ``disputed``: the hypotheses disagree there."""

    near: Near
    start: int
    end: int
    disputed: bool


def heard(
    text: str,
    index: EntityIndex,
    *,
    others: Sequence[str] = (),
    k: int = K,
    meaning: Cosines | None = None,
) -> list[Heard]:
    """At most ``k`` entities, best first, each for the span that is most like it."""
    if not index.entities:
        return []
    spans = _spans(text)
    places = _alike(text, spans, index)
    disputed = {(start, end): _disputed(text, start, end, others) for start, end in spans}
    found: list[Heard] = []
    said = meaning([text[start:end] for start, end in places]) if meaning is not None and places else None
    for row, (start, end) in enumerate(places):
        span = text[start:end]
        of_row = None if said is None else (lambda _span, _places, row=row: said[row])
        for near in index.closest(span, k, meaning=of_row):
            if _form(near) >= LEAST and folded(near.entity.right) != folded(span) and _telling(span, near):
                found.append(Heard(near, start, end, disputed[start, end]))
    return _best(found, text)[:k]


def _best(found: Sequence[Heard], text: str) -> list[Heard]:
    """One per right form, and none that the text has already."""
    order = sorted(found, key=lambda one: (-one.near.score - DISPUTED * one.disputed, one.start, one.near.entity.right))
    kept: dict[str, Heard] = {}
    there = f" {' '.join(WORD.findall(folded(text)))} "
    for one in order:
        right = " ".join(WORD.findall(folded(one.near.entity.right)))
        if f" {right} " not in there:
            kept.setdefault(right, one)
    return list(kept.values())


def _form(near: Near) -> float:
    """How alike they look and sound, whatever they mean."""
    parts = [value for name, value in near.parts.items() if name != "meaning"]
    return sum(parts) / len(parts)


def _telling(span: str, near: Near) -> bool:
    """Short spans count as they were heard before alone; function words too, and only where that was often: every text has them."""
    before = folded(span) == folded(near.entity.wrong)
    if not content_words(span):
        return before and near.entity.count >= OFTEN
    return before or len(span) >= SHORT


def _spans(text: str) -> list[tuple[int, int]]:
    words = list(WORD.finditer(text))[:READ]
    return [
        (words[place].start(), words[place + size - 1].end())
        for place in range(len(words))
        for size in range(1, min(LONGEST_WRONG, len(words) - place) + 1)
    ]


def _alike(text: str, spans: Sequence[tuple[int, int]], index: EntityIndex) -> list[tuple[int, int]]:
    """The spans that look or sound like a form of the memory, the most alike first."""
    texts = [text[start:end] for start, end in spans]
    best = index.nearest([folded(one) for one in texts], [run_together(one) for one in texts])
    order = np.argsort(-best, kind="stable")[:CLOSELY]
    return [spans[place] for place in order.tolist() if best[place] >= ALIKE]


def _disputed(text: str, start: int, end: int, others: Sequence[str]) -> bool:
    """Whether half of the other hypotheses do not have the span."""
    span = f" {' '.join(WORD.findall(folded(text[start:end])))} "
    missing = sum(span not in f" {' '.join(WORD.findall(folded(other)))} " for other in others)
    return bool(others) and missing * 2 >= len(others)
