"""What a second answer to the same question is worth: confidence level and critique score (paper 3), accuracy at both tries (paper 15).

Every question counts alike, however many tries it has. Of one question, P(a) is the share of first answers that are right, P(a, b)
that of tries right both times, P(not a, b) that of tries put right. The figures are ratios of sums over the n questions, not means of
ratios:

    Acc@t1 = sum P(a) / n                       Acc@t2 = sum (P(a, b) + P(not a, b)) / n
    i->c = sum P(not a, b) / n                  c->i = sum (P(a) - P(a, b)) / n
    delta = Acc@t2 - Acc@t1 = i->c - c->i
    CL = sum P(a, b) / sum P(a)                 confidence level: right answers that stay right; 1 - CL is the break rate (27, 45)
    CS = sum P(not a, b) / (n - sum P(a))       critique score: wrong answers put right; the same as the fix rate (27, 45)
    RSS = (Acc@t2 - Acc@t1^2) / (2 Acc@t1 (1 - Acc@t1))   relative score: above .5 means that the second answer is the better one

from which Acc@t2 = Acc@t1 CL + (1 - Acc@t1) CS. A figure whose denominator is 0 is ``None``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics import wilson

NAMES = ("acc_t1", "acc_t2", "delta", "i_to_c", "c_to_i", "confidence_level", "critique_score", "rss")
ROUNDS = 1000
FEWEST = 10  # questions before an interval is told, or anything is said of a refiner
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class SecondTry:
    """A first answer and what a refiner made of it, each right or not.

    ``draft`` tells first answers of one question apart, so that refiners of the same one can be compared. ``change`` is the share of
    characters that differ. ``first_tokens`` and ``tokens`` count prompt and answer of the first and of the second try, ``calls`` the
    requests of the second alone. ``failure`` is the kind of error of a second answer that is wrong. Risks are chances of being wrong.
    """

    question: str
    refiner: str
    first: bool
    second: bool
    draft: str = ""
    change: float | None = None
    first_tokens: float | None = None
    tokens: float | None = None
    calls: float | None = 1.0
    seconds: float | None = None
    failure: str = ""
    first_risk: float | None = None
    second_risk: float | None = None


@dataclass(frozen=True, slots=True)
class Odds:
    """Of one question: P(a), P(a, b) and P(not a, b), where a is a right first answer and b a right second one."""

    first: float
    kept: float
    fixed: float


def odds(tries: Sequence[SecondTry]) -> list[Odds]:
    """One per question, in the order in which they come, by counting its tries."""
    found: dict[str, list[SecondTry]] = defaultdict(list)
    for one in tries:
        found[one.question].append(one)
    return [
        Odds(
            sum(t.first for t in group) / len(group),
            sum(t.first and t.second for t in group) / len(group),
            sum(t.second and not t.first for t in group) / len(group),
        )
        for group in found.values()
    ]


def choice_odds(first: Mapping[str, float], second: Mapping[str, Mapping[str, float]], gold: str) -> Odds:
    """From probabilities over options, without sampling: ``second`` holds those of the second turn after each possible first answer.

    P(not a, b) is the sum over wrong options o of p1[o] p2[gold | o]. ``ValueError`` for probabilities that do not add up to 1, or
    where the second turn after an option, or the right one, is missing.
    """
    for given in (first, *second.values()):
        if min(given.values(), default=-1.0) < 0 or abs(sum(given.values()) - 1) > 1e-3:
            raise ValueError("probabilities of the options must add up to 1")
    if gold not in first or set(second) != set(first) or any(gold not in given for given in second.values()):
        raise ValueError(
            f"the second turn is needed after each option, with a probability of the right one, {gold[:80]!r}"
        )
    wrong = sum(share * second[option][gold] for option, share in first.items() if option != gold)
    return Odds(first[gold], first[gold] * second[gold][gold], wrong)


def profile(rows: Sequence[Odds]) -> dict[str, float | None]:
    """The eight figures of ``NAMES``; all are ``None`` without a question."""
    values = _values(_sums(rows).sum(axis=0, keepdims=True), len(rows))
    return {name: _known(float(value[0])) for name, value in zip(NAMES, values, strict=True)}


def intervals(rows: Sequence[Odds], *, rounds: int = ROUNDS, seed: int = 0) -> dict[str, tuple[float, float] | None]:
    """95 % percentile intervals over draws of whole questions; ``None`` below ``FEWEST`` questions, or where a figure is not defined.

    Draws in which a figure is not defined are left out. A share of which every draw says none, or all, gets Wilson's interval over the
    questions that it is about: that none was seen does not mean that there are none.
    """
    n = len(rows)
    if n < FEWEST:
        return dict.fromkeys(NAMES)
    table = _sums(rows)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=rounds)
    drawn = _values(weights @ table, n)
    about = {"confidence_level": int((table[:, 0] > 0).sum()), "critique_score": int((table[:, 0] < 1).sum())}
    return {
        name: _interval(name, values[~np.isnan(values)], about.get(name, n))
        for name, values in zip(NAMES, drawn, strict=True)
    }


def _interval(name: str, values: NDArray[np.float64], n: int) -> tuple[float, float] | None:
    if not len(values):
        return None
    low, high = (float(value) for value in np.percentile(values, [2.5, 97.5]))
    if high - low > _NOTHING:
        return low, high
    if name == "rss":
        return None
    if name == "delta" and abs(low) < _NOTHING:
        most = wilson(0, n)[1]
        return -most, most
    if name == "delta":
        edge = wilson(n, n)[0]
        return (edge, 1.0) if low > 0 else (-1.0, -edge)
    return wilson(0 if low < _NOTHING else n, n)


def _sums(rows: Sequence[Odds]) -> NDArray[np.float64]:
    return np.array([(row.first, row.kept, row.fixed) for row in rows], np.float64).reshape(len(rows), 3)


def _values(sums: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], ...]:
    """Each figure of ``NAMES`` for each row of sums (P(a), P(a, b), P(not a, b)) over ``n`` questions; nan where not defined."""
    first, kept, fixed = sums.T
    wrong = n - first
    some_right, some_wrong = first > _NOTHING, wrong > _NOTHING
    with np.errstate(divide="ignore", invalid="ignore"):
        t1, t2 = first / n, (kept + fixed) / n
        level = np.where(some_right, kept / first, np.nan)
        critique = np.where(some_wrong, fixed / wrong, np.nan)
        relative = np.where(some_right & some_wrong, (t2 - t1**2) / (2 * t1 * (1 - t1)), np.nan)
        return t1, t2, t2 - t1, fixed / n, (first - kept) / n, level, critique, relative


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def as_json(found: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as lists, so that they are the same before and after JSON."""
    return {name: None if pair is None else list(pair) for name, pair in found.items()}
