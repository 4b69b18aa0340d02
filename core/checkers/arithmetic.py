"""Re-evaluates the calculations of an answer: ``<<a*b=c>>`` annotations and ``a * b = c`` in prose, with exact fractions.

Follows the calculator annotations of GSM8K as LEMMA (paper 5) and SPARE (paper 22) check them, and adds free text. Different
from both: no 1 % tolerance. A result may be rounded or cut to the decimals it is written with, a whole number only rounded.
A calculation counts as wrong only when no reading makes it right: per cent as a share, a number, or of the base; run-on
chains (``5 + 3 = 8 * 2 = 16``); a dash as a bullet. Algebra, mixed units of measure, remainders and moduli are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from core.checkers.base import REGISTRY, Finding
from core.expressions import Percent, Reading, Unreadable, read
from core.math_tokens import Kind, Token, tokens
from core.units import unit

ERROR_CLASS = "calculation_error"
FLOAT_DECIMALS = 9  # a result with so many decimals came from floating point; its noise is not an error
SHORT = 2_000  # characters of a text whose findings are kept
MAX_TEXT, MAX_EQUATIONS, MAX_SIDE = 100_000, 2_000, 40  # characters, equations, tokens of one side

_FACTORS = "7 10 12 24 30 31 36 52 60 100 365 1000 1440 1760 3600 5280 1000000"
_KITCHEN = frozenset(map(Fraction, (2, 3, 4, 8, 16)))  # between units of volume, mass and length
CONVERSIONS = frozenset(map(Fraction, _FACTORS.split()))

_ANNOTATION = re.compile(r"<<([^<>\n]{1,200})>>")
_NOT_PLAIN = re.compile(r"\b(?:mod|modulo|remainder|rem|R\d|left over|a\.?m\.?|p\.?m\.?|o'clock)\b", re.I)
_FACTOR_BEFORE = re.compile(
    r"_\s*$|_\s*\{\s*$|(?<![A-Za-z])[A-Za-z]\s*\\left\s*(?:[(\[]\s*)?$"
)  # "A_{49}", "a\left(\frac{3}{2}"
_RATE = re.compile(r"[^\W\d_]\s?/\s?\d")  # "8 inches/4 years * 3": which of them is multiplied is open
_SHIFTS_MEANING = frozenset(
    (
        "of",
        "half",
        "twice",
        "double",
        "triple",
        "third",
        "quarter",
        "than",
        "from",
        "by",
        "square",
        "cube",
        "per",
        "base",
        "power",
    )
)


@dataclass(frozen=True, slots=True)
class Equation:
    """One checked link ``left = right``. ``stated`` is the written result, ``exact`` what it should be; spans index the text."""

    start: int
    end: int
    left: str
    right: str
    exact: Fraction
    stated: Fraction
    decimals: int
    ok: bool
    annotated: bool

    @property
    def fix(self) -> str:
        return written(self.exact, self.decimals)


@REGISTRY.register("arithmetic")
class ArithmeticChecker:
    name = "arithmetic"

    def check(self, text: str, given: str = "") -> list[Finding]:
        return list(_known(text)) if len(text) <= SHORT else _checked(text)


def _checked(text: str) -> list[Finding]:
    return [_finding(equation) for equation in equations(text)]


@lru_cache(maxsize=8192)
def _known(text: str) -> tuple[Finding, ...]:
    """Several critics and signals look at the same step one after the other."""
    return tuple(_checked(text))


def equations(text: str) -> list[Equation]:
    """Every calculation that could be evaluated, by place. Prose that only repeats an annotation is left out."""
    text = text[:MAX_TEXT]
    annotated = [e for match in _ANNOTATION.finditer(text) for e in _links(match.group(1), match.start(1), True)]
    prose = [e for e in _links(text, 0, False) if not any(_repeats(e, other) for other in _near(annotated, e))]
    return sorted(annotated + prose, key=lambda e: (e.start, e.end))[:MAX_EQUATIONS]


def written(value: Fraction, decimals: int = 0) -> str:
    """A fraction as people write it: whole, as a short decimal, else rounded to at least two decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    exact = (places for places in range(1, 7) if (value * 10**places).denominator == 1)
    sign = "-" if value < 0 else ""
    digits = _fixed(abs(value), next(exact, min(max(decimals, 2), 6)))
    return sign + (digits.rstrip("0") if len(digits.partition(".")[2]) > 2 else digits)


