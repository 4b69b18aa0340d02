"""Numbers with their units in a text: "12 km", "$5", "3 million dollars", "60 miles per hour"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from core.answers import final_answer
from core.signals._rule import Number, numbers_in
from core.units import unit

SIGNS = {"$": "dollar", "€": "euro", "£": "pound sterling", "¥": "yen", "¢": "cent", "°": "degree"}
_BEFORE = re.compile(r"([$€£¥])\s?-?$")
_AFTER = re.compile(
    r"\s{0,2}(?:\\?(?:text|mathrm)\{)?\s{0,2}(?P<unit>[^\W\d_]+|[°¢€$£¥%])"
    r"(?P<rest>\}?(?:\^?[23²³])?(?:\s{0,2}/\s{0,2}[^\W\d_]+|\s{1,2}per\s{1,2}[^\W\d_]+)?)"
)
_AREA = re.compile(r"(?:square|sq\.?|cubic|cu\.?)\s+", re.I)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what stands beside it. ``family`` and ``unit`` are those of ``core.units``; ``None`` where it has no such unit.

    ``beside`` is the wording: "miles per hour", "apples", "", and is no simple unit when it is compound.
    """

    value: Fraction
    start: int
    end: int
    family: str | None
    unit: str | None
    beside: str


def quantities(text: str) -> list[Quantity]:
    """Every number of a text in order, each with its unit if it has one; the exponent of "5 m^2" is part of the unit."""
    found: list[Quantity] = []
    for number in numbers_in(text):
        if not found or number.start >= found[-1].end:
            found.append(_with_unit(text, number))
    return found


def final_quantity(text: str) -> Quantity | None:
    """The one quantity of the final answer, at its place in ``text``; ``None`` when it has no number, or several."""
    said = final_answer(text)
    if not said:
        return None
    offset = max(0, text.rfind(said))
    found = quantities(said)
    if len(found) != 1:
        return None
    q = found[0]
    return Quantity(q.value, offset + q.start, offset + q.end, q.family, q.unit, q.beside)


def _with_unit(text: str, number: Number) -> Quantity:
    if sign := _BEFORE.search(text[max(0, number.start - 3) : number.start]):
        return _named(number, number.start - len(sign[0]), number.end, SIGNS[sign[1]], "money")
    position, prefix = number.end, ""
    while match := _AFTER.match(text, position):
        word = match["unit"]
        if word == "%":
            return Quantity(number.value, number.start, match.end("unit"), None, "%", "%")
        if word in SIGNS and word != "°":
            return _named(number, number.start, match.end("unit"), SIGNS[word], "money")
        known = unit(word)
        if known and known[0] == "count":  # "3 million dollars", "2 dozen eggs": a factor, not yet the unit
            position, prefix = match.end("unit"), f"{prefix}{word} "
            continue
        return _measured(text, number, match, prefix)
    return Quantity(number.value, number.start, position, None, None, prefix.strip())


def _measured(text: str, number: Number, match: re.Match[str], prefix: str) -> Quantity:
    known = unit(match["unit"])
    start = match.start("unit")
    if area := _AREA.match(text, start):
        following = re.compile(r"[^\W\d_]*").match(text, area.end())
        end = following.end() if following else area.end()
        return Quantity(number.value, number.start, end, None, None, text[start:end])
    rest = match["rest"].strip("} ")
    if rest:
        return Quantity(number.value, number.start, match.end(), None, None, text[start : match.end()].strip("} "))
    if known is None or _is_preposition(text, match):
        return Quantity(number.value, number.start, match.end("unit"), None, None, prefix + match["unit"])
    return Quantity(number.value, number.start, match.end("unit"), known[0], known[1], match["unit"])


def _is_preposition(text: str, match: re.Match[str]) -> bool:
    """ "3 in the box" is no length; "3 in" and "3 in." are."""
    return match["unit"].casefold() == "in" and bool(re.match(r"\s+[A-Za-z]", text[match.end("unit") :]))


def _named(number: Number, start: int, end: int, name: str, family: str) -> Quantity:
    return Quantity(number.value, start, end, family, name, name)
