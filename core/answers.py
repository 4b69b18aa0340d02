"""The final answer of a text, and when two final answers are the same.

Numbers are compared as exact fractions, so ``0.1 + 0.2`` style surprises cannot happen; everything else as casefolded text.
``$`` and ``%`` are signs beside a number and do not change it: "50 %" equals "50". Two different units of measure never agree.
"""

from __future__ import annotations

import re
from fractions import Fraction

from core.units import unit

_MARKED = re.compile(
    r"####(?!#)|(?:^|[\n>*_(])[ \t]{0,8}(?:final[ \t]|correct[ \t]|the[ \t])?(?:answer|ans)[ \t]{0,4}(?:\*\*|__)?[ \t]{0,4}[:=]"
    r"|(?:^|\n)[ \t]{0,8}(?:\*\*)?A:|\b(?:the|our|my)[ \t](?:final[ \t]|correct[ \t])?answer[ \t]is\b:?|\bfinal[ \t]answer[ \t]?[:=]",
    re.I,
)
_BOXED = re.compile(r"\\(?:boxed|fbox)[ \t]?\{")
_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d{1,40})\}\{(-?\d{1,40})\}")
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\{([^{}]*)\}")
_DEGREES = re.compile(r"\^?\{?\\circ(?![A-Za-z])\}?")
_LATEX_NOISE = re.compile(r"\\[!,;: ]|\\(?:left|right|displaystyle)\b|\\\(|\\\)|\\\[|\\\]|[*_`~]|(?<!\\)\$\$")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)[ ]?[$€£¥]?[ ]?(?P<sign2>[-+]?)"
    r"(?:(?P<whole>\d{1,40})[ ](?=\d{1,40}[ ]?/))?"
    r"(?P<top>\d{1,3}(?:,\d{2,3})*,\d{3}(?![\d])(?:\.\d{1,40})?|\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})"
    r"(?:[ ]?/[ ]?(?P<bottom>\d{1,40})(?![\d.]))?"
)
_OPERAND_BEFORE = re.compile(r"(?:(?<![A-Za-z\\])[A-Za-z]|[)\]}])$")  # what makes a sign an operator: "x + 1"
_BESIDE = r"(?!(?:approx|sim|cong|text|mathrm|circ|degree|quad|qquad|pm)\b)"  # macros that leave a number what it is
_PART_BEFORE = re.compile(rf"(?:\\{_BESIDE}[A-Za-z]+(?:\[\w*\])?[ ]*\{{?|[<>≤≥√])$")
_PART_AFTER = re.compile(rf"[ ]*(?:[+*×<>≤≥]|-[ ]*[A-Za-z\\](?![A-Za-z])|\\{_BESIDE}[A-Za-z])")
_WORD_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_WORDS = _WORD_NUMBERS.split()
_LONGEST = 20_000  # only the end of a longer text is searched


def final_answer(text: str) -> str | None:
    """The final answer as written, without its marker, or ``None``.

    The last marked answer wins: ``\\boxed{}``, "#### 3", "A: 3", "Answer: 3", "the answer is 3". Without a marker, the last
    line counts: what follows its last "=", or its only number, or the whole line when it is one to three words.
    """
    text = text[-_LONGEST:]
    boxed, marked = _last_boxed(text), _last_marked(text)
    if boxed and (marked is None or boxed[0] > marked[0] or _BOXED.search(text, marked[0])):
        return boxed[1]
    return marked[1] if marked else _unmarked(text)


def same(a: str, b: str) -> bool:
    """Whether two final answers agree: as exact numbers when both hold exactly one, else as casefolded text."""
    left, right = number(a), number(b)
    if left is None or right is None:
        return bool(_plain(a)) and _plain(a) == _plain(b)
    units = _unit(a), _unit(b)
    return left == right and (None in units or units[0] == units[1])


def number(answer: str) -> Fraction | None:
    """The one number in a final answer, with what stands beside it left out; ``None`` for none or several."""
    clean = _clean(answer)
    if "=" in clean:
        clean = clean.rsplit("=", 1)[1]
    found = list(_NUMBER.finditer(clean))
    if not found and clean.strip(" .").casefold() in _WORDS:
        return Fraction(_WORDS.index(clean.strip(" .").casefold()))
    if len(found) != 1 or _sticks(clean, found[0]):
        return None
    return _value(found[0])


def _value(match: re.Match[str]) -> Fraction | None:
    bottom = int(match["bottom"] or 1)
    if bottom == 0:
        return None
    value = Fraction(match["top"].replace(",", "").rstrip(".") or "0") / bottom + int(match["whole"] or 0)
    return -value if "-" in (match["sign"], match["sign2"]) else value


def _sticks(text: str, match: re.Match[str]) -> bool:
    """Whether the number is part of a name or of a formula, such as ``x2``, ``2x``, ``x + 1``, ``3\\pi`` or ``\\sqrt{2}``."""
    before, after = text[: match.start()].rstrip(" "), text[match.end() :]
    signed = match["sign"] or match["sign2"]
    if (signed and _OPERAND_BEFORE.search(before)) or _PART_BEFORE.search(before) or _PART_AFTER.match(after):
        return True
    start = match.start() + len(match[0]) - len(match[0].lstrip(" "))  # a sign may be set off by a space
    glued = bool(start) and text[start - 1].isalnum()
    letters = re.match(r"[A-Za-z]+", after)
    return (
        glued
        or before[-1:] in ("^", "/", "(")
        or (letters is not None and unit(letters.group()) is None)
        or after[:1] in ("^", "(")
    )


def _unit(answer: str) -> tuple[str, str] | None:
    units = {unit(word) for word in re.findall(r"[A-Za-z]+|[¢€°]", _clean(answer))} - {None}
    return units.pop() if len(units) == 1 else None


def _clean(answer: str) -> str:
    text = (
        answer.replace("\u2212", "-").replace("\u2013", "-").replace("{,}", ",").replace("\\$", "$").replace("\\%", "%")
    )
    text = _FRACTION.sub(r" \1/\2", _WRAPPED.sub(r" \1 ", _DEGREES.sub("°", text)))
    return _LATEX_NOISE.sub(" ", text).lstrip(",;:! \t\n").rstrip(".,;:! \t\n")


def _plain(answer: str) -> str:
    return " ".join(_clean(answer).replace("$", " ").casefold().split()).strip(" .,;:!?\"'()")


def _last_boxed(text: str) -> tuple[int, str] | None:
    found = list(_BOXED.finditer(text))
    if not found:
        return None
    last = found[-1]
    depth, start = 1, last.end()
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return last.start(), text[start:position].strip()
    return None


def _last_marked(text: str) -> tuple[int, str] | None:
    last = None
    for match in _MARKED.finditer(text):
        if _payload(text, match.end()):
            last = match
    return (last.start(), _payload(text, last.end())) if last else None


def _payload(text: str, start: int) -> str:
    """The rest of the line, or the next line when the rest is empty, up to the end of its sentence."""
    window = text[start : start + 300].lstrip(" \t:*_\n")
    line = window.split("\n", 1)[0]
    return re.split(r"(?<=[^\s])[.!?](?=\s|$|\*)", line, maxsplit=1)[0].strip(" \t*_")


def _unmarked(text: str) -> str | None:
    line = next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")[-500:]
    if "=" in line and number(line) is not None:
        return line.rsplit("=", 1)[1].strip(" .*_")
    if number(line) is not None or (len(line.split()) <= 3 and not _MARKED.search(line)):
        return line.strip(" *_").rstrip(".") or None
    return None