def _fixed(value: Fraction, places: int) -> str:
    digits = str((2 * value.numerator * 10**places + value.denominator) // (2 * value.denominator)).rjust(
        places + 1, "0"
    )
    return f"{digits[:-places]}.{digits[-places:]}"


def _finding(e: Equation) -> Finding:
    if e.ok:
        exactly = e.exact == e.stated
        return Finding(True, ERROR_CLASS, e.start, e.end, f"{e.left} is {'' if exactly else 'about '}{e.right}.")
    return Finding(False, ERROR_CLASS, e.start, e.end, f"{e.left} is {e.fix}, not {e.right}.", (e.fix,))


def _near(annotated: Sequence[Equation], e: Equation) -> Iterator[Equation]:
    return (other for other in annotated if e.start <= other.start and other.end <= e.end)


def _repeats(e: Equation, other: Equation) -> bool:
    return e.ok == other.ok and e.exact == other.exact


def _links(text: str, offset: int, annotated: bool) -> Iterator[Equation]:
    found = tokens(text)
    for place, token in [(i, t) for i, t in enumerate(found) if t.kind is Kind.EQUALS][:MAX_EQUATIONS]:
        link = _Link(text, found, place).judge(approximate=token.text == "≈")
        if link:
            start, end, left, right, exact, stated, decimals, ok = link
            yield Equation(start + offset, end + offset, left, right, exact, stated, decimals, ok, annotated)


