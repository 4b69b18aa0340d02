"""Finds numbers in an answer that come from nowhere: not given, not worked out before, no constant that everybody knows.

The operand check of LEMMA (paper 5: a value that is in neither the question nor an earlier step), by values and not by words:
"twice" supports 2, "20 %" supports .2, .8 and 1.2, and every calculation of the answer supports its result, right or wrong
(a wrong one is the arithmetic checker's finding). Only the first use of a number is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from core.checkers.base import REGISTRY, Finding
from core.expressions import Percent, Reading, Unreadable, read
from core.math_tokens import Kind, Token, tokens
from core.number_words import QUANTITIES

ERROR_CLASS = "unsupported_number"
MAX_TEXT = 100_000
_SMALL = "0 1 2 3 4 10 100 1000 10000 1000000 1/2 1/10 1/100"
_UNITS = "7 12 16 24 30 31 36 52 60 90 180 360 365 366 3600 5280 3.14"  # of time, length, mass, angle
CONSTANTS = frozenset(Fraction(value) for value in f"{_SMALL} {_UNITS}".split())

_LISTING = re.compile(
    r"^[ \t]{0,20}(?:#{1,6}[ \t]{1,4})?\**(?:step[ \t]{0,4}\d{1,4}|\d{1,3}[.):](?=[ \t*]|$))"
    r"|\b(?:step|steps|equation|case|part|line|figure|problem|question|example)[ \t]\(?\d{1,4}",
    re.I | re.M,
)
_WORDS = re.compile(r"[A-Za-z]+")


@REGISTRY.register("provenance")
class ProvenanceChecker:
    name = "provenance"

    def check(self, text: str, given: str = "") -> list[Finding]:
        """One finding per number of ``text`` at its first use; ``ok`` when it is known by then."""
        text = text[:MAX_TEXT]
        known = _given(given[:MAX_TEXT]) | CONSTANTS
        listed = {place for match in _LISTING.finditer(text) for place in range(*match.span())}
        return list(_judged(text, [t for t in _with_annotations(text) if t.start not in listed], known))


def _judged(text: str, found: Sequence[Token], known: frozenset[Fraction]) -> Iterator[Finding]:
    results, algebra = _results(found), _algebra(found)
    known_now, seen = set(known), set[Fraction]()
    for place, token in enumerate(found):
        known_now |= _spoken(token)
        if token.kind is Kind.NUMBER:
            value = token.value
            if place in results:
                known_now.update(results[place])
            if value not in seen:
                seen.add(value)
                yield _finding(token, value in known_now or place in algebra)
            known_now.add(value)


def _finding(token: Token, ok: bool) -> Finding:
    said = "was given or worked out" if ok else "is neither in the question nor the result of a calculation"
    return Finding(ok, ERROR_CLASS, token.start, token.end, f"The number {token.text} {said}.")


def _with_annotations(text: str) -> list[Token]:
    return tokens(text.replace("<<", "( ").replace(">>", " )"))


def _results(found: Sequence[Token]) -> dict[int, set[Fraction]]:
    """For the first number after each "=" or calculation: the values that the calculation justifies there."""
    results: dict[int, set[Fraction]] = {}
    place = 0
    while place < len(found):
        try:
            readings = [read(found, place, percent) for percent in Percent] if found[place].kind in _STARTS else []
        except Unreadable:
            readings = []
        if readings and readings[0].operators:
            _note(found, readings, results)
        place = max(place + 1, readings[0].end if readings else 0)
    return results


_STARTS = (Kind.NUMBER, Kind.OPEN, Kind.FRACTION, Kind.CURRENCY)


def _note(found: Sequence[Token], readings: Sequence[Reading], results: dict[int, set[Fraction]]) -> None:
    end = readings[0].end
    following = next((i for i in range(end, min(end + 12, len(found))) if found[i].kind is Kind.NUMBER), None)
    if following is None:
        return
    values = {reading.value for reading in readings}
    rounded = {Fraction(round(value, places)) for value in values for places in range(3)}
    equated = any(t.kind is Kind.EQUALS for t in found[end:following])
    results.setdefault(following, set()).update(values | rounded | ({found[following].value} if equated else set()))
    if equated:
        _note_rewriting(found, following, values, results)


def _note_rewriting(
    found: Sequence[Token], start: int, values: set[Fraction], results: dict[int, set[Fraction]]
) -> None:
    """``2 + 6 * 5 = 2 + 30``: where both sides are equal, the numbers of the second are results of the first."""
    while start > 0 and found[start - 1].kind in _STARTS:
        start -= 1
    try:
        reading = read(found, start)
    except Unreadable:
        return
    if reading.value in values:
        for place in range(start, reading.end):
            results.setdefault(place, set()).add(found[place].value)


def _algebra(found: Sequence[Token]) -> frozenset[int]:
    """Places in an equation with a variable: what its numbers come from is solving, which is not followed here."""
    inside: set[int] = set()
    start = 0
    for place, token in enumerate([*found, Token(Kind.BREAK, "", 0, 0)]):
        if token.kind is Kind.BREAK:
            kinds = [t.kind for t in found[start:place]]
            if Kind.EQUALS in kinds and Kind.SYMBOL in kinds:
                inside.update(range(start, place))
            start = place + 1
    return frozenset(inside)


def _given(text: str) -> frozenset[Fraction]:
    values: set[Fraction] = set()
    for place, token in enumerate(found := tokens(text)):
        values |= _spoken(token)
        if token.kind is Kind.NUMBER:
            share = token.value / 100
            is_percent = place + 1 < len(found) and found[place + 1].kind is Kind.PERCENT
            values |= (
                {token.value, share, 1 - share, 1 + share, 100 - token.value, 100 + token.value}
                if is_percent
                else {token.value}
            )
            if place >= 2 and found[place - 1].text == "/" and found[place - 2].kind is Kind.NUMBER and token.value:
                values |= {found[place - 2].value / token.value, 1 - found[place - 2].value / token.value}
        elif token.kind is Kind.SYMBOL and re.match(r"\d", token.text):
            values |= {Fraction(number) for number in re.findall(r"\d{1,40}", token.text)}
    return frozenset(values)


def _spoken(token: Token) -> set[Fraction]:
    """The numbers that a word stands for, with its parts: "twenty-five" supports 20, 5 and 25."""
    if token.kind not in (Kind.WORD, Kind.SYMBOL):
        return set()
    parts = [QUANTITIES[w.casefold()] for w in _WORDS.findall(token.text) if w.casefold() in QUANTITIES]
    values = {value for part in parts for value in part}
    return values | {sum(values, Fraction(0))} if len(parts) > 1 else values
