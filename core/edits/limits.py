"""How much an edit changes, and a limit to it: the correction threshold of Chain-of-Correction (paper 38)."""

from __future__ import annotations

from collections.abc import Sequence

from core.edits.spans import Edit, Edits, apply


def change(source: str, target: str) -> float:
    """Share of characters that differ, from 0 (equal) to 1 (nothing in common): edit distance over the longer length."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_distance(source, target)


def limited(
    source: str, edits: Sequence[Edit], most: float, segments: Sequence[tuple[int, int]] | None = None
) -> Edits:
    """The edits of those segments that change by at most ``most``; with 0 the source stays, with 1 every edit is taken.

    ``segments`` are spans of the source in order, by default the whole; segments that an edit joins are weighed together, and both
    ends of a move must be taken.
    """
    kept: Edits = []
    for start, end, inside in _by_segment(edits, segments or [(0, len(source))], len(source)):
        shifted = [Edit(e.start - start, e.end - start, 0, 0, e.replacement, e.kind) for e in inside]
        old = source[start:end]
        if change(old, apply(old, shifted)) <= most:
            kept += inside
    lost = {edit.move for edit in edits if edit not in kept} - {None}
    return [edit for edit in kept if edit.move not in lost]


def _by_segment(
    edits: Sequence[Edit], segments: Sequence[tuple[int, int]], length: int
) -> list[tuple[int, int, list[Edit]]]:
    """Edits with the span that they are weighed in, which reaches over every segment that they touch."""
    grouped: list[tuple[int, int, list[Edit]]] = []
    for edit in edits:
        touched = [(s, e) for s, e in segments if s < max(edit.end, edit.start + 1) and edit.start < e]
        start = min([edit.start, *(s for s, _ in touched)])
        end = max([edit.end, *(e for _, e in touched)])
        if not touched:  # between two segments, or at the very end
            start = max([0, *(e for _, e in segments if e <= edit.start)])
            end = max(edit.end, min([length, *(s for s, _ in segments if s >= edit.end)]))
        if grouped and start < grouped[-1][1]:
            low, high, inside = grouped[-1]
            grouped[-1] = (min(low, start), max(high, end), [*inside, edit])
        else:
            grouped.append((start, end, [edit]))
    return grouped
