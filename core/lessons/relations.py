"""How a lesson relates to one that is known: it says the same, contradicts it, or holds in fewer or in more cases.

By words alone, so that it is always there: numbers and signs must agree for two lessons to say the same; the same instruction with
the opposite sign, or another value under one name, contradicts; an instruction that has all of another's words and further ones is
a special case of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.types import LessonDraft, LessonKind

SAME, OPPOSITE = 90, 85  # token-sort ratio from which two wordings are one
TO_THE_LETTER = frozenset({LessonKind.EXEMPLAR, LessonKind.ENTITY})
FEWEST_WORDS = 3  # of the more general lesson: shorter ones are part of too much
_NEGATION = re.compile(r"^(?:(?:do not|don'?t|never|avoid|no longer|stop)\s+)+", re.IGNORECASE)
_FILLER = re.compile(r"^(?:(?:always|please|actually|do|instead|only|in fact)\s+)+", re.IGNORECASE)


class Relation(StrEnum):
    """Of a new lesson to a known one."""

    SAME = "same"
    CONTRADICTS = "contradicts"
    SPECIALISES = "specialises"
    GENERALISES = "generalises"


@dataclass(frozen=True, slots=True)
class Wording:
    """What is compared of a lesson; ``name`` and ``value`` are a parameter's."""

    kind: LessonKind
    text: str
    name: str = ""
    value: str = ""


def of_draft(draft: LessonDraft) -> Wording:
    return Wording(draft.kind, draft.text, draft.name or "", str(draft.extra.get("value", "")))


def relation(new: Wording, old: Wording) -> Relation | None:
    """``None`` where they have nothing to do with each other. Exemplars and entities are only ever the same, to the letter."""
    if TO_THE_LETTER & {new.kind, old.kind}:
        return Relation.SAME if (new.kind, _folded(new.text)) == (old.kind, _folded(old.text)) else None
    if is_same(new, old):
        return Relation.SAME
    if contradicts(new, old):
        return Relation.CONTRADICTS
    if LessonKind.PARAMETER in (new.kind, old.kind) or _is_negated(new) is not _is_negated(old):
        return None
    return _by_words(set(_body(new).split()), set(_body(old).split()))


def _by_words(mine: set[str], theirs: set[str]) -> Relation | None:
    if len(theirs) >= FEWEST_WORDS and theirs < mine:
        return Relation.SPECIALISES
    return Relation.GENERALISES if len(mine) >= FEWEST_WORDS and mine < theirs else None


def is_same(a: Wording, b: Wording) -> bool:
    """The same value under one name, or nearly the same words with the same numbers and sign."""
    from rapidfuzz.fuzz import token_sort_ratio

    if LessonKind.ENTITY in (a.kind, b.kind):
        return (a.kind, _folded(a.text)) == (b.kind, _folded(b.text))
    if LessonKind.PARAMETER in (a.kind, b.kind):
        return a.kind is b.kind and _folded(a.name) == _folded(b.name) and _folded(a.value) == _folded(b.value)
    same_numbers = re.findall(r"\d+", a.text) == re.findall(r"\d+", b.text)
    return same_numbers and _is_negated(a) is _is_negated(b) and token_sort_ratio(_body(a), _body(b)) >= SAME


def contradicts(new: Wording, old: Wording) -> bool:
    """Another value under the same name, or the same instruction with the opposite sign."""
    from rapidfuzz.fuzz import token_sort_ratio

    if LessonKind.ENTITY in (new.kind, old.kind):
        return False
    if new.kind is LessonKind.PARAMETER and old.kind is LessonKind.PARAMETER:
        return _folded(new.name) == _folded(old.name) and _folded(new.value) != _folded(old.value)
    return _is_negated(new) is not _is_negated(old) and token_sort_ratio(_body(new), _body(old)) >= OPPOSITE


def _is_negated(wording: Wording) -> bool:
    return bool(_NEGATION.match(wording.text))


def _body(wording: Wording) -> str:
    return _folded(_FILLER.sub("", _NEGATION.sub("", wording.text)))


def _folded(text: str) -> str:
    return " ".join(re.findall(r"[\w<>]+", text.casefold()))


def relations_of(new: Sequence[Wording], known: Sequence[tuple[int, Wording]]) -> list[list[tuple[int, Relation]]]:
    """``relation`` of each new wording to all known ones, as (id, relation): for many at once.

    One pass of token ratios over all pairs leaves few to be looked at closely; same name is enough for parameters.
    """
    from rapidfuzz.fuzz import token_ratio
    from rapidfuzz.process import cdist

    if not new or not known:
        return [[] for _ in new]
    near = cdist(
        [_body(one) for one in new], [_body(old) for _, old in known], scorer=token_ratio, score_cutoff=OPPOSITE
    )
    named: dict[str, list[int]] = {}
    for place, (_, old) in enumerate(known):
        if old.kind is LessonKind.PARAMETER:
            named.setdefault(_folded(old.name), []).append(place)
    found = []
    for one, scores in zip(new, near, strict=True):
        places = {int(place) for place in scores.nonzero()[0]}
        if one.kind is LessonKind.PARAMETER:
            places |= set(named.get(_folded(one.name), ()))
        related = ((known[place][0], relation(one, known[place][1])) for place in sorted(places))
        found.append([(id_, how) for id_, how in related if how is not None])
    return found
