"""The M2 form of edits, as ERRANT and the shared tasks on grammatical error correction write it (paper 13).

``S`` holds the words of the source, joined by spaces; each ``A`` line one edit of one annotator. White space is not part of the form:
reading gives the words of source and target, not their spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.edits.spans import BadEdits, Edit
from core.edits.tokens import tokenize

NOOP = "noop"
_TYPES = {
    "space": "ORTH", "case": "ORTH", "punctuation": "PUNCT", "number": "NUM", "function word": "FUNC", "form": "MORPH",
    "spelling": "SPELL", "order": "WO",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class M2Edit:
    """Words ``start`` to ``end`` become ``words``; ``type`` is such as ``R:SPELL``, its letter saying missing, replaced or unneeded."""

    start: int
    end: int
    type: str
    words: tuple[str, ...]
    annotator: int = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """One source with the edits of its annotators; ``annotators`` names those who said that nothing is wrong, too."""

    words: tuple[str, ...]
    edits: tuple[M2Edit, ...] = ()
    annotators: tuple[int, ...] = (0,)

    def corrected(self, annotator: int = 0) -> list[str]:
        """The words after the edits of one annotator; raises ``BadEdits`` when they overlap."""
        words, done = [], 0
        for edit in sorted((e for e in self.edits if e.annotator == annotator), key=lambda e: (e.start, e.end)):
            if edit.start < done:
                raise BadEdits(f"the M2 edit at {edit.start} {edit.end} overlaps the one before it")
            words += [*self.words[done : edit.start], *edit.words]
            done = edit.end
        return [*words, *self.words[done:]]


def sentence(source: str, versions: Sequence[Sequence[Edit]]) -> Sentence:
    """The M2 form of a source with one list of edits per annotator."""
    tokens = tokenize(source)
    before = [0]
    for token in tokens:
        before.append(before[-1] + (not token.isspace()))
    edits = [
        _m2_edit(edit, before[edit.start_tok], before[edit.end_tok], tokens[edit.start_tok : edit.end_tok], annotator)
        for annotator, version in enumerate(versions)
        for edit in version
    ]
    kept = tuple(edit for edit in edits if edit is not None)
    return Sentence(tuple(t for t in tokens if not t.isspace()), kept, tuple(range(len(versions))))


def _m2_edit(edit: Edit, start: int, end: int, gone: Sequence[str], annotator: int) -> M2Edit | None:
    new = tuple(token for token in tokenize(edit.replacement) if not token.isspace())
    if new == tuple(token for token in gone if not token.isspace()):
        return None  # white space alone
    letter = "M" if start == end else "R" if new else "U"
    return M2Edit(start, end, f"{letter}:{_TYPES.get(edit.type, 'OTHER')}", new, annotator)


def write_m2(source: str, versions: Sequence[Sequence[Edit]]) -> str:
    """The block of one source, ending with an empty line; an annotator without edits gets a ``noop``."""
    one = sentence(source, versions)
    lines = ["S " + " ".join(one.words)]
    for annotator in one.annotators:
        own = [edit for edit in one.edits if edit.annotator == annotator]
        if not own:
            lines.append(f"A -1 -1|||{NOOP}|||-NONE-|||REQUIRED|||-NONE-|||{annotator}")
        lines += [
            f"A {e.start} {e.end}|||{e.type}|||{' '.join(e.words) or '-NONE-'}|||REQUIRED|||-NONE-|||{annotator}"
            for e in own
        ]
    return "\n".join(lines) + "\n\n"


def read_m2(text: str) -> list[Sentence]:
    """Every sentence of an M2 file; raises ``BadEdits`` naming the line that cannot be read."""
    found: list[Sentence] = []
    words: tuple[str, ...] | None = None
    edits: list[M2Edit] = []
    annotators: set[int] = set()
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.startswith("S ") or line == "S":
            words, edits, annotators = tuple(line[2:].split()), [], set()
        elif line.startswith("A ") and words is not None:
            edit, annotator = _read_edit(line[2:], len(words), number)
            annotators.add(annotator)
            edits += [edit] if edit else []
        elif not line.strip() and words is not None:
            found.append(Sentence(words, tuple(edits), tuple(sorted(annotators))))
            words = None
        elif line.strip():
            raise BadEdits(f"line {number} of the M2 text starts with neither S nor A after an S")
    return found


def _read_edit(line: str, words: int, number: int) -> tuple[M2Edit | None, int]:
    try:
        place, kind, rest = line.split("|||", 2)
        correction, _, _, last = rest.rsplit("|||", 3)  # from the end: the new words may end or begin in a bar
        start, end = map(int, place.split())
        annotator = int(last)
    except ValueError:
        raise BadEdits(
            f"line {number} of the M2 text must read: A start end|||type|||correction|||...|||...|||annotator"
        ) from None
    if kind == NOOP:
        return None, annotator
    if not 0 <= start <= end <= words:
        raise BadEdits(f"line {number} of the M2 text: {start} {end} is no place in {words} words")
    return M2Edit(start, end, kind, () if correction == "-NONE-" else tuple(correction.split()), annotator), annotator
