"""How surprising a language model finds each step when it reads the solution: features beside ``step_features``.

The model reads the problem as its prompt and the steps as its own reply, once, and writes nothing. Log-probs of all tokens, of those
with digits and of signs, each step against those before it, and entropies. Works with a model that could not solve the problem: a
wrong step often holds a number that nothing led it to expect.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.critics.step_text import plain
from core.generators.base import Message, ReadRequest
from core.types import TokenLogprob

NAMES = (
    "read_mean", "read_least", "read_sum", "read_entropy", "read_numbers", "read_least_number", "read_signs",
    "read_least_sign", "read_less", "read_numbers_less", "read_entropy_more", "read_least_five", "read_first_number",
)  # fmt: skip
_NONE, _NO_NUMBER, _NO_SIGN, _NO_ENTROPY = -1.0, -0.7, -0.7, 1.0  # of a step without any: about the mean
_SIGNS = frozenset("+-*/=")

Floats = NDArray[np.float64]


def request(problem: str, steps: Sequence[str]) -> ReadRequest:
    """The steps as a reply, one per line."""
    return ReadRequest((Message("user", plain(problem)),), "\n".join(plain(step) for step in steps))


def rows(steps: Sequence[str], tokens: Sequence[TokenLogprob]) -> Floats:
    """(steps, ``len(NAMES)``); ``tokens`` are those of the request's reply, or the beginning of them."""
    lengths = [len(plain(step)) + 1 for step in steps]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    place, of = 0, list[int]()
    for token in tokens:
        place += len(token.text)
        of.append(max(0, bisect_right(starts, max(0, place - 1)) - 1))
    where = np.array(of, dtype=np.int64)
    logprob, entropy = np.array([t.logprob for t in tokens]), np.array([t.entropy for t in tokens])
    number = np.array([any(c.isdigit() for c in t.text) for t in tokens], dtype=bool)
    sign = np.array([t.text.strip() in _SIGNS for t in tokens], dtype=bool)
    found = []
    for k in range(len(steps)):
        mine, before = where == k, where < k
        all_, numbers, signs = logprob[mine], logprob[mine & number], logprob[mine & sign]
        mean, of_numbers, unsure = _mean(all_, _NONE), _mean(numbers, _NO_NUMBER), _mean(entropy[mine], _NO_ENTROPY)
        found.append(
            [
                mean,
                _least(all_, _NONE),
                float(all_.sum()),
                unsure,
                of_numbers,
                _least(numbers, _NONE),
                _mean(signs, _NO_SIGN),
                _least(signs, _NO_SIGN),
                mean - _mean(logprob[before], mean),
                of_numbers - _mean(logprob[before & number], of_numbers),
                unsure - _mean(entropy[before], unsure),
                _mean(np.sort(all_)[:5], _NONE),
                float(numbers[0]) if len(numbers) else _NO_NUMBER,
            ]
        )
    return np.array(found, dtype=np.float64).reshape(len(steps), len(NAMES))


def _mean(values: Floats, none: float) -> float:
    return float(values.mean()) if len(values) else none


def _least(values: Floats, none: float) -> float:
    return float(values.min()) if len(values) else none
