"""Splitting an answer into numbered steps with exact spans.

A splitter only chooses where to cut; the pieces between the cuts, without the white space around them, are the steps. So
``text[start:end] == step.text`` always holds, steps are ordered and never overlap, and every character that is not white
space is in one of them. No cut falls inside a code block, a display equation or ``$...$``. Every pass is linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from core.types import Step, StepKind

How = Literal["auto", "numbered", "lines", "sentences"]

MATH_WINDOW = 20_000  # characters within which an opened equation must close; else the opener is plain text

_OPENER = re.compile(r"```|~~~|\$\$|\\\[|\\\(|\\begin\{([A-Za-z]{1,20}\*?)\}|\$(?=\S)")
_INLINE = re.compile(r"\$(?=\S)(?:[^$\n\\]|\\.){1,300}(?<=\S)\$(?!\d)")
_CLOSERS = {"```": "```", "~~~": "~~~", "$$": "$$", "\\[": "\\]", "\\(": "\\)"}

_MARK = r"[ \t]{0,20}(?:#{1,6}[ \t]{1,4})?(?:\*\*|__)?"
_NUMBERED = re.compile(rf"^{_MARK}(?:step[ \t]{{0,4}}(\d{{1,4}})\b|(\d{{1,3}})[.):](?=[ \t*_]|$))", re.I | re.M)
_INLINE_STEP = re.compile(r"(?<=[.!?])[ \t]{1,4}(?=\*{0,2}step[ \t]{0,4}\d{1,4}[ \t]{0,4}[:.])", re.I)
_BULLET = re.compile(r"^[ \t]{0,20}[-*+•–][ \t]+(?=\S)", re.M)
_LINE = re.compile(r"\n+")
_ANSWER_LINE = re.compile(
    rf"^{_MARK}(?:####(?!#)|(?:the[ \t])?(?:final[ \t]|correct[ \t])?(?:answer|ans)[ \t]*(?:\*\*|__)?[ \t]*[:=]|A:)",
    re.I | re.M,
)
_ANSWER = re.compile(
    rf"^{_MARK}(?:step \d{{1,4}}[:.)]?|\d{{1,3}}[.)])?[ \t*_]{{0,8}}"
    r"(?:####(?!#)|(?:the )?(?:final |correct )?(?:answer|ans)(?:\*\*|__)?[ \t]*[:=]|A:)"
    r"|\b(?:the|our|my) (?:final |correct )?answer is\b|\\boxed\b",
    re.I,
)
_TERMINATOR = re.compile(r"(?<![.!?…])[.!?…]+(?=[\"'”’)\]*_\s]|$)[\"'”’)\]*_]*(?=\s|$)|[。！？]+[”’」』）]*")
_ABBREVIATIONS = (
    "mr mrs ms dr prof st jr sr vs cf approx fig figs eq eqs sec ch vol ed eds al dept inc ltd co corp ca resp max min "
    "e.g i.e a.m p.m u.s u.k ph.d jan feb mar apr jun jul aug sep sept oct nov dec"
)
_NO_END = frozenset(_ABBREVIATIONS.split())
_NO_END_BEFORE_A_NUMBER = frozenset(("no", "nos", "nr", "p", "pp", "art", "para"))
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z.]{0,11})$")


def split(text: str, how: str = "auto") -> list[Step]:
    """The steps of ``text``, numbered from 0; empty for white space only. ``ValueError`` for an unknown ``how``."""
    guarded = _Guard(text)
    if how == "auto":
        how = _choose(text, guarded)
    try:
        cutter = _CUTTERS[how]
    except KeyError:
        raise ValueError(f"no way of splitting is called {how!r}; there are: auto, {', '.join(_CUTTERS)}") from None
    answers = (match.start() for match in _ANSWER_LINE.finditer(text))
    cuts = {cut for cut in (*cutter(text, guarded), *answers) if guarded.free(cut)}
    return list(_pieces(text, sorted(cuts)))


def kind_of(text: str) -> StepKind:
    """``ANSWER`` when the piece states the final answer, such as "A: 3", "#### 3", "The answer is 3" or a ``\\boxed{3}``."""
    return StepKind.ANSWER if _ANSWER.search(text) else StepKind.REASONING


class _Guard:
    """The stretches of a text that stay in one piece, as sorted, disjoint (start, end) pairs."""

    def __init__(self, text: str) -> None:
        spans = list(_whole_stretches(text))
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]

    def free(self, position: int) -> bool:
        """Whether a cut at ``position`` would break no stretch."""
        at = bisect_right(self.starts, position) - 1
        return at < 0 or position >= self.ends[at] or position == self.starts[at]


def _whole_stretches(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    ahead: dict[str, int] = {}
    while match := _OPENER.search(text, position):
        end = _closing(text, match, ahead)
        if end is None:
            position = match.end()
            continue
        yield match.start(), end
        position = end


def _closing(text: str, match: re.Match[str], ahead: dict[str, int]) -> int | None:
    """Where the stretch that ``match`` opens ends. ``ahead`` remembers the next place of each closer: one pass for each."""
    opener, start = match.group(), match.end()
    if opener == "$":
        inline = _INLINE.match(text, match.start())
        return inline.end() if inline else None
    closer = _CLOSERS.get(opener) or f"\\end{{{match.group(1)}}}"
    found = ahead.get(closer, start - 1)
    if 0 <= found < start or closer not in ahead:
        found = ahead[closer] = text.find(closer, start)
    if opener in ("```", "~~~"):
        return len(text) if found < 0 else found + len(closer)  # an unclosed block runs to the end, as in Markdown
    return found + len(closer) if 0 <= found <= start + MATH_WINDOW else None


def _pieces(text: str, cuts: Iterable[int]) -> Iterator[Step]:
    index = start = 0
    for cut in (*cuts, len(text)):
        piece = text[start:cut]
        body = piece.strip()
        if body:
            begin = start + len(piece) - len(piece.lstrip())
            yield Step(index, body, begin, begin + len(body), kind_of(body))
            index += 1
        start = cut


def _choose(text: str, guarded: _Guard) -> str:
    if len(_numbers(text, guarded)) >= 2 or len(_bullets(text, guarded)) >= 2:
        return "numbered"
    breaks = [match for match in _LINE.finditer(text.strip()) if guarded.free(match.start())]
    if not breaks:
        return "sentences"
    body = text.strip()
    wrapped = sum(body[m.end() : m.end() + 1].islower() and body[m.start() - 1] not in ".!?:;" for m in breaks)
    sentences = 1 + len(_sentence_cuts(text, guarded))
    return "sentences" if 3 * wrapped > len(breaks) or sentences > 3 * (len(breaks) + 1) else "lines"


def _numbers(text: str, guarded: _Guard) -> list[int]:
    """Starts of numbered items whose numbers never fall, so that a line that begins with a year or a sum is not one."""
    starts, last = [], -1
    found = [(m.start(), int(m.group(1) or m.group(2))) for m in _NUMBERED.finditer(text)]
    found += [(m.end(), -1) for m in _INLINE_STEP.finditer(text)]
    for start, number in sorted(found):
        if guarded.free(start) and (number < 0 or last < number <= last + 2 or last < 0):
            starts.append(start)
            last = max(last, number)
    return starts


def _bullets(text: str, guarded: _Guard) -> list[int]:
    return [match.start() for match in _BULLET.finditer(text) if guarded.free(match.start())]


def _numbered_cuts(text: str, guarded: _Guard) -> list[int]:
    return _numbers(text, guarded) or _bullets(text, guarded)


def _line_cuts(text: str, guarded: _Guard) -> list[int]:
    return [match.end() for match in _LINE.finditer(text)]


def _sentence_cuts(text: str, guarded: _Guard) -> list[int]:
    cuts = [match.end() for match in _TERMINATOR.finditer(text) if _ends_sentence(text, match)]
    cuts += [match.end() for match in _LINE.finditer(text) if match.end() - match.start() > 1]
    return [cut for cut in cuts if guarded.free(cut)]


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    after = text[match.end() : match.end() + 40].lstrip()[:1]
    if match.group()[0] != ".":
        return not after.islower()
    word = _WORD_BEFORE.search(text, max(0, match.start() - 12), match.start())
    before = word.group(1).casefold() if word else ""
    if before in _NO_END_BEFORE_A_NUMBER:
        return not after.isdigit()
    if before in _NO_END or (len(before) == 1 and before not in ("i", "x", "y", "n")):
        return False
    line_start = text.rfind("\n", max(0, match.start() - 8), match.start()) + 1
    is_list_number = text[line_start : match.start()].strip().isdigit() and match.start() - line_start <= 4
    return not after.islower() and not (is_list_number and (line_start > 0 or match.start() <= 4))


_CUTTERS: dict[str, Callable[[str, _Guard], list[int]]] = {
    "numbered": _numbered_cuts,
    "lines": _line_cuts,
    "sentences": _sentence_cuts,
}
