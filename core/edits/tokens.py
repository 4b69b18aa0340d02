"""Tokens of any script: words, numbers, single signs and runs of white space; joined they spell the text exactly."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache


@cache
def _token_pattern() -> re.Pattern[str]:
    """Clusters stay whole: combining marks, emoji modifiers, joined emoji, flags. Han and kana characters stand alone."""
    points = (*range(0x20000), *range(0xE0000, 0xE01F0))
    marks = "".join(map(re.escape, filter(_is_mark, map(chr, points))))
    mark, joiner = f"[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u200c]", "\u200d"
    alone = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    letter = f"(?![{alone}])\\w[{marks}\u200c\u200d]*"
    return re.compile(
        r"\s+"
        r"|\d+(?:[.,]\d+)*"
        f"|(?:{letter})+(?:['\u2019](?:{letter})+)*"
        "|[\U0001f1e6-\U0001f1ff]{2}"
        f"|\\S{mark}*(?:{joiner}\\S{mark}*)*"
    )


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


@lru_cache(maxsize=32)  # one correction is looked at in several forms
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in _token_pattern().finditer(text))


def tokenize(text: str) -> list[str]:
    """Tokens with ``"".join(tokens) == text``."""
    return [text[start:end] for start, end in _spans(text)]


def words(text: str) -> list[tuple[int, int]]:
    """The spans of the tokens that are not white space: what edit strings and M2 count."""
    return [(start, end) for start, end in _spans(text) if not text[start].isspace()]
