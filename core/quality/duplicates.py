"""Rows that say the same, and rows that an evaluation set holds: by their normalised text, by runs of words, and by embeddings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.quality.indicators import Vectors, words

NEAR = 0.97  # cosine of prompt and response together, from which two rows count as near-duplicates
LEAKED = 0.95  # cosine of two prompts, from which one counts as the other
RUN = 13  # words in a row that are no accident (the n-gram of GPT-3's decontamination)
_BLOCK = 1024
_OTHER = re.compile(r"[^\w]+")


def normalised(text: str) -> str:
    """Letters and digits alone, in one case and one form of Unicode."""
    return _OTHER.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def same_text(texts: Sequence[Hashable], order: Sequence[int]) -> NDArray[np.bool_]:
    """Places (n,) whose text stands at an earlier place of ``order``."""
    found, seen = np.zeros(len(texts), bool), set[Hashable]()
    for place in order:
        if (text := texts[place]) in seen:
            found[place] = True
        seen.add(text)
    return found


def near(vectors: Vectors, order: Sequence[int], least: float = NEAR) -> NDArray[np.bool_]:
    """Places (n,) as near as ``least`` to one that is earlier in ``order`` and stays itself. Vectors (n, d) have length 1."""
    gone = np.zeros(len(vectors), bool)
    ranked = np.asarray(order, int)
    for start in range(0, len(ranked), _BLOCK):
        places = ranked[start : start + _BLOCK]
        for before in range(0, start + 1, _BLOCK):
            others = ranked[before : before + _BLOCK]
            rows, columns = np.nonzero(vectors[places] @ vectors[others].T >= least)
            for row, column in zip(rows, columns, strict=True):  # by rising row: those before it are decided
                if before + column < start + row and not gone[others[column]]:
                    gone[places[row]] = True
    return gone


@dataclass(frozen=True, slots=True)
class Held:
    """An evaluation set that no row may come from: its texts, normalised, and their runs of words."""

    texts: frozenset[str]
    runs: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Held:
        plain, runs = set[str](), set[str]()
        for text in texts:
            if said := normalised(text):
                plain.add(said)
                runs |= _runs(said)
        return cls(frozenset(plain), frozenset(runs))

    def has(self, text: str) -> bool:
        """Whether it holds the text, or thirteen words in a row of it."""
        said = normalised(text)
        return said in self.texts or not self.runs.isdisjoint(_runs(said))


def _runs(text: str) -> set[str]:
    found = words(text)
    return {" ".join(found[start : start + RUN]) for start in range(len(found) - RUN + 1)}


def leaked(prompts: Vectors, held: Vectors, least: float = LEAKED) -> NDArray[np.bool_]:
    """Rows (n,) whose prompt is as near as ``least`` to one of the evaluation set's."""
    if not len(held):
        return np.zeros(len(prompts), bool)
    parts = [
        (prompts[start : start + _BLOCK] @ held.T).max(axis=1) >= least for start in range(0, len(prompts), _BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, bool)
