"""JSON objects in what a model wrote: prose around them, code fences, trailing commas, Python's names, an end that was cut off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

LONGEST, FAILURES = 50_000, 50  # characters, and brackets that open nothing, before it gives up
_COMMA = re.compile(r",(\s*[}\]])")
_NAMES = re.compile(r"\b(True|False|None)\b")
_PLAIN = {"True": "true", "False": "false", "None": "null"}


def objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object that can be read, in order: those of a list, or those that stand by themselves; nested ones stay inside."""
    text = text[:LONGEST]
    found: list[dict[str, Any]] = []
    place, failures = text.find("{"), 0
    while place >= 0 and failures < FAILURES:
        end = _end(text, place)
        made = _read(text[place:end])
        if isinstance(made, dict) and made:
            found.append(made)
            place = text.find("{", end)
        else:
            failures += 1
            place = text.find("{", place + 1)
    return found


def _brackets(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Place and sign of the brackets that stand outside of strings, and of the quotes of strings."""
    quoted, place = False, start
    while place < len(text):
        sign = text[place]
        if sign == "\\":
            place += 1
        elif sign == '"':
            quoted = not quoted
            yield place, sign
        elif not quoted and sign in "{}[]":
            yield place, sign
        place += 1


def _end(text: str, start: int) -> int:
    """Behind the bracket that closes the one at ``start``; the end of the text when none does."""
    depth = 0
    for place, sign in _brackets(text, start):
        depth += (sign in "{[") - (sign in "}]")
        if depth == 0 and sign in "}]":
            return place + 1
    return len(text)


def _read(text: str) -> Any:
    for attempt in (text, _repaired(text), _repaired(_closed(text))):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _repaired(text: str) -> str:
    """Outside of strings: no comma before a closing bracket, and JSON's own names. Single quotes where there are no double ones."""
    if '"' not in text:
        text = text.replace("'", '"')
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    parts[::2] = [_NAMES.sub(lambda m: _PLAIN[m[1]], part) for part in parts[::2]]
    return _COMMA.sub(r"\1", "".join(parts))


def _closed(text: str) -> str:
    """The text with the string and the brackets closed that were left open."""
    open_now: list[str] = []
    quoted = False
    for _, sign in _brackets(text):
        if sign == '"':
            quoted = not quoted
        elif sign in "{[":
            open_now.append("}" if sign == "{" else "]")
        elif open_now:
            open_now.pop()
    return text + ('"' if quoted else "") + "".join(reversed(open_now))
