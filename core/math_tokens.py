"""A tolerant lexer of arithmetic in prose. It never fails: what it does not know is prose (``BREAK``) or algebra (``SYMBOL``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from core.number_words import CARDINALS
from core.units import unit

MAX_DIGITS = 40  # of one number; a longer one is not read


class Kind(Enum):
    NUMBER = auto()
    OPERATOR = auto()  # + - * / ^
    OPEN = auto()
    CLOSE = auto()
    FRACTION = auto()  # \frac
    PERCENT = auto()
    CURRENCY = auto()
    WORD = auto()  # may be a unit
    SYMBOL = auto()  # a variable, a function: algebra
    EQUALS = auto()
    BREAK = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)


_TOKENS = re.compile(
    r"""
    (?P<skip>[ \t\r\f\v\u00a0\u202f&]+|<<[^<>\n]{1,200}>>|\\(?:left|right|big|Big|quad|displaystyle|limits)(?![A-Za-z])|\\[,;:! ])
  | (?P<listing>^[ ]{0,20}(?:[-*+•–][ ]+(?=\S)|\(?[0-9a-z]{1,3}[.)](?=[ ]|$)))
  | (?P<newline>\n|\\\\)
  | (?P<clock>[0-9]{1,4}(?::[0-9]{1,4})+|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}(?![0-9])|[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9]))
  | (?P<number>(?:[0-9]|\.(?=[0-9]))(?:[0-9]|[.,](?=[0-9]))*)
  | (?P<latex>\\[A-Za-z]{1,20})
  | (?P<percent>\\?%|per[ ]?cent(?![A-Za-z]))
  | (?P<square>[²³])
  | (?P<word>[xX](?=[0-9.$(])|(?:divided|multiplied)[ ]by(?![A-Za-z])|[^\W\d_](?:\w|'(?=\w))*(?:[-/](?=[^\W\d])\w+)*|_+)
  | (?P<power>\*\*|\^)
  | (?P<times>[*×✕✖∗⋅·∙])
  | (?P<over>[/÷∕⁄])
  | (?P<plus>\+)
  | (?P<minus>[-−–])
  | (?P<relation><=|>=|!=|:=|=>|->|[<>≤≥≠±√∞])
  | (?P<equals>==?|≈|≅)
  | (?P<currency>\\?\$|[€£¥¢])
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<other>.)
    """,
    re.X | re.M | re.S,
)
_LATEX = {
    "\\times": (Kind.OPERATOR, "*"), "\\cdot": (Kind.OPERATOR, "*"), "\\ast": (Kind.OPERATOR, "*"), "\\div": (Kind.OPERATOR, "/"),
    "\\frac": (Kind.FRACTION, "\\frac"), "\\dfrac": (Kind.FRACTION, "\\frac"), "\\tfrac": (Kind.FRACTION, "\\frac"),
    "\\approx": (Kind.EQUALS, "≈"), "\\simeq": (Kind.EQUALS, "≈"),
}  # fmt: skip
_KINDS = {
    "clock": Kind.SYMBOL, "equals": Kind.EQUALS, "percent": Kind.PERCENT,
    "currency": Kind.CURRENCY, "open": Kind.OPEN, "close": Kind.CLOSE,
}  # fmt: skip
_OPERATORS = {"power": "^", "square": "^", "times": "*", "over": "/", "plus": "+", "minus": "-"}
_SPOKEN = {"times": "*", "plus": "+", "minus": "-", "divided by": "/", "multiplied by": "*", "x": "*", "X": "*"}
_FUNCTIONS = frozenset(
    (
        "sin",
        "cos",
        "tan",
        "log",
        "ln",
        "exp",
        "sqrt",
        "root",
        "gcd",
        "lcm",
        "mod",
        "max",
        "min",
        "choose",
        "floor",
        "ceil",
    )
)
_ENDS_OPERAND = (Kind.NUMBER, Kind.CLOSE, Kind.PERCENT, Kind.WORD, Kind.CURRENCY)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_PLAIN = re.compile(r"\d*\.?\d+")
_NEXT_NUMBER = re.compile(r"[ ]{0,4}\\?[$€£(]?[ ]?[0-9.]")
_NEXT_OPERAND = re.compile(r"\s{0,4}\\?[$€£(\[{<\\+-]{0,4}[ ]?(?:[0-9.]|[A-Za-z]{1,5}[{(])")


def tokens(text: str) -> list[Token]:
    """Every token of ``text`` but white space and calculator annotations; an annotation is read by itself."""
    found: list[Token] = []
    for match in _TOKENS.finditer(text):
        group = match.lastgroup or "other"
        if group == "skip":
            continue
        kind, spelling, value = _classify(group, match, found)
        found.append(Token(kind, spelling, match.start(), match.end(), value))
        if group == "square":
            found.append(
                Token(Kind.NUMBER, match.group(), match.start(), match.end(), Fraction("²³".index(match.group()) + 2))
            )
    return found


def _classify(group: str, match: re.Match[str], before: Sequence[Token]) -> tuple[Kind, str, Fraction]:
    text, zero = match.group(), Fraction(0)
    if group == "number":
        value = number_value(text)
        return (Kind.SYMBOL, text, zero) if value is None else (Kind.NUMBER, text, value)
    if group == "word":
        return *_word(match, before), zero
    if group in _OPERATORS:
        return (Kind.BREAK if _is_markup(match, before) else Kind.OPERATOR), _OPERATORS[group], zero
    if group == "latex":
        return *_LATEX.get(text, (Kind.SYMBOL, text)), zero
    factorial = (
        text == "!" and before and before[-1].end == match.start() and before[-1].kind in (Kind.NUMBER, Kind.CLOSE)
    )
    return Kind.SYMBOL if factorial or text in "√∞±" else _KINDS.get(group, Kind.BREAK), text, zero


def _word(match: re.Match[str], before: Sequence[Token]) -> tuple[Kind, str]:
    """A word is an operator ("times", "20% of"), algebra (``2x``, ``f(``, ``y``), or may be a unit."""
    text, last = match.group(), before[-1] if before else None
    glued_before = last is not None and last.end == match.start()
    operands = (
        last is not None and last.kind in _ENDS_OPERAND and _NEXT_NUMBER.match(match.string, match.end()) is not None
    )
    if operands and text in _SPOKEN and (len(text) > 1 or _is_times(match, glued_before)):
        return Kind.OPERATOR, _SPOKEN[text]
    if text == "of" and last and (last.kind is Kind.PERCENT or _ends_in_fraction(before)):
        return Kind.OPERATOR, "*"
    after = match.string[match.end() : match.end() + 1]
    known = unit(text) is not None and len(text) > 1
    stuck = glued_before and not known and last is not None and last.kind in (Kind.NUMBER, Kind.CLOSE)
    single = len(text) == 1 and text not in "aAI"
    algebra = stuck or single or after in tuple("(_^") or text.startswith("_")
    algebra = algebra or text.casefold() in _FUNCTIONS or text.casefold() in CARDINALS
    return (Kind.SYMBOL if algebra else Kind.WORD), text


def _is_markup(match: re.Match[str], before: Sequence[Token]) -> bool:
    """Whether an asterisk opens or closes emphasis: it stands at one operand only."""
    if "*" not in match.group():
        return False
    glued_before = bool(before) and before[-1].end == match.start()
    glued_after = match.string[match.end() : match.end() + 1].strip() != ""
    operand_before = bool(before) and before[-1].kind in _ENDS_OPERAND
    after_word = operand_before and before[-1].kind is Kind.WORD
    return (
        not operand_before
        or (after_word and glued_after and not glued_before)
        or _NEXT_OPERAND.match(match.string, match.end()) is None
    )


def _is_times(match: re.Match[str], glued_before: bool) -> bool:
    """ "2 x 3" and "2x3" are products, "2x + 3" and "2x(3)" are algebra; "2x 3" is read as a product."""
    return not (glued_before and match.string[match.end() : match.end() + 1] in "(")


def _ends_in_fraction(before: Sequence[Token]) -> bool:
    if (
        len(before) >= 3
        and before[-1].kind is Kind.NUMBER
        and before[-2].text == "/"
        and before[-3].kind is Kind.NUMBER
    ):
        return True
    return len(before) >= 7 and before[-1].text == "}" and before[-7].kind is Kind.FRACTION


def number_value(text: str) -> Fraction | None:
    """Exact value of digits with thousands separators or a decimal point; ``None`` for "1,5", "1.2.3" or too many digits."""
    if len(text) > MAX_DIGITS or not (_PLAIN.fullmatch(text) or _THOUSANDS.fullmatch(text)):
        return None
    return Fraction(text.replace(",", ""))