_Judged = tuple[int, int, str, str, Fraction, Fraction, int, bool]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an "=": where it begins and ends as tokens, and what it says under each reading of "%"."""

    start: int
    end: int
    readings: tuple[Reading, ...]

    @property
    def operators(self) -> int:
        return self.readings[0].operators


@dataclass(frozen=True, slots=True)
class _Link:
    """The two sides of the "=" at token ``place``."""

    text: str
    found: Sequence[Token]
    place: int

    def judge(self, approximate: bool) -> _Judged | None:
        right, lefts = self.right(), self.lefts()
        if right is None or not lefts:
            return None
        judged = [self.compare(left, right, approximate) for left in lefts if left.operators or right.operators]
        if not judged:
            return None
        good = next((j for j in judged if j[-1]), None)
        return good or (None if self.doubtful(lefts[0], right) else judged[0])

    def compare(self, left: _Side, right: _Side, approximate: bool) -> _Judged:
        """The best reading. The stated result is the side without an operator, else the right one."""
        calculation, result = (right, left) if right.operators and not left.operators else (left, right)
        decimals = self.decimals(result) if not result.operators else None
        pairs = [(c.value, r.value, c.divides) for c, r in _pairs(calculation, result)]
        shares = self.shares(result)
        loose = self.rounding(calculation, result) if result.operators else Fraction(0)
        ok = [
            pair
            for pair in pairs
            if agrees(*pair, _places(decimals, pair[1] in shares), approximate)
            or abs(pair[0] - pair[1]) <= loose * abs(pair[0])
        ]
        exact, stated, _ = (ok or pairs)[0]
        run_on = right is result and any(c.value == r.first for c in calculation.readings for r in result.readings)
        run_on = run_on and right.operators > 0
        start, end = self.found[left.start].start, self.found[right.end - 1].end
        return (
            start,
            end,
            self.words(calculation, False),
            self.words(result, True),
            exact,
            stated,
            decimals or 0,
            bool(ok) or run_on,
        )

    def words(self, side: _Side, bare: bool) -> str:
        """The side as people read it; ``bare`` leaves out the unit at its end."""
        last = side.end
        while (
            bare
            and last - 1 > side.start
            and (self.found[last - 1].kind is Kind.WORD or self.found[last - 1].text == "/")
        ):
            last -= 1
        text = self.text[self.found[side.start].start : self.found[last - 1].end]
        text = re.sub(
            r"(?<![*])[*](?![*])|\\times|\\cdot|(?<=\d) ?[xX] ?(?=[\d$(])", "×", re.sub(r"<<[^<>\n]*>>", "", text)
        )
        text = re.sub(r"\s*(×|÷|/|\+|(?<=[\d)%a-z]) ?[-−–](?= ?[\d($]))\s*", lambda m: f" {m.group(1).strip()} ", text)
        return " ".join(text.split())[:120]

    def decimals(self, side: _Side) -> int:
        numbers = [t.text for t in self.found[side.start : side.end] if t.kind is Kind.NUMBER]
        return len(numbers[-1].partition(".")[2]) if numbers else 0

    def shares(self, side: _Side) -> frozenset[Fraction]:
        """The value of a per cent that is the whole side, read as a share: its last written digit counts two places further."""
        numbers = [t.value for t in self.found[side.start : side.end] if t.kind is Kind.NUMBER]
        percent = any(t.kind is Kind.PERCENT for t in self.found[side.start : side.end])
        return frozenset({numbers[-1] / 100} if percent and numbers and not side.operators else ())

    def rounding(self, calculation: _Side, result: _Side) -> Fraction:
        """How far, as a share, a result that is itself a calculation may be off because its new decimal numbers are rounded."""
        known = {t.value for t in self.found[calculation.start : calculation.end] if t.kind is Kind.NUMBER}
        fresh = [
            t
            for t in self.found[result.start : result.end]
            if t.kind is Kind.NUMBER and t.value and t.value not in known
        ]
        places = [(t.value, len(t.text.partition(".")[2])) for t in fresh]
        return max(
            (Fraction(1, 2 * 10**places) / abs(value) for value, places in places if places), default=Fraction(0)
        )

    def right(self) -> _Side | None:
        """The longest expression after the "=", unless what follows it shows that it was only a part."""
        start = self.place + 1
        side = self.side(start)
        if side is None or side.end - start > MAX_SIDE:
            return None
        following = self.found[side.end] if side.end < len(self.found) else None
        if following is not None and following.text == "*" and self.multiplies_a_word(side.end):
            return None
        if following is None or following.kind in (Kind.BREAK, Kind.EQUALS, Kind.CLOSE, Kind.WORD):
            return side
        after_word = self.found[side.end - 1].kind is Kind.WORD
        if following.kind is Kind.OPERATOR:
            nothing_after = side.end + 1 >= len(self.found) or self.found[side.end + 1].kind in (
                Kind.BREAK,
                Kind.EQUALS,
            )
            return side if (following.text == "-" and self.spaced(side.end)) or nothing_after else None
        return side if following.kind is not Kind.SYMBOL and (after_word or following.kind is Kind.CURRENCY) else None

    def multiplies_a_word(self, place: int) -> bool:
        """Whether a star stands alone before a word, "4 * AC", and does not belong to bold print."""
        star, after = self.found[place], self.found[place + 1] if place + 1 < len(self.found) else None
        alone = self.text[star.start - 1 : star.start] == " " == self.text[star.end : star.end + 1]
        return alone and after is not None and after.kind in (Kind.WORD, Kind.SYMBOL)

    def lefts(self) -> list[_Side]:
        """Every reading of what stands before the "=", longest first; bounded by prose, never by an operator or algebra."""
        sides = []
        for start in self.starts():
            side = self.side(start)
            if side and side.end == self.place and not self.names_something(side):
                sides.append(side)
        return sides

    def starts(self) -> list[int]:
        begin = self.place
        while (
            begin > 0 and self.found[begin - 1].kind not in (Kind.BREAK, Kind.EQUALS) and self.place - begin < MAX_SIDE
        ):
            begin -= 1
        first = (Kind.NUMBER, Kind.OPEN, Kind.FRACTION, Kind.CURRENCY)
        return [
            i for i in range(begin, self.place) if (self.found[i].kind in first or self.unary(i)) and self.bounded(i)
        ]

    def unary(self, place: int) -> bool:
        return (
            self.found[place].text in ("+", "-") and self.found[place].kind is Kind.OPERATOR and not self.spaced(place)
        )

    def spaced(self, place: int) -> bool:
        after = self.found[place + 1].start if place + 1 < len(self.found) else len(self.text) + 1
        return self.found[place].end < after

    def bounded(self, start: int) -> bool:
        """Whether an expression may begin here: after prose, or after a dash that is prose; not in a subscript, not after a factor."""
        if _FACTOR_BEFORE.search(self.text, max(0, self.found[start].start - 24), self.found[start].start):
            return False
        if start == 0:
            return True
        before = self.found[start - 1]
        if before.kind is Kind.OPERATOR and before.text == "-" and self.spaced(start - 1):
            after_prose = start == 1 or self.found[start - 2].kind is Kind.WORD
            return after_prose and (start <= 2 or self.found[start - 3].kind is not Kind.NUMBER)
        if before.kind is Kind.OPEN:
            return before.end == self.found[start].start and (
                start == 1 or self.found[start - 2].kind is not Kind.SYMBOL
            )
        return before.kind in (Kind.BREAK, Kind.EQUALS, Kind.WORD)

    def names_something(self, side: _Side) -> bool:
        """A lone number beside words is a name or a count ("Day 2 = 3 * 4", "5 hours = 5 * 60"), not a calculation."""
        if side.operators:
            return False
        return bool(side.readings[0].words) or (side.start > 0 and self.found[side.start - 1].kind is Kind.WORD)

    def side(self, start: int) -> _Side | None:
        readings = []
        for percent in (
            Percent if any(t.kind is Kind.PERCENT for t in self.found[start : start + MAX_SIDE]) else (Percent.SHARE,)
        ):
            try:
                readings.append(read(self.found, start, percent))
            except Unreadable:
                continue
        return _Side(start, readings[0].end, tuple(readings)) if readings else None

    def doubtful(self, left: _Side, right: _Side) -> bool:
        """Whether a link that does not hold may still be right because its words change what the numbers mean."""
        words = [*left.readings[0].words, *right.readings[0].words]
        # what follows a lone result names what was counted ("10 sets of sheets", "$11 per day")
        shifting = words if right.operators else left.readings[0].words
        around = self.text[max(0, self.found[left.start].start - 12) : self.found[right.end - 1].end + 24]
        units = [known for known in map(unit, words) if known]
        if re.search(r"[^\W\d_]\s?/\s?[^\W\d_]", around):  # of a rate, the reader keeps only one unit
            units = [known for known in map(unit, re.findall(r"[^\W\d_]+", around)) if known]
        families = [family for family, _ in set(units)]
        mixed = len(families) != len(set(families)) or "count" in families
        before = [t.text.casefold() for t in self.found[max(0, left.start - 2) : left.start] if t.kind is Kind.WORD]
        mixed = (mixed or bool(_RATE.search(around))) and self.convertible(left, right, families)
        return (
            mixed
            or bool(_SHIFTS_MEANING & {*before, *(w.casefold() for w in shifting)})
            or bool(_NOT_PLAIN.search(around))
        )

    def convertible(self, left: _Side, right: _Side, families: Sequence[str]) -> bool:
        """Whether a conversion of units could explain the gap: always for sums, for products only by a known factor."""
        if any(t.text in ("+", "-", "−", "–") for t in self.found[left.start : left.end]) or right.operators:
            return True
        exact, stated = left.readings[0].value, right.readings[0].value
        if not exact or not stated:
            return True
        known = CONVERSIONS | (_KITCHEN if {"volume", "mass", "length"} & set(families) else frozenset())
        return abs(stated / exact) in known or abs(exact / stated) in known


def _places(decimals: int | None, share: bool) -> int | None:
    return None if decimals is None else decimals + 2 * share


def _pairs(calculation: _Side, result: _Side) -> Iterator[tuple[Reading, Reading]]:
    return ((c, r) for c in calculation.readings for r in result.readings)


def agrees(exact: Fraction, stated: Fraction, divides: bool, decimals: int | None, approximate: bool = False) -> bool:
    """Whether ``stated``, written with so many decimals, is ``exact`` or its rounding; ``None`` decimals: a calculation, no rounding.

    With decimals, cutting off counts as rounding, going up to the next does not. After "≈", 1 % is enough.
    """
    gap = abs(exact - stated)
    if gap == 0 or (approximate and gap * 100 <= abs(exact)):
        return True
    if decimals is None or decimals >= FLOAT_DECIMALS:
        return gap * 10**9 <= abs(exact)
    step = Fraction(1, 10**decimals)
    return gap * 2 <= step or (decimals > 0 and gap < step and abs(stated) < abs(exact))
