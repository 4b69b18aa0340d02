"""Edit strings (paper 13): ``4 4 need, 10 12 transportation fees`` says where in the source what comes instead.

Numbers count the words of the source from 0, words being the tokens that are not white space; an insertion has both numbers equal, a
deletion has no words, ``None`` is no change. Unlike the paper white space is exact: an edit that the numbers cannot say is widened by
a neighbouring word, and a text that they cannot say at all has no edit string.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal

from core.edits.parsed import Parsed, Problem, without_overlaps
from core.edits.spans import BadEdits, Edit, apply, extract, placer
from core.edits.tokens import words

Mode = Literal["edits", "text"]
NO_CHANGE = "None"
PREFIX: dict[Mode, str] = {"edits": "Edits:", "text": "Text:"}
_ENTRY = re.compile(r"(?:^\s*|[,;][ \t]*|\n\s*)[\[(]?(\d{1,9})[ \t]+(\d{1,9})(?=[\s,;)\]]|$)[)\]]?:?[ \t]?")
_NOTHING = re.compile(r"\W*(?:none|no (?:change|edit)s?|nothing)?\W*", re.IGNORECASE)
_FENCE = re.compile(r"\A\s*```\w*\n|\n?```\s*\Z")
_Said = tuple[int, int, str]


def to_string(source: str, edits: Sequence[Edit]) -> str | None:
    """The edit string, from which ``from_string`` gives exactly the same text; ``None`` where there is none."""
    said = on_words(source, edits)
    if said is None:
        return None
    text = ", ".join(f"{i} {j} {new}" if new else f"{i} {j}" for i, j, new in said) or NO_CHANGE
    read = from_string(source, text)
    return text if read.fine and apply(source, read.edits) == apply(source, edits) else None


def length(said: Sequence[_Said]) -> int:
    """Tokens that a model has to write: two numbers and the new words of each edit."""
    return sum(2 + len(words(new)) for _, _, new in said)


def as_target(source: str, target: str) -> tuple[Mode, str]:
    """What a model is to write for ``target``: the edit string, or the plain text where that is not longer."""
    edits = extract(source, target)
    said, text = on_words(source, edits), to_string(source, edits)
    if said is None or text is None or (length(said) or 1) >= len(words(target)):
        return "text", f"{PREFIX['text']} {target}"
    return "edits", f"{PREFIX['edits']} {text}"


def from_target(source: str, written: str) -> tuple[str, Parsed]:
    """The text that a model meant by what it wrote after ``as_target``'s fashion, and how that was read; never raises."""
    if written.startswith(f"{PREFIX['text']} "):
        plain = written.removeprefix(f"{PREFIX['text']} ")
        try:
            return plain, Parsed(extract(source, plain))
        except BadEdits as problem:
            return source, Parsed([], (Problem("unreadable", str(problem)),))
    read = from_string(source, written.lstrip().removeprefix(PREFIX["edits"]).removeprefix(" "))
    return apply(source, read.edits), read


def on_words(source: str, edits: Sequence[Edit]) -> list[_Said] | None:
    """(first word, word after the last, new text) of each edit; near ones are joined, since two numbers cost more than a word."""
    spans = words(source)
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    said: list[_Said] = []
    for start, end, new in _joined(source, edits):
        first = bisect_right(ends, start)
        one = _say(source, spans, (first, max(first, bisect_left(starts, end))), (start, end, new))
        if one is None:
            return None
        said.append(one)
    return said


def _joined(source: str, edits: Sequence[Edit]) -> list[tuple[int, int, str]]:
    """(start, end, new) with edits that are at most one word apart made one."""
    joined: list[tuple[int, int, str]] = []
    for edit in edits:
        if joined:
            start, end, new = joined[-1]
            if len(words(source[end : edit.start])) <= 1:
                joined[-1] = (start, edit.end, new + source[end : edit.start] + edit.replacement)
                continue
        joined.append((edit.start, edit.end, edit.replacement))
    return joined


def _say(
    source: str, spans: Sequence[tuple[int, int]], words_at: tuple[int, int], meant: tuple[int, int, str]
) -> _Said | None:
    (i, j), (start, end, new) = words_at, meant
    if _same(source, _span(spans, i, j, new.strip()), meant):
        return i, j, new.strip()
    for first, last in ((i - 1, j), (i, j + 1), (i - 1, j + 1)):
        if 0 <= first < last <= len(spans):
            low, high = spans[first][0], spans[last - 1][1]
            if low <= start and end <= high:
                return first, last, source[low:start] + new + source[end:high]
    return None


def _same(source: str, a: tuple[int, int, str], b: tuple[int, int, str]) -> bool:
    low, high = min(a[0], b[0]), max(a[1], b[1])
    left, right = (source[low:start] + new + source[end:high] for start, end, new in (a, b))
    return left == right


def _span(spans: Sequence[tuple[int, int]], i: int, j: int, new: str) -> tuple[int, int, str]:
    """The characters that words ``i`` to ``j`` stand for. A deletion takes the white space after it along, or at the end that before;
    an insertion is set off by a space where white space stands."""
    if i < j and new:
        return spans[i][0], spans[j - 1][1], new
    if i < j:
        if j < len(spans):
            return spans[i][0], spans[j][0], ""
        return (spans[i - 1][1] if i else spans[i][0]), spans[j - 1][1], ""
    if i == len(spans):
        at = spans[-1][1] if spans else 0
        return at, at, f" {new}" if spans else new
    at = spans[i][0]
    glued = i > 0 and spans[i - 1][1] == at
    return at, at, new if glued else f"{new} "


def from_string(source: str, text: str) -> Parsed:
    """Reads an edit string, also one that a model wrote: what cannot be read, lies outside or overlaps is reported. Never raises."""
    text = _FENCE.sub("", text)
    entries = list(_ENTRY.finditer(text))
    if not entries:
        said_nothing = _NOTHING.fullmatch(text.strip()) is not None
        return Parsed([], () if said_nothing else (Problem("unreadable", f"no edits in {text.strip()[:60]!r}"),))
    problems: list[Problem] = []
    if lead := text[: entries[0].start()].strip():
        problems.append(Problem("unreadable", f"{lead[:60]!r} stands before the first edit"))
    spans, place, found = words(source), placer(source), []
    ends = [entry.start() for entry in entries[1:]] + [len(text)]
    for entry, end in zip(entries, ends, strict=True):
        i, j, new = int(entry[1]), int(entry[2]), text[entry.end() : end]
        if not i <= j <= len(spans) or (i == j and not new):
            problems.append(Problem("outside", f"{i} {j} is no place in a text of {len(spans)} words"))
            continue
        found.append(place(*_span(spans, i, j, new)))
    return without_overlaps(found, problems)


def ratio(source: str, target: str) -> float:
    """Length of the edit string over that of the plain target, both in words; what paper 13 reports."""
    said = on_words(source, extract(source, target))
    return (len(words(target)) if said is None else length(said)) / max(1, len(words(target)))
