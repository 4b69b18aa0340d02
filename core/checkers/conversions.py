"""Checks statements that turn one unit of measure into another: "2 hours = 120 minutes", "100 cm + 1 m = 2 m", "3 dozen eggs = 36".

Exact factors alone, within one system of units: what people agree to ("a day = 8 hours" of work, miles for kilometres) is left
alone, and so is everything with a product or a rate. The arithmetic checker looks at numbers; this one at the units beside them.
LEMMA's ``unit_conversion`` (paper 5).
"""

from __future__ import annotations

import re
from fractions import Fraction

from core.checkers.base import REGISTRY, Finding
from core.units import unit

ERROR_CLASS = "unit_error"
MAX_TEXT = 100_000
_SYSTEMS = {
    "metric length": "mm 1 cm 10 m 1000 km 1000000",
    "imperial length": "inch 1 foot 12 yard 36 mile 63360",
    "metric mass": "mg 1 g 1000 kg 1000000",
    "imperial mass": "oz 1 lb 16",
    "metric volume": "ml 1 l 1000",
    "kitchen volume": "teaspoon 1 tablespoon 3 cup 48 pint 96 quart 192 gallon 768",
    "time": "second 1 minute 60 hour 3600",
    "money": "cent 1 penny 1 nickel 5 dime 10 quarter 25 dollar 100",
    "count": "pair 2 dozen 12 hundred 100 thousand 1000 million 1000000 billion 1000000000",
}
_FACTORS = {
    name: (system, Fraction(factor))
    for system, pairs in _SYSTEMS.items()
    for name, factor in zip(pairs.split()[::2], pairs.split()[1::2], strict=True)
}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,12})?|\d{1,15}(?:\.\d{1,12})?"
_QUANTITY = rf"(?:{_NUMBER})(?:[ ]\d{{1,3}}/\d{{1,3}}|/\d{{1,3}})?[ ]?[A-Za-z]{{1,12}}"
_STATEMENT = re.compile(
    rf"(?<![\w.,$€£%)\]}}])(?P<left>{_QUANTITY}(?:[ ](?:and|[-+])[ ]{_QUANTITY}){{0,4}})(?:[ ][a-z]{{2,15}})?[ ]?=[ ]?"
    rf"(?P<right>(?:{_NUMBER})(?:[ ]?[A-Za-z]{{1,12}})?)(?![\w%]|[.,/]\d|[ ]?[-+*×÷/^=(]|[ ](?:and[ ])?\d)"
)
_PART = re.compile(rf"(?:(and|[-+])[ ])?((?:{_NUMBER})(?:[ ]\d{{1,3}}/\d{{1,3}}|/\d{{1,3}})?)[ ]?([A-Za-z]{{1,12}})?")
_OPERATION_BEFORE = re.compile(r"(?:[-+*×÷/^=(<>]|\b(?:of|per|by|times|plus|minus|than|every|each|x))\s*$", re.I)


@REGISTRY.register("conversions")
class ConversionsChecker:
    name = "conversions"

    def check(self, text: str, given: str = "") -> list[Finding]:
        found = []
        for match in _STATEMENT.finditer(text[:MAX_TEXT]):
            try:
                finding = _judged(text, match)
            except ZeroDivisionError:
                continue
            found += [finding] if finding else []
        return found


def _judged(text: str, match: re.Match[str]) -> Finding | None:
    """``None`` where the units are not of one system, are the same on both sides, or the statement is part of a calculation."""
    if _OPERATION_BEFORE.search(text[max(0, match.start() - 12) : match.start()]):
        return None
    parts = [(sign, _value(number), _known(word)) for sign, number, word in _PART.findall(match["left"])]
    (_, stated, shown), *_ = [(sign, _value(number), word) for sign, number, word in _PART.findall(match["right"])]
    goal = _known(shown)
    systems = {known[0] for _, _, known in parts if known}
    if len(systems) != 1 or not all(known for _, _, known in parts):
        return None
    system = systems.pop()
    if system == "count" and (goal is None or goal[0] != "count"):
        goal = ("count", Fraction(1))
    if goal is None or goal[0] != system or {known for _, _, known in parts} == {goal}:
        return None
    total = sum((-value if sign == "-" else value) * known[1] for sign, value, known in parts if known)
    exact = total / goal[1]
    decimals = len(match["right"].split(" ")[0].partition(".")[2].rstrip("abcdefghijklmnopqrstuvwxyz"))
    ok = abs(exact - stated) * 2 * 10**decimals <= 1 if decimals else exact == stated
    left, right = " ".join(match["left"].split()), " ".join(match["right"].split())
    if ok:
        return Finding(True, ERROR_CLASS, match.start(), match.end(), f"{left} is {right}.")
    fix = str(exact.numerator) if exact.denominator == 1 else f"{float(exact):.6g}"
    said = f"{left} is {fix}{f' {shown}' if shown else ''}, not {right}."
    return Finding(False, ERROR_CLASS, match.start(), match.end(), said, (fix,))


def _known(word: str) -> tuple[str, Fraction] | None:
    """Its system and factor; a lone letter is a variable sooner than a thousand."""
    found = unit(word) if word else None
    known = _FACTORS.get(found[1]) if found else None
    return None if known and known[0] == "count" and len(word) == 1 else known


def _value(number: str) -> Fraction:
    whole, _, part = number.replace(",", "").partition(" ")
    return (Fraction(whole) + Fraction(part)) if part else Fraction(whole)
