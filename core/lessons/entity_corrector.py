"""Corrects a transcript from entity memory, without a model (paper 31's task, done by counting).

A span that people put right before is put right again where enough speaks for it: it was put right twice and most times that it
was seen; or most times, and other hypotheses of the same utterance have the right form in that place; or most times beside the
same word. What people read and left as it was speaks against. An empty memory changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.lessons.entities import LONGEST_WRONG, WORD, Entity, Replaced, replaced
from core.lessons.sounds import folded

Key = tuple[str, str]  # folded wrong and right form


@dataclass(frozen=True, slots=True)
class Bounds:
    """Chosen on training pairs alone. ``fixes`` and ``share`` without further evidence; ``agreed_share`` with ``hypotheses``
    that agree; ``beside_share`` of at least ``fixes`` beside the same word."""

    fixes: int = 2
    share: float = 0.7
    hypotheses: int = 2
    agreed_share: float = 0.6
    beside_share: float = 0.8


@dataclass(frozen=True, slots=True)
class Change:
    """``text[start:end]`` becomes ``entity.right``; ``why`` says what spoke for it, ``share`` how often it was put right when
    seen."""

    start: int
    end: int
    entity: Entity
    share: float
    agreeing: int
    why: str


@dataclass(frozen=True, slots=True)
class Corrected:
    text: str
    changes: tuple[Change, ...]


class EntityMemory:
    """Entities with what people did each time they saw one: ``decided`` are (text as it was, text as they let it stand)."""

    def __init__(
        self, entities: Iterable[Entity], decided: Iterable[tuple[str, str]] = (), bounds: Bounds | None = None
    ) -> None:
        self.bounds = bounds or Bounds()
        self._by_wrong: dict[str, list[Entity]] = {}
        for entity in entities:
            self._by_wrong.setdefault(_key(entity.wrong), []).append(entity)
        self._known = {(wrong, _key(one.right)) for wrong, all_ in self._by_wrong.items() for one in all_}
        self._fixed: Counter[Key] = Counter()
        self._fixed_beside: Counter[tuple[Key, str]] = Counter()
        self._seen: Counter[str] = Counter()
        self._seen_beside: Counter[tuple[str, str]] = Counter()
        if self._by_wrong:
            for source, target in decided:
                self._count(source, target)
        self._left = {key: max(0, self._seen[key[0]] - self._fixed[key]) for key in self._known}
        for one in (one for all_ in self._by_wrong.values() for one in all_):
            key = _key(one.wrong), _key(one.right)
            self._fixed[key] = max(self._fixed[key], one.count)  # people's corrections beyond the texts that were given

    def __len__(self) -> int:
        return len(self._known)

    def _count(self, source: str, target: str) -> None:
        for start, end, wrong in self._spans(source):
            self._seen[wrong] += 1
            for word in _beside(source, start, end):
                self._seen_beside[wrong, word] += 1
        for one in replaced(source, target) if source != target else ():
            key = _key(one.wrong), _key(one.right)
            if key in self._known:
                self._fixed[key] += 1
                for word in _words(one):
                    self._fixed_beside[key, word] += 1

    def _spans(self, text: str) -> Iterable[tuple[int, int, str]]:
        """Where wrong forms of the memory stand, longest first at each place, overlaps included."""
        words = list(WORD.finditer(text))
        keys = [_key(word.group()) for word in words]
        for place in range(len(words)):
            for size in range(min(LONGEST_WRONG, len(words) - place), 0, -1):
                wrong = " ".join(keys[place : place + size])
                if wrong in self._by_wrong:
                    yield words[place].start(), words[place + size - 1].end(), wrong

    def correct(self, text: str, others: Sequence[str] = ()) -> Corrected:
        """``text`` with what the memory is sure of; ``others`` are further hypotheses of the same utterance."""
        changes: list[Change] = []
        for start, end, wrong in self._spans(text):
            if changes and start < changes[-1].end:
                continue
            found = [change for one in self._by_wrong[wrong] if (change := self._judge(text, start, end, one, others))]
            if found:
                changes.append(max(found, key=lambda one: (one.share, one.agreeing, one.entity.count)))
        parts, done = [], 0
        for change in changes:
            parts += [text[done : change.start], change.entity.right]
            done = change.end
        return Corrected("".join([*parts, text[done:]]), tuple(changes))

    def _judge(self, text: str, start: int, end: int, one: Entity, others: Sequence[str]) -> Change | None:
        key, bounds = (_key(one.wrong), _key(one.right)), self.bounds
        fixed = self._fixed[key]
        share = fixed / max(1, fixed + self._left[key])
        agreeing = _agreeing(text, start, end, one.right, others)
        beside = max((self._share_beside(key, word) for word in _beside(text, start, end)), default=0.0)
        if fixed >= bounds.fixes and share >= bounds.share:
            why = f"put right {fixed} times, {share:.0%} of the times that it was seen"
        elif agreeing >= bounds.hypotheses and share >= bounds.agreed_share:
            why = f"{agreeing} other hypotheses have it here"
        elif beside >= bounds.beside_share:
            why = f"put right {beside:.0%} of the times beside this word"
        else:
            return None
        return Change(start, end, one, max(share, beside), agreeing, why)

    def _share_beside(self, key: Key, word: str) -> float:
        fixed = self._fixed_beside[key, word]
        return fixed / self._seen_beside[key[0], word] if fixed >= self.bounds.fixes else 0.0

    def table(self) -> Mapping[Key, int]:
        """How often each pair was put right: the memory's confusion table."""
        return {key: self._fixed[key] for key in sorted(self._known)}


def _agreeing(text: str, start: int, end: int, right: str, others: Sequence[str]) -> int:
    """How many of the others have the right form between the same two words."""
    before, after = _sides(text, start, end)
    wanted = f" {' '.join(part for part in (before, _key(right), after) if part)} "
    return sum(wanted in f" {_key(other)} " for other in others)


def _sides(text: str, start: int, end: int) -> tuple[str, str]:
    before, after = WORD.findall(text[:start][-200:]), WORD.search(text, end)
    return _key(before[-1]) if before else "", _key(after.group()) if after else ""


def _beside(text: str, start: int, end: int) -> list[str]:
    """The words on both sides, each marked with its side."""
    before, after = _sides(text, start, end)
    return [f"{side}{word}" for side, word in (("<", before), (">", after)) if word]


def _words(one: Replaced) -> list[str]:
    return [f"{side}{_key(word)}" for side, word in (("<", one.before), (">", one.after)) if word]


@lru_cache(maxsize=50_000)
def _key(text: str) -> str:
    return " ".join(WORD.findall(folded(text)))
