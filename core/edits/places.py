"""One correction, every place: the same change wherever the same words stand (paper 38's document-level consistency)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.edits.pairs import spots_of
from core.edits.spans import Edit, Edits, placer
from core.edits.tokens import tokenize

AROUND = 30  # characters on each side in an excerpt


@dataclass(frozen=True, slots=True)
class Place:
    """``texts[text][start:end]``, with some of what stands around it."""

    text: int
    start: int
    end: int
    excerpt: str


def places(texts: Sequence[str], words: str) -> list[Place]:
    """Every place where ``words`` stand as whole words; none for empty or blank words."""
    if not words.strip():
        return []
    return [
        Place(number, at, at + len(words), text[max(0, at - AROUND) : at + len(words) + AROUND])
        for number, text in enumerate(texts)
        for at in _whole(text, words)
    ]


def spread(source: str, edits: Sequence[Edit], edit: Edit) -> Edits:
    """``edits`` with the change of ``edit`` at every further place of the same words that no edit touches."""
    place = placer(source)
    kept = list(edits)
    for at in _whole(source, source[edit.start : edit.end]):
        end = at + edit.end - edit.start
        if all(at != other.start and (end <= other.start or other.end <= at) for other in kept):
            kept.append(place(at, end, edit.replacement))
    return sorted(kept, key=lambda e: (e.start, e.end))


def _whole(text: str, words: str) -> list[int]:
    if not words.strip() or words not in text:
        return []
    cuts, at = {0}, 0
    for token in tokenize(text):
        at += len(token)
        cuts.add(at)
    return [spot for spot in spots_of(text, words) if spot in cuts and spot + len(words) in cuts]
