"""Indicators against plain loops that count what they say."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from core.quality import indicators
from core.quality.indicators import INDICATORS, NAMES

TEXTS = [
    "The cat sat on the mat. The cat sat on the mat again, and the dog sat beside the cat.",
    "One two three four five six seven eight nine ten.",
    "don't stop; DON'T stop; don’t",
    "Ünïcode wörds ünïcode 你好 你好 世界",
    "a a a a a a a a",
    "word",
    "",
    "... !!!",
] * 25


def plain_words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text.casefold())


def plain_mtld(text: str) -> float:
    """McCarthy and Jarvis (2010) step by step: the ratio is counted anew for every word."""
    words = plain_words(text)
    if not words:
        return math.nan
    both = []
    for tokens in (words, list(reversed(words))):
        factors, begin = 0.0, 0
        for end in range(1, len(tokens) + 1):
            part = tokens[begin:end]
            if len(set(part)) / len(part) < 0.72:
                factors += 1
                begin = end
        if rest := tokens[begin:]:
            factors += (1 - len(set(rest)) / len(rest)) / (1 - 0.72)
        both.append(len(tokens) / factors if factors else len(tokens))
    return sum(both) / 2


def plain_knn(vectors: np.ndarray, neighbour: int) -> list[float]:
    found = []
    for i, one in enumerate(vectors):
        others = sorted(math.dist(one, other) for j, other in enumerate(vectors) if j != i)
        found.append(others[neighbour - 1])
    return found


def test_length_and_mtld_match_plain_loops() -> None:
    for text in TEXTS:
        assert indicators.length(text) == len(plain_words(text))
        assert indicators.mtld(text) == pytest.approx(plain_mtld(text), nan_ok=True)
    assert indicators.mtld("a b c d e") == 5, "never below the threshold: all of its words"
    assert indicators.mtld("a " * 50) < 3 < indicators.mtld(" ".join(f"w{n}" for n in range(50)))


def test_the_distance_to_the_sixth_neighbour_matches_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicators, "_BLOCK", 37)  # rows lie in several blocks
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[10] = vectors[11]
    assert indicators.knn_distance(vectors) == pytest.approx(plain_knn(vectors, 6), abs=2e-3)
    assert np.isnan(indicators.knn_distance(vectors[:6])).all(), "six rows have five neighbours"
    own = np.zeros(200, bool)
    own[:50] = True
    some = indicators.knn_distance(vectors, vectors[:50], own)
    assert some[:50] == pytest.approx(plain_knn(vectors[:50], 6), abs=2e-3)
    assert some[120] == pytest.approx(plain_knn(np.vstack([vectors[:50], vectors[120:121]]), 6)[-1], abs=2e-3)


def test_the_cosine_of_two_rows_is_the_mean_of_both_cosines() -> None:
    rng = np.random.default_rng(1)
    prompts, responses = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 5, 8)))
    both = indicators.joint(prompts.astype(np.float32), responses.astype(np.float32))
    assert both @ both.T == pytest.approx((prompts @ prompts.T + responses @ responses.T) / 2, abs=1e-5)


def test_the_same_keys_draw_the_same_rows() -> None:
    keys = [f"k{n}" for n in range(100)]
    drawn = indicators.drawn(keys, 10)
    assert len(drawn) == 10 and list(drawn) == sorted(drawn)
    again = indicators.drawn(keys[::-1], 10)
    assert {keys[place] for place in drawn} == {keys[::-1][place] for place in again}
    assert list(indicators.drawn(keys[:5], 10)) == [0, 1, 2, 3, 4]


def test_names_are_those_of_the_table() -> None:
    assert len(set(NAMES)) == len(NAMES) and all(one.sign in (-1, 1) and one.says for one in INDICATORS)
