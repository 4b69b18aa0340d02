"""Pairs of a wrong span and its correction (ChFT, paper 38), and segments with a unique original (ReDiff, paper 12).

A pair without its position is ambiguous when its span stands in the text more than once; it is then reported and left alone, unless
there are as many equal pairs as places. Unlike ChFT's readers nothing is replaced by guess.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

from core.edits.parsed import Parsed, Problem, without_overlaps
from core.edits.spans import Edit, apply, placer
from core.edits.tokens import tokenize

PairType = Literal["word", "punct", "itn", "entity"]
_NAMES = (("error", "correction"), ("org", "target"), ("before", "after"), ("from", "to"))
_DEEPEST = 200  # brackets in what a model wrote; deeper text is not JSON that anybody meant


def to_pairs(source: str, edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Ordered pairs with positions in characters; an insertion has an empty error."""
    return [
        {
            "start": edit.start,
            "end": edit.end,
            "error": source[edit.start : edit.end],
            "correction": edit.replacement,
            "type": pair_type(source, edit),
        }
        for edit in edits
    ]


def pair_type(source: str, edit: Edit) -> PairType:
    """ChFT's classes: punctuation, numbers (inverse text normalisation), names, other words."""
    if edit.type in ("punctuation", "space"):
        return "punct"
    if edit.type == "number":
        return "itn"
    inside = bool(source[: edit.start].strip()) and source[: edit.start].rstrip()[-1] not in ".!?。！？\n"
    return "entity" if inside and edit.type != "case" and edit.replacement.strip()[:1].isupper() else "word"


def from_pairs(source: str, rows: object) -> Parsed:
    """Reads pairs, with or without positions, from JSON values or from text that holds a JSON list. Never raises."""
    if isinstance(rows, str):
        rows = _list_in(rows)
    if not isinstance(rows, list):
        return Parsed([], (Problem("unreadable", "there is no list of pairs"),))
    problems: list[Problem] = []
    pairs = [pair for number, row in enumerate(rows, 1) if (pair := _pair(row, number, problems)) is not None]
    open_pairs = Counter((pair[0], pair[1]) for pair in pairs if pair[2] is None)
    place, found = placer(source), []
    used: Counter[tuple[str, str]] = Counter()
    for error, correction, start in pairs:
        key = error, correction
        spot = start if start is not None else _spot(source, error, open_pairs[key], used[key], problems)
        if start is None:
            used[key] += 1
        elif source[start : start + len(error)] != error or start > len(source):
            problems.append(Problem("missing", f"{error[:60]!r} does not stand at {start}"))
            continue
        if spot is not None:
            found.append(place(spot, spot + len(error), correction))
    return without_overlaps(found, problems)


def _pair(row: object, number: int, problems: list[Problem]) -> tuple[str, str, int | None] | None:
    """Error, correction and start."""
    names = next((n for n in _NAMES if isinstance(row, Mapping) and n[0] in row and n[1] in row), None)
    if not isinstance(row, Mapping) or names is None:
        problems.append(Problem("unreadable", f"pair {number} has no error and correction"))
        return None
    error, correction, start = row[names[0]], row[names[1]], row.get("start")
    if not isinstance(error, str) or not isinstance(correction, str):
        problems.append(Problem("unreadable", f"pair {number}: error and correction must be texts"))
        return None
    if start is not None and (type(start) is not int or start < 0):
        problems.append(Problem("unreadable", f"pair {number}: start must be a whole number from 0"))
        return None
    if start is None and not error:
        problems.append(Problem("ambiguous", f"pair {number} inserts text but does not say where"))
        return None
    return error, correction, start


def _spot(source: str, error: str, wanted: int, used: int, problems: list[Problem]) -> int | None:
    spots = spots_of(source, error)
    if len(spots) == wanted:
        return spots[used]
    if spots:
        places = tuple((spot, spot + len(error)) for spot in spots)
        problems.append(Problem("ambiguous", f"{error[:60]!r} stands in {len(spots)} places", places))
    else:
        problems.append(Problem("missing", f"{error[:60]!r} does not stand in the text"))
    return None


def spots_of(text: str, part: str) -> list[int]:
    """Where ``part`` starts in ``text``, places that overlap the one before left out."""
    spots, at = [], text.find(part) if part else -1
    while at >= 0:
        spots.append(at)
        at = text.find(part, at + len(part))
    return spots


def _list_in(text: str) -> object:
    """The JSON list in what a model wrote, with words or a code fence around it."""
    start, end = text.find("["), text.rfind("]")
    if start < 0 or end < start or text.count("[") + text.count("{") > _DEEPEST * 50:
        return None
    try:
        return json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None


def segments(
    source: str, edits: Sequence[Edit], *, equal_length: Callable[[str], int] | None = None
) -> list[dict[str, str]]:
    """``{org, target, kind}`` to be replaced one after the other, each ``org`` standing once in the text of that moment.

    A span is widened, one token on each side at a time, until it is unique; spans that meet become one. With ``equal_length``, a
    function that counts tokens, only segments whose two sides count the same are kept: ReDiff trains on no others.
    """
    bounds = [0, *accumulate(map(len, tokenize(source)))]
    windows = [[bounds.index(edit.start), bounds.index(edit.end)] for edit in edits]
    merged = True
    while merged:
        for window in windows:
            while not _unique(source, source[bounds[window[0]] : bounds[window[1]]]):
                window[0], window[1] = max(0, window[0] - 1), min(len(bounds) - 1, window[1] + 1)
                if window == [0, len(bounds) - 1]:
                    break
        joined = _met(windows)
        merged, windows = len(joined) < len(windows), joined
        if not merged and (bad := _unclear(source, edits, windows, bounds)) is not None:
            windows[bad] = [max(0, windows[bad][0] - 1), min(len(bounds) - 1, windows[bad][1] + 1)]
            merged = windows != [[0, len(bounds) - 1]]
    found = [_segment(source, edits, bounds[low], bounds[high]) for low, high in windows]
    return [s for s in found if equal_length is None or equal_length(s["org"]) == equal_length(s["target"])]


def _segment(source: str, edits: Sequence[Edit], start: int, end: int) -> dict[str, str]:
    inside = [edit for edit in edits if start <= edit.start and edit.end <= end]
    shifted = [Edit(e.start - start, e.end - start, 0, 0, e.replacement, e.kind) for e in inside]
    surface = all(
        edit.type in ("space", "case", "punctuation", "form", "spelling", "function word", "order") for edit in inside
    )
    org = source[start:end]
    return {"org": org, "target": apply(org, shifted), "kind": "syntax" if surface else "hallucination"}


def _unclear(source: str, edits: Sequence[Edit], windows: Sequence[Sequence[int]], bounds: Sequence[int]) -> int | None:
    """The first segment that would not be unique when its turn comes, since an earlier target holds its words too."""
    text = source
    for number, (low, high) in enumerate(windows):
        one = _segment(source, edits, bounds[low], bounds[high])
        if not _unique(text, one["org"]):
            return number
        text = text.replace(one["org"], one["target"], 1)
    return None


def _unique(text: str, part: str) -> bool:
    at = text.find(part) if part else -1
    return (not text and not part) or (at >= 0 and text.find(part, at + 1) < 0)


def _met(windows: Sequence[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for low, high in windows:
        if joined and low < joined[-1][1]:
            joined[-1] = [min(low, joined[-1][0]), max(high, joined[-1][1])]
        else:
            joined.append([low, high])
    return joined
