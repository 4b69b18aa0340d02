"""Text corrections as edits (paper 13): a source and ordered, non-overlapping spans with their replacements.

Positions count characters and tokens of the source. Unlike the paper, alignment is by edit distance over tokens of any script
and needs no part-of-speech tagger; types are coarse (``core.edits.types``) and a text that moved is two edits that belong together.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Literal

from core.edits.tokens import tokenize
from core.edits.types import EditType, edit_type, is_content

Kind = Literal["insert", "delete", "replace"]
MAX_CELLS = 20_000_000_000  # tokens of source x tokens of target that are aligned; above, one edit spans the difference
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadEdits(ValueError):
    """Edits that overlap, lie outside the source, or are not edits at all; the message says which."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``source[start:end]`` (tokens ``start_tok`` to ``end_tok``) becomes ``replacement``; an insertion has start = end.

    ``type`` is a coarse linguistic type. Edits with the same ``move`` are the ends of one move and are decided together.
    """

    start: int
    end: int
    start_tok: int
    end_tok: int
    replacement: str
    kind: Kind
    type: EditType = field(default="", compare=False)  # follows from the rest
    move: int | None = None


Edits = list[Edit]  # from left to right, never overlapping
Accept = Callable[[Edit], bool] | Collection[int]


def extract(source: str, target: str) -> Edits:
    """The edits that turn ``source`` into ``target``, from left to right; ``apply`` inverts exactly.

    Edits with nothing but white space between them are merged, so that a reader decides on phrases, not on fragments.
    NUL is a character like others; raises ``BadEdits`` on a lone surrogate, which no database or file can hold.
    """
    for name, text in (("source", source), ("target", target)):
        if (half := _SURROGATE.search(text)) is not None:
            raise BadEdits(
                f"the {name} holds half a character (a lone surrogate) at {half.start()}; clean the text first"
            )
    old, new = tokenize(source), tokenize(target)
    at = [0, *accumulate(map(len, old))]
    edits = []
    for i, j, k, m in _merged(_changes(old, new), old):
        before, after = source[at[i] : at[j]], "".join(new[k:m])
        kind: Kind = "insert" if i == j else "replace" if after else "delete"
        edits.append(Edit(at[i], at[j], i, j, after, kind, edit_type(before, after)))
    return _with_moves(source, edits)


def _with_moves(source: str, edits: Edits) -> Edits:
    """Marks an inserted text that was deleted elsewhere, and two texts that changed places, as the two ends of one move."""
    open_ends: dict[tuple[str, str], list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for number, edit in enumerate(edits):
        gone, come = source[edit.start : edit.end].strip(), edit.replacement.strip()
        other = open_ends.get((come, gone))
        if other and gone != come and is_content(gone) and is_content(come):
            pairs.append((other.pop(0), number))
        else:
            open_ends.setdefault((gone, come), []).append(number)
    marked = list(edits)
    for move, pair in enumerate(sorted(pairs)):
        for number in pair:
            marked[number] = replace(marked[number], move=move, type="order")
    return marked


def placer(source: str) -> Callable[[int, int, str], Edit]:
    """Makes edits of ``source`` from character positions (start, end) and a replacement."""
    lengths = [len(token) for token in tokenize(source)]
    ends = list(accumulate(lengths))
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]

    def place(start: int, end: int, replacement: str) -> Edit:
        kind: Kind = "insert" if start == end else "replace" if replacement else "delete"
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        return Edit(start, end, first, max(first, last), replacement, kind, edit_type(source[start:end], replacement))

    return place


def _changes(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    """Differing token ranges (old from, to, new from, to), after the common ends are cut off.

    Aligned are words each with the white space before it: a white space of its own would count as much as a word, and three words that
    are replaced by three others would look nearer than one that is deleted and one that is inserted.
    """
    from rapidfuzz.distance import Levenshtein

    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if head and old[head - 1].isspace():
        head -= 1  # the white space belongs to the word after it
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if a == b:
        return []
    if not a or not b or len(a) * len(b) > MAX_CELLS:
        i, j, k, m = _trimmed(a, b, 0, len(a), 0, len(b))
        return [(head + i, head + j, head + k, head + m)]
    (units, at), (others, to) = _units(a), _units(b)
    ranges: list[tuple[int, int, int, int]] = []
    for op in Levenshtein.opcodes(*_numbered(units, others)):
        here = (at[op.src_start], at[op.src_end], to[op.dest_start], to[op.dest_end])
        if ranges and op.tag != "equal" and ranges[-1][1] == here[0]:
            ranges[-1] = (ranges[-1][0], here[1], ranges[-1][2], here[3])
        elif op.tag != "equal":
            ranges.append(here)
    trimmed = (_trimmed(a, b, *piece) for piece in ranges)
    return [(head + i, head + j, head + k, head + m) for i, j, k, m in trimmed]


def _units(tokens: list[str]) -> tuple[list[str], list[int]]:
    """Words each with the white space before it, and where each starts among the tokens, with the end as the last."""
    at = [i for i in range(len(tokens)) if i == 0 or not tokens[i - 1].isspace()]
    at.append(len(tokens))
    return ["".join(tokens[i:j]) for i, j in pairwise(at)], at


def _trimmed(a: list[str], b: list[str], i: int, j: int, k: int, m: int) -> tuple[int, int, int, int]:
    """The range without the tokens that both sides begin and end with."""
    head = _common(a[i:j], b[k:m])
    tail = _common(a[i + head : j][::-1], b[k + head : m][::-1])
    return i + head, j - tail, k + head, m - tail


def _common(a: list[str], b: list[str]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _numbered(a: list[str], b: list[str]) -> tuple[list[int], list[int]]:
    """Tokens as numbers of their own, so that the aligner compares identities and not 64-bit hashes."""
    ids: dict[str, int] = {}
    for token in (*a, *b):
        ids.setdefault(token, len(ids))
    return [ids[t] for t in a], [ids[t] for t in b]


def _merged(changes: Iterable[tuple[int, int, int, int]], old: list[str]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    for change in changes:
        if merged and not "".join(old[merged[-1][1] : change[0]]).strip():
            merged[-1] = (merged[-1][0], change[1], merged[-1][2], change[3])
        else:
            merged.append(change)
    return merged


def apply(source: str, edits: Iterable[Edit], accept: Accept | None = None) -> str:
    """``source`` with any subset of its edits, given in any order; raises ``BadEdits`` when they overlap or do not fit.

    ``accept`` decides on each edit: a function, or the numbers (from 0) of those to take. Either end of a move takes the other along.
    """
    parts, done, last = [], 0, -1
    for edit in sorted(accepted(list(edits), accept), key=lambda e: (e.start, e.end)):
        if not 0 <= edit.start <= edit.end <= len(source):
            raise BadEdits(f"edit {edit.start}-{edit.end} is outside the text of {len(source)} characters")
        if edit.start < done or edit.start == last:
            raise BadEdits(f"edit {edit.start}-{edit.end} overlaps the one before it")
        parts += [source[done : edit.start], edit.replacement]
        done, last = edit.end, edit.start
    return "".join([*parts, source[done:]])


def accepted(edits: Sequence[Edit], accept: Accept | None) -> Edits:
    """Those that ``accept`` takes, moves with both ends; all of them for ``None``. Raises ``BadEdits`` on a number without an edit."""
    if accept is None:
        return list(edits)
    if callable(accept):
        taken = {number for number, edit in enumerate(edits) if accept(edit)}
    else:
        taken = set(accept)
        if unknown := sorted(number for number in taken if not 0 <= number < len(edits)):
            raise BadEdits(f"there is no edit {unknown[0]}; they are numbered from 0 to {len(edits) - 1}")
    moves = {edits[number].move for number in taken} - {None}
    return [edit for number, edit in enumerate(edits) if number in taken or edit.move in moves]


def target_span(edits: Sequence[Edit], start: int, end: int) -> tuple[int, int]:
    """Where ``source[start:end]`` stands in the edited text, with insertions at its ends; an edit that reaches over an end is taken
    in whole."""
    low, high = start, end
    for edit in edits:
        grown = len(edit.replacement) - (edit.end - edit.start)
        inserted_at_end = edit.kind == "insert" and edit.start in (start, end)
        if edit.end <= start and not inserted_at_end:
            low, high = low + grown, high + grown
        elif edit.start < end or inserted_at_end:
            low -= max(0, start - edit.start)
            high += grown + max(0, edit.end - end)
    return low, high
