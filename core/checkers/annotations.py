"""The calculator check of LEMMA (paper 5) and SPARE (paper 22) to the letter: ``<<expression=value>>``, + - * / only, 1 % tolerance.

Kept beside the stricter ``arithmetic`` so that counts in papers can be reproduced. An annotation that is not plain arithmetic is
not counted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.checkers.base import REGISTRY, Finding

ERROR_CLASS = "calculation_error"
TOLERANCE = Fraction(1, 100)
MAX_TEXT = 100_000
_ANNOTATION = re.compile(r"<<([^<>=\n]{1,200})=([^<>=\n]{1,80})>>")
_PLAIN = re.compile(r"[\d.+\-*/() ]+")

_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


@dataclass(frozen=True, slots=True)
class Counts:
    """``equations`` over all texts, ``wrong`` of them, in ``flagged`` texts."""

    equations: int
    wrong: int
    flagged: int


@REGISTRY.register("annotations")
class AnnotationsChecker:
    name = "annotations"

    def check(self, text: str, given: str = "") -> list[Finding]:
        found = []
        for match in _ANNOTATION.finditer(text[:MAX_TEXT]):
            exact, stated = value(match[1]), value(match[2])
            if exact is None or stated is None:
                continue
            ok = abs(exact - stated) <= TOLERANCE * abs(exact)
            shown = f"{float(exact):g}"
            said = f"{match[1]} is {'' if ok else f'{shown}, not '}{match[2]}."
            fixes = () if ok else (shown,)
            found.append(Finding(ok, ERROR_CLASS, match.start(1), match.end(2), said, fixes))
        return found


def value(expression: str) -> Fraction | None:
    """The exact value of plain arithmetic; ``None`` for anything else, and for a division by zero."""
    text = expression.replace(",", "").replace("$", "").strip()
    if not _PLAIN.fullmatch(text):
        return None
    numbers = re.sub(r"(?<![\d.])0+(?=\d)", "", text)  # "05" is no number to Python's grammar
    try:
        return _value(ast.parse(numbers, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not plain arithmetic")


def counts(texts: Sequence[str]) -> Counts:
    """The papers' counts over whole solutions."""
    checker = AnnotationsChecker()
    each = [checker.check(text) for text in texts]
    wrong = [sum(not finding.ok for finding in findings) for findings in each]
    return Counts(sum(map(len, each)), sum(wrong), sum(count > 0 for count in wrong))
