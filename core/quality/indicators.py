"""Indicators of a row (InstructMining, paper 37): cheap figures of a prompt and the response that it is to teach.

``nan`` stands for what is not known of a row; nothing here guesses.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

NEIGHBOUR = 6  # the paper's kNN_6
THRESHOLD = 0.72  # of the type-token ratio, at which McCarthy and Jarvis (2010) end a factor
AMONG = 20_000  # rows among which neighbours are looked for
_BLOCK = 1024  # rows of one matrix product
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class Indicator:
    """``sign``: +1 where more is better by itself, -1 where less is."""

    name: str
    title: str
    says: str
    sign: int


INDICATORS = (
    Indicator("length", "Length", "Words of the response.", -1),
    Indicator(
        "loss", "Loss", "Mean loss of the response given the prompt (log perplexity), by the worker's model.", -1
    ),
    Indicator("gain", "Loss against no prompt", "How much the prompt lowers that loss; above 0 it makes it worse.", -1),
    Indicator("related", "Prompt to response", "Cosine of the embeddings of prompt and response.", 1),
    Indicator("mtld", "Lexical diversity", "MTLD: words until the share of new ones falls below .72.", 1),
    Indicator("knn_6", "Distance to the sixth nearest", "In embedding space, of prompt and response together.", 1),
    Indicator("critic", "Critics", "Mean probability that critics give its steps of being right.", 1),
    Indicator("agreement", "Agreement", "Share of its reviewers who agree with the verdict; from two on.", 1),
    Indicator("step_error", "Author's wrong steps", "Share of wrong steps among audited answers of its author.", -1),
)
NAMES = tuple(one.name for one in INDICATORS)
BY_NAME = {one.name: one for one in INDICATORS}


def words(text: str) -> list[str]:
    """Lower-cased words, without punctuation."""
    return _WORD.findall(text.casefold())


def length(text: str) -> float:
    return float(len(words(text)))


def mtld(text: str) -> float:
    """Measure of textual lexical diversity (McCarthy and Jarvis 2010): the mean of reading forwards and backwards.

    A text that never falls to the threshold counts all of its words; one without words gives ``nan``.
    """
    found = words(text)
    if not found:
        return math.nan
    return (_factor_length(found) + _factor_length(found[::-1])) / 2


def _factor_length(tokens: Sequence[str]) -> float:
    """Words per factor, the last one in proportion to how far it got."""
    factors, seen, count = 0.0, set[str](), 0
    for token in tokens:
        seen.add(token)
        count += 1
        if len(seen) / count < THRESHOLD:
            factors, seen, count = factors + 1, set(), 0
    if count:
        factors += (1 - len(seen) / count) / (1 - THRESHOLD)
    return len(tokens) / factors if factors else float(len(tokens))


def joint(prompts: Vectors, responses: Vectors) -> Vectors:
    """Unit vectors (n, 2d) of prompt and response together: their cosine is the mean of both cosines."""
    return (np.concatenate([prompts, responses], axis=1) / math.sqrt(2)).astype(np.float32)


def knn_distance(
    vectors: Vectors, among: Vectors | None = None, own: NDArray[np.bool_] | None = None, neighbour: int = NEIGHBOUR
) -> Floats:
    """Euclidean distance (n,) of each unit vector to its ``neighbour``-th nearest, itself not counted; ``nan`` where there are too few.

    ``among`` are the vectors to look among, where not all; ``own`` (n,) says which of ``vectors`` are among them.
    """
    others = vectors if among is None else among
    inside = np.ones(len(vectors), bool) if own is None else own
    found = np.full(len(vectors), np.nan)
    if len(others) <= neighbour:
        return found
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = vectors[part] @ others.T
        sorted_ones = -np.partition(-cosines, [neighbour - 1, neighbour], axis=1)
        nearest = np.where(inside[part], sorted_ones[:, neighbour], sorted_ones[:, neighbour - 1])
        found[part] = np.sqrt(np.maximum(2 - 2 * nearest.astype(np.float64), 0))
    return found


def drawn(keys: Sequence[str], most: int = AMONG) -> NDArray[np.int64]:
    """Places of at most ``most`` keys, drawn by their hash: the same rows draw the same ones."""
    if len(keys) <= most:
        return np.arange(len(keys))
    order = sorted(range(len(keys)), key=lambda place: hashlib.sha256(keys[place].encode()).digest())
    return np.sort(np.array(order[:most]))
