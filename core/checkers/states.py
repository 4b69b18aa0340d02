"""Follows states that a solution writes out line after line: who holds what (``Ann: red, Bob: green``), and what lies on a stack.

A line that exchanges two holders must exchange what they hold and leave the others alone; a line about some holders must leave the
others alone; a bracket read is pushed, or taken off with its partner, and brackets are read in the question's order. Each state is
judged from the one stated before it, so an error is reported once, where it is made. Step oracles of this kind stand
beside rollouts in paper 18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from core.checkers.base import REGISTRY, Finding

ERROR_CLASS = "wrong_earlier_value"
MAX_TEXT, MAX_LINES = 100_000, 2_000
FEWEST = 2  # pairs that make a state

_PAIR = re.compile(r"\b([A-Z][\w'-]{0,30}): ([^,;:.\n]{1,60})(?=[,;.\n]|\Z)")
_EXCHANGE = re.compile(r"\b(?:swap|trade|switch|exchange)(?:s|d|ped)?\b", re.I)
_PARTNER = {")": "(", "]": "[", "}": "{", ">": "<"}
_BRACKET = re.compile(r"[][(){}<>]")
_STACK = re.compile(r"\bstack(?: is)?:?\s+(?:now )?[\"“]?(empty|[][(){}<>][][(){}<>\s]*)", re.I)
_READ = re.compile(r"^\s*([][(){}<>])\s*[;:,]")

Holders = Mapping[str, str]


@REGISTRY.register("states")
class StatesChecker:
    name = "states"

    def check(self, text: str, given: str = "") -> list[Finding]:
        """One finding per stated state that follows from an earlier one; nothing for texts without any."""
        lines = _lines(text[:MAX_TEXT])
        return sorted([*_held(lines), *_stacked(lines, given[:MAX_TEXT])], key=lambda found: (found.start, found.end))


def _lines(text: str) -> list[tuple[int, str]]:
    found = [(match.start(), match.group()) for match in re.finditer(r"[^\n]+", text)]
    return found[:MAX_LINES]


def _held(lines: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    before: dict[str, str] = {}
    for start, line in lines:
        pairs = list(_PAIR.finditer(line))
        now = {pair[1]: _same(pair[2]) for pair in pairs}
        if len(now) < FEWEST or len(now) < len(pairs):
            if before and not pairs and (claim := _claim(before, line)) is not None:
                yield _finding(claim, start, line, "This is not who holds it after the line before.")
            continue
        lead = line[: pairs[0].start()]
        if before and set(now) == set(before) and lead.strip():
            wrong = _unlike(before, now, lead)
            if wrong is not None:
                names = ", ".join(sorted(wrong))
                yield _finding(
                    not wrong, start, line, f"From the state before this does not follow: {names}." if wrong else ""
                )
        before = now


def _unlike(before: Holders, now: Holders, lead: str) -> set[str] | None:
    """Whose entry is not what the line says happened; ``None`` where it says nothing about any of them."""
    named = [name for name in before if re.search(rf"\b{re.escape(name)}\b", lead)]
    if not named:
        return None
    if _EXCHANGE.search(lead) and len(named) == 2:
        one, two = named
        expected = {**before, one: before[two], two: before[one]}
        return {name for name in before if now[name] != expected[name]}
    return {name for name in before if name not in named and now[name] != before[name]}


def _claim(before: Holders, line: str) -> bool | None:
    """Whether a sentence that names one holder and something held says who holds it; ``None`` where it does neither."""
    named = [name for name in before if re.search(rf"\b{re.escape(name)}\b", line)]
    said = {value for value in before.values() if value and value in _same(line)}
    said = {value for value in said if not any(value != other and value in other for other in said)}
    return None if len(named) != 1 or len(said) != 1 else before[named[0]] in said


def _stacked(lines: Sequence[tuple[int, str]], given: str) -> Iterator[Finding]:
    order = _brackets_of(given)
    before: list[str] | None = None
    read = 0
    for start, line in lines:
        stated = _STACK.search(line)
        if not stated:
            continue
        now = [] if stated[1].casefold() == "empty" else _BRACKET.findall(stated[1])
        token = _READ.match(line)
        if before is not None:
            said = _after(before, now, token[1] if token else None, order[read] if read < len(order) else None)
            yield _finding(not said, start, line, said)
        read += bool(token)
        before = now


def _after(before: Sequence[str], now: Sequence[str], token: str | None, due: str | None) -> str:
    """What is wrong with a stack; empty when it follows."""
    if token is None:
        return "" if list(now) == list(before) else f"The stack before this line is {_shown(before)}."
    if due is not None and token != due:
        return f"The next bracket of the question is {due}, not {token}."
    opened = _PARTNER.get(token)
    if opened is None:
        expected = [*before, token]
    elif before and before[-1] == opened:
        expected = list(before[:-1])
    else:
        return f"There is no open {opened} on top of the stack for {token} to close."
    return "" if list(now) == expected else f"After {token} the stack is {_shown(expected)}."


def _brackets_of(given: str) -> list[str]:
    """The question's brackets, if it is made of little else; one that only uses brackets says nothing about their order."""
    found = _BRACKET.findall(given)
    return found if 2 * len(found) >= len(re.sub(r"\s", "", given)) else []


def _shown(stack: Sequence[str]) -> str:
    return " ".join(stack) or "empty"


def _same(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .\"'")


def _finding(ok: bool, start: int, line: str, said: str) -> Finding:
    return Finding(ok, ERROR_CLASS, start, start + len(line), said or "This state follows from the one before.")
