"""A bounded parser of arithmetic over exact fractions. Nothing is ever executed.

Limits: 4,096 bits a value, exponents up to 64, nesting up to 30; beyond them ``Unreadable`` is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from fractions import Fraction

from core.math_tokens import Kind, Token

MAX_BITS, MAX_EXPONENT, MAX_DEPTH = 4096, 64, 30
OPENING, CLOSING = "([{", ")]}"
_PROSE = (
    "a an the and or so then thus because since if when while that which who this these those is are was were be has have had "
    "gives give get gets makes make leaves equals in at for to with on he she it they we you i there but not"
)
_PERIODS = ("day", "week", "month", "year", "hour")  # "4 a day" is a rate
_NEVER_UNITS = frozenset(_PROSE.split())


class Unreadable(ValueError):
    """Not an expression that can be evaluated."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An expression that was read: its exact value, where it ends, and what a comparison has to know about it."""

    value: Fraction
    end: int  # index of the token after it
    operators: int
    first: Fraction  # value of its first operand
    words: tuple[str, ...]
    divides: bool


class Percent(Enum):
    """How "%" is meant: 20 % is .2, is 20, or is a share of what it is added to."""

    SHARE = auto()
    PLAIN = auto()
    OF_BASE = auto()


def read(found: Sequence[Token], start: int, percent: Percent = Percent.SHARE) -> Reading:
    """The longest expression that begins at token ``start``; raises ``Unreadable`` when none does."""
    parser = _Parser(found, start, percent)
    value = parser.sum(0)
    first = parser.first if parser.first is not None else value
    return Reading(value, parser.at, parser.operators, first, tuple(parser.words), parser.divides)


@dataclass
class _Parser:
    found: Sequence[Token]
    at: int
    percent: Percent
    operators: int = 0
    first: Fraction | None = None
    words: list[str] = field(default_factory=list)
    divides: bool = False
    lone_percent: bool = False  # whether the last term was a single "b %"

    def kind(self, ahead: int = 0) -> Kind:
        place = self.at + ahead
        return self.found[place].kind if place < len(self.found) else Kind.BREAK

    def text(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.found[place].text if place < len(self.found) else ""

    def sum(self, depth: int) -> Fraction:
        value = self.product(depth)
        while self.operator("+", "-"):
            sign = -1 if self.found[self.at].text == "-" else 1
            self.at, self.operators = self.at + 1, self.operators + 1
            term = self.product(depth)
            if self.percent is Percent.OF_BASE and self.lone_percent:
                term = value * term
            value = _bounded(value + sign * term)
        return value

    def product(self, depth: int) -> Fraction:
        value, begin = self.factor(depth), self.at
        lone = self.found[begin - 1].kind is Kind.PERCENT
        while True:
            if self.operator("*", "/"):
                divide = self.found[self.at].text == "/"
                self.at += 1
            elif self.glued_open():
                divide = False
                if self.divides:
                    raise Unreadable("a product without a sign after a division can be read two ways")
            else:
                break
            self.operators, lone = self.operators + 1, False
            other = self.factor(depth)
            value = self.divide(value, other) if divide else _bounded(value * other)
        self.lone_percent = lone
        return value

    def divide(self, top: Fraction, bottom: Fraction) -> Fraction:
        if bottom == 0:
            raise Unreadable("division by zero")
        self.divides = True
        return _bounded(top / bottom)

    def factor(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        if self.kind() is Kind.OPERATOR and self.text() in "+-":
            sign = -1 if self.text() == "-" else 1
            self.at += 1
            return sign * self.factor(depth + 1)
        base = self.atom(depth)
        if not self.operator("^"):
            return base
        self.at, self.operators = self.at + 1, self.operators + 1
        return _power(base, self.factor(depth + 1))

    def atom(self, depth: int) -> Fraction:
        while self.kind() is Kind.CURRENCY:
            self.note_currency()
        if self.kind() is Kind.OPERATOR and self.text() == "-" and self.found[self.at - 1].kind is Kind.CURRENCY:
            self.at += 1
            return -self.atom(depth + 1)
        if self.kind() is Kind.FRACTION:
            self.at += 1
            value = self.divide(self.group(depth), self.group(depth))
            self.operators += 1
        elif self.kind() is Kind.OPEN:
            value = self.group(depth)
        elif self.kind() is Kind.NUMBER:
            value = self.number()
        else:
            raise Unreadable("a number is missing")
        value = self.suffixes(value)
        self.first = value if self.first is None else self.first
        return value

    def group(self, depth: int) -> Fraction:
        if self.kind() is not Kind.OPEN:
            raise Unreadable("a bracket is missing")
        closing = CLOSING[OPENING.index(self.text())]
        self.at += 1
        value = self.sum(depth + 1)
        if self.text() != closing:
            raise Unreadable("a bracket is not closed")
        self.at += 1
        return value

    def number(self) -> Fraction:
        value = self.found[self.at].value
        if (
            value.denominator == 1
            and self.kind(1) is Kind.NUMBER
            and self.text(2) == "/"
            and self.kind(3) is Kind.NUMBER
        ):
            top, bottom = self.found[self.at + 1].value, self.found[self.at + 3].value
            if 0 < top < bottom:  # a mixed number such as 2 1/2
                self.at += 4
                return value + top / bottom
        self.at += 1
        return value

    def suffixes(self, value: Fraction) -> Fraction:
        """What may stand after an operand: %, a currency sign, and up to three words that are read as its unit."""
        if self.kind() is Kind.PERCENT:
            self.at += 1
            value = value if self.percent is Percent.PLAIN else value / 100
        while self.kind() is Kind.CURRENCY and self.kind(1) is not Kind.NUMBER:
            self.note_currency()
        rate = self.text() == "/" and self.kind(1) is Kind.WORD
        self.at += rate
        for _ in range(3):
            if self.kind() is Kind.WORD and (self.text().casefold() not in _NEVER_UNITS or self.text(1) in _PERIODS):
                self.words.append(self.text())
                self.at += 1
        return value

    def note_currency(self) -> None:
        self.words.append(self.text())
        self.at += 1

    def operator(self, *which: str) -> bool:
        """Whether one of these operators comes next and an operand after it, so that a dash before prose is left alone."""
        if self.kind() is not Kind.OPERATOR or self.text() not in which:
            return False
        ahead = 1
        while self.kind(ahead) is Kind.CURRENCY or (
            self.kind(ahead) is Kind.OPERATOR and self.text(ahead) in "+-" and ahead < 4
        ):
            ahead += 1
        return self.kind(ahead) in (Kind.NUMBER, Kind.OPEN, Kind.FRACTION)

    def glued_open(self) -> bool:
        return (
            self.kind() is Kind.OPEN and self.text() == "(" and self.found[self.at - 1].end == self.found[self.at].start
        )


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise Unreadable("too large to check")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT or (base == 0 and exponent < 0):
        raise Unreadable("an exponent that is not checked")
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if size * abs(int(exponent)) > MAX_BITS:
        raise Unreadable("too large to check")
    return base ** int(exponent)
