"""Two people's marked spans of the same answers compared: F1 over characters, and over whole spans, with bootstrap intervals.

Kappa does not fit spans, because nobody counts the places where both marked nothing; F1 between two people is its limit (Hripcsak and
Rothschild 2005). It is the same whichever of the two is taken for the truth. An insertion marks the character before which it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.reports.base import REGISTRY

Spans = Sequence[tuple[int, int]]
FEWEST = 10  # answers of which either marked something before anything is said of a pair
ROUNDS = 400  # of the bootstrap


@REGISTRY.register("span_agreement")
class SpanAgreementReport:
    name = "span_agreement"

    def compute(self, rows: Sequence[tuple[Spans, Spans]]) -> dict[str, Any]:
        """``rows``: what each of two people marked of an answer, as [start, end) in characters. Answers without a mark do not count.

        ``n`` answers, ``f1`` over characters with ``low`` and ``high``, ``exact`` over whole spans; None below ``FEWEST`` answers.
        """
        marked = [(a, b) for a, b in rows if a or b]
        if len(marked) < FEWEST:
            return {"n": len(marked), "f1": None, "low": None, "high": None, "exact": None}
        counts = np.array([_counts(a, b) for a, b in marked], float)
        low, high = _interval(counts)
        whole = np.array([(len(set(a) & set(b)), len(set(a)) + len(set(b))) for a, b in marked], float)
        return {"n": len(marked), "f1": _f1(counts), "low": low, "high": high, "exact": _f1(whole)}


def _interval(counts: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of F1, answers drawn whole: how often each is drawn is a multinomial, for all rounds at once."""
    n = len(counts)
    times = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=ROUNDS)
    common, total = (times @ counts).T
    low, high = np.percentile(2 * common / total, [2.5, 97.5])
    return float(low), float(high)


def f1(a: Spans, b: Spans) -> float:
    """Over the characters that each marked: twice the common ones by all; 1 where neither marked any."""
    common, total = _counts(a, b)
    return 2 * common / total if total else 1.0


def _counts(a: Spans, b: Spans) -> tuple[int, int]:
    first, second = _characters(a), _characters(b)
    return len(first & second), len(first) + len(second)


def _characters(spans: Spans) -> set[int]:
    return {place for start, end in spans for place in range(start, max(end, start + 1))}


def _f1(counts: np.ndarray) -> float:
    """Of rows (common, total), taken together."""
    common, total = counts.sum(0)
    return float(2 * common / total)
