"""How alike two short spans look and sound: character n-grams, edit distance, and a small phonetic key of English.

The key is a consonant skeleton in the manner of Metaphone (Philips, 1990), cut down to what tells misheard words from others: groups of
letters that are spoken alike become one sign, voiced and unvoiced pairs fall together, vowels stay only at the start of a word.
Texts of other scripts have themselves as their key. No model and no dictionary; edit distance is rapidfuzz.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GRAMS = (1, 2, 3)
_GROUPS = (  # in this order; capitals are signs of our own
    (r"^(?:kn|gn|pn)", "n"), (r"^wr", "r"), (r"^x", "s"), (r"x", "ks"), (r"mb$", "m"), (r"ght", "t"), (r"ph|gh$", "f"),
    (r"gh", ""), (r"tch|sch|ch|sh|[st]i(?=on)", "X"), (r"dg|j|g(?=[eiy])", "X"), (r"ck|q", "k"), (r"c(?=[eiy])", "s"),
    (r"c", "k"), (r"(?<!^)[hw]", ""),
)  # fmt: skip
_GROUP = tuple((re.compile(pattern), sign) for pattern, sign in _GROUPS)
_FOLD = str.maketrans({"z": "s", "d": "t", "v": "f", "b": "p", "g": "k"})
_VOWEL = re.compile(r"[aeiouy]")


@lru_cache(maxsize=50_000)
def folded(text: str) -> str:
    """Lower case, single spaces, no accents on Latin letters: the form in which spans are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", plain).split())


@lru_cache(maxsize=50_000)
def phonetic_key(text: str) -> str:
    """The keys of the words with a space between; words without Latin letters stand for themselves."""
    return " ".join(_key(word) for word in folded(text).split())


def _key(word: str) -> str:
    letters = re.sub(r"[^a-z]", "", word)
    if not letters:
        return word
    said = letters
    for pattern, sign in _GROUP:
        said = pattern.sub(sign, said)
    first = "a" if _VOWEL.match(letters) else ""
    consonants = _VOWEL.sub("", said.translate(_FOLD))
    return first + re.sub(r"(.)\1+", r"\1", consonants) or letters


@lru_cache(maxsize=50_000)
def grams(text: str) -> Mapping[str, int]:
    """Character n-grams of each word with its ends marked, counted."""
    padded = [f" {word} " for word in folded(text).split()]
    return Counter(w[i : i + n] for w in padded for n in GRAMS for i in range(len(w) - n + 1) if w[i : i + n] != " ")


class GramSpace:
    """Spans as unit vectors of n-grams, each weighted by how few of the ``forms`` have it (TF-IDF, sublinear)."""

    def __init__(self, forms: Sequence[str]) -> None:
        seen = Counter(gram for form in forms for gram in grams(form))
        self._rarity = {gram: 1 + math.log((1 + len(forms)) / (1 + n)) for gram, n in seen.items()}
        where: dict[str, list[tuple[int, float]]] = {}
        for place, form in enumerate(forms):
            for gram, weight in self._vector(form).items():
                where.setdefault(gram, []).append((place, weight))
        self._where = {
            gram: (np.array([place for place, _ in there]), np.array([weight for _, weight in there]))
            for gram, there in where.items()
        }
        self._forms = len(forms)

    def _vector(self, text: str) -> dict[str, float]:
        weights = {g: (1 + math.log(n)) * self._rarity[g] for g, n in grams(text).items() if g in self._rarity}
        size = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {gram: weight / size for gram, weight in weights.items()}

    def cosines(self, text: str) -> NDArray[np.float64]:
        """With each form, (n,) in [0, 1]."""
        found = np.zeros(self._forms)
        for gram, weight in self._vector(text).items():
            if (there := self._where.get(gram)) is not None:
                found[there[0]] += weight * there[1]  # a form is in a list once
        return np.minimum(found, 1.0)


def run_together(text: str) -> str:
    """The key of the words without the spaces between: who listens hears none."""
    return phonetic_key(folded(text).replace(" ", ""))


def spelt(a: str, b: str) -> float:
    """How alike two spans are written: 1 - insertions and deletions over their letters together."""
    from rapidfuzz.fuzz import ratio

    return float(ratio(folded(a), folded(b))) / 100


def sounds(a: str, b: str) -> float:
    """How alike two spans sound, by their keys."""
    from rapidfuzz.fuzz import ratio

    return float(ratio(run_together(a), run_together(b))) / 100
