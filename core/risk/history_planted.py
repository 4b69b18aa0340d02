"""Plants one error into right calculations and works out what follows from it: wrong answers to learn from, free of charge.

Five kinds, after the mistakes that models make: another operation, another number, the last step left out, a step in the middle
skipped, a step too many. Later steps are worked out again with what the changed one gives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from core.expressions import Unreadable, read
from core.math_tokens import Kind, Token, number_value
from core.risk.history_equations import Calculation, Question, is_numeral, near, numeral_value

LARGEST = 1e9
_OTHER = {"+": "*-", "-": "+*", "*": "+/", "/": "*-"}
Chain = Sequence[Calculation]


def planted(kind: str, question: Question, steps: Chain, draw: random.Random) -> list[Calculation] | None:
    """The steps with one error of that kind, or ``None`` when there is no place for it or nothing would come out otherwise."""
    if not steps:
        return None
    changed = KINDS[kind](question, list(steps), draw)
    if not changed or changed == list(steps) or (kind != "skipped" and near(changed[-1].result, steps[-1].result)):
        return None
    return changed


def worked_out(pieces: Sequence[str]) -> float | None:
    """What the pieces make; ``None`` when that can't be read, or is too large."""
    found = [_token(piece) for piece in pieces]
    try:
        reading = read(found, 0)
    except Unreadable:
        return None
    value = float(reading.value) if abs(reading.value) <= LARGEST else None
    return value if reading.end == len(found) else None


def _token(piece: str) -> Token:
    if is_numeral(piece):
        value = number_value(piece.rstrip("%"))
        return Token(Kind.SYMBOL, piece, 0, 0) if value is None else Token(Kind.NUMBER, piece, 0, 0, value)
    return Token({"(": Kind.OPEN, ")": Kind.CLOSE}.get(piece, Kind.OPERATOR), piece, 0, 0)


def _numeral(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _operation(question: Question, steps: list[Calculation], draw: random.Random) -> list[Calculation] | None:
    at = draw.randrange(len(steps))
    pieces = list(steps[at].pieces)
    signs = [i for i, piece in enumerate(pieces) if i and piece in _OTHER]
    if not signs:
        return None
    i = draw.choice(signs)
    pieces[i] = draw.choice(_OTHER[pieces[i]])
    return _follow(question, steps, at, pieces, {})


def _number(question: Question, steps: list[Calculation], draw: random.Random) -> list[Calculation] | None:
    at = draw.randrange(len(steps))
    pieces = list(steps[at].pieces)
    i = draw.choice([i for i, piece in enumerate(pieces) if is_numeral(piece)])
    pool = [q.value for q in question.quantities] + [step.result for step in steps[:at]]
    pool = [value for value in pool if value >= 0 and not near(value, numeral_value(pieces[i]))]
    if not pool:
        return None
    pieces[i] = _numeral(draw.choice(pool))
    return _follow(question, steps, at, pieces, {})


def _cut(question: Question, steps: list[Calculation], draw: random.Random) -> list[Calculation] | None:
    return steps[:-1] if len(steps) > 1 else None


def _skipped(question: Question, steps: list[Calculation], draw: random.Random) -> list[Calculation] | None:
    if len(steps) < 2:
        return None
    at = draw.randrange(len(steps) - 1)
    instead = numeral_value(draw.choice([piece for piece in steps[at].pieces if is_numeral(piece)]))
    rest = steps[:at] + steps[at + 1 :]
    return _follow(question, rest, at, None, {steps[at].result: instead})


def _extra(question: Question, steps: list[Calculation], draw: random.Random) -> list[Calculation] | None:
    if not question.quantities:
        return None
    pieces = (_numeral(steps[-1].result), draw.choice("+-*/"), _numeral(draw.choice(question.quantities).value))
    result = worked_out(pieces)
    return None if result is None else [*steps, Calculation(pieces, result)]


def _follow(
    question: Question, steps: list[Calculation], at: int, pieces: Sequence[str] | None, instead: dict[float, float]
) -> list[Calculation] | None:
    """Work steps out from ``at`` on, that one with ``pieces``; a numeral that named a changed result names the new one."""
    given = [quantity.value for quantity in question.quantities]
    found, instead = steps[:at], dict(instead)
    for place in range(at, len(steps)):
        old = steps[place]
        now = tuple(pieces) if place == at and pieces else tuple(_renamed(p, instead, given) for p in old.pieces)
        result = worked_out(now)
        if result is None:
            return None
        if not near(result, old.result):
            instead[old.result] = result
        found = [*found, Calculation(now, result)]
    return found


def _renamed(piece: str, instead: dict[float, float], given: Sequence[float]) -> str:
    if not is_numeral(piece) or piece.endswith("%"):
        return piece
    value = numeral_value(piece)
    if any(near(value, known) for known in given):
        return piece
    return next((_numeral(new) for old, new in instead.items() if near(old, value)), piece)


KINDS: dict[str, Callable[[Question, list[Calculation], random.Random], list[Calculation] | None]] = {
    "operation": _operation,
    "number": _number,
    "cut": _cut,
    "skipped": _skipped,
    "extra": _extra,
}
