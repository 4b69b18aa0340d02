"""Further training pairs from clean sentences and the confusion table of the memory (DARAG, paper 31, without its speech
synthesis).

The paper's finding is that pairs help where their errors are those of the test time, and not where there are merely more of
them. So nothing is made up here: a right form becomes one of the wrong forms that people put right, as often as they did, and
stands unharmed as often as it did in clean text. Deterministic by seed and text.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.lessons.entities import LONGEST_RIGHT, WORD
from core.lessons.sounds import folded

Table = Mapping[tuple[str, str], int]  # (wrong, right) -> how often it was put right


@dataclass(frozen=True, slots=True)
class Pair:
    """``source`` is ``target`` with ``errors`` spans as they were once misheard."""

    source: str
    target: str
    errors: int


class Synthesiser:
    """``clean`` are texts that people let stand: how often a right form stands there unharmed decides how seldom it is harmed."""

    def __init__(self, table: Table, clean: Iterable[str] = (), *, seed: int = 0) -> None:
        self.seed = seed
        self._wrong: dict[str, dict[str, int]] = {}
        for (wrong, right), count in sorted(table.items()):
            if wrong and right and count > 0:
                self._wrong.setdefault(_key(right), {})[wrong] = count
        self._said = Counter(right for text in clean for _, _, right in self._spans(text)) if self._wrong else Counter()

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Right forms of the table, longest first at each place, none over another."""
        words = list(WORD.finditer(text))
        found: list[tuple[int, int, str]] = []
        place = 0
        while place < len(words):
            for size in range(min(LONGEST_RIGHT, len(words) - place), 0, -1):
                start, end = words[place].start(), words[place + size - 1].end()
                if (right := _key(text[start:end])) in self._wrong:
                    found.append((start, end, right))
                    break
            else:
                size = 1
            place += size
        return found

    def perturb(self, text: str, copy: int = 0) -> Pair | None:
        """``None`` where no span of the text was ever misheard. At least one span is harmed: a pair without an error teaches
        nothing."""
        spans = self._spans(text)
        if not spans:
            return None
        draw = random.Random(f"{self.seed}:{copy}:{text}")
        harmed = [span for span in spans if draw.random() < self._rate(span[2])] or [draw.choice(spans)]
        parts, done, errors = [], 0, 0
        for start, end, right in harmed:
            wrong = draw.choices(list(self._wrong[right]), weights=list(self._wrong[right].values()))[0]
            parts += [text[done:start], wrong]
            done, errors = end, errors + 1
        return Pair("".join([*parts, text[done:]]), text, errors)

    def _rate(self, right: str) -> float:
        """How often the form was misheard of the times that it was said, with one further time that it was not."""
        wrong = sum(self._wrong[right].values())
        return wrong / (max(wrong, self._said[right]) + 1)

    def pairs(self, texts: Sequence[str], copies: int = 1) -> list[Pair]:
        """At most ``copies`` different pairs per text, in order."""
        found = [pair for text in texts for n in range(copies) if (pair := self.perturb(text, n)) is not None]
        return list(dict.fromkeys(found))


def _key(text: str) -> str:
    return " ".join(WORD.findall(folded(text)))
