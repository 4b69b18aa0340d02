"""One wrong result in a right text (mistake augmentation of LEMMA, paper 5; RG3 of AutoMathCritique, paper 40): exact by construction.

Changes the stated result of one calculation that holds. What is planted is known, so it measures a checker and teaches a critic.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from core.checkers.arithmetic import Equation, equations
from core.math_tokens import Kind, tokens

WAYS = ("add", "double", "digit")


@dataclass(frozen=True, slots=True)
class Planted:
    """``text`` with the result at [start, end) changed from ``was``."""

    text: str
    start: int
    end: int
    was: str


def plant(text: str, rng: random.Random) -> Planted | None:
    """``None`` where no calculation holds exactly and ends in a plain number."""
    places = [place for e in equations(text) if (place := _result(text, e))]
    if not places:
        return None
    start, end = rng.choice(places)
    was = text[start:end]
    new = _other(was, rng)
    return Planted(text[:start] + new + text[end:], start, start + len(new), was)


def _result(text: str, e: Equation) -> tuple[int, int] | None:
    """Where the number stands that states the result: the last one of the equation, if it is its whole right side."""
    if not e.ok or e.exact != e.stated:
        return None
    cut = max(text.rfind("=", e.start, e.end), text.rfind("≈", e.start, e.end))
    found = [t for t in tokens(text[cut + 1 : e.end]) if t.kind is Kind.NUMBER]
    if cut < 0 or len(found) != 1 or found[0].value != e.stated:
        return None
    return cut + 1 + found[0].start, cut + 1 + found[0].end


def _other(was: str, rng: random.Random) -> str:
    """Another number with the same decimals."""
    places = len(was.partition(".")[2])
    value = float(was.replace(",", ""))
    way = rng.choice(WAYS)
    if way == "double" and value:
        return f"{value * 2:.{places}f}"
    step = 10 ** rng.randint(0, max(0, len(was.partition(".")[0].replace(",", "")) - 1)) if way == "digit" else 1
    return f"{value + step * rng.randint(1, 3):.{places}f}"
