"""What kind of change an edit is, coarsely and without a tagger, after the categories of ERRANT that paper 13 builds on.

Order of the tests: white space, letter case, punctuation, numbers, function words, form of a word, spelling, wording.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

from core.edits.tokens import tokenize

EditType = Literal[
    "", "space", "case", "punctuation", "number", "function word", "form", "spelling", "wording", "order"
]

_LISTED = """
a an the this that these those some any no every each either neither
of in on at by for with from to into onto over under about between among through during before after since until against
i you he she it we they me him her us them my your his its our their mine yours hers ours theirs who whom whose which what
and or but nor so yet if because although though while when where as than whether unless
am is are was were be been being do does did have has had having will would shall should can could may might must not
there here too also
"""
_FUNCTION_WORDS = frozenset(_LISTED.split())
_ENDINGS = (
    "ing",
    "ed",
    "es",
    "s",
    "d",
    "er",
    "est",
    "ly",
    "n",
    "en",
    "ment",
    "ion",
    "ness",
    "ies",
    "ied",
    "y",
    "e",
    "",
)


def edit_type(before: str, after: str) -> EditType:
    """The type of a change from ``before`` to ``after``; one of them may be empty."""
    old, new = _words(before), _words(after)
    gone, come = [w for w in old if w not in new], [w for w in new if w not in old]
    changed = [*gone, *come]
    tests: tuple[tuple[EditType, bool], ...] = (
        ("space", "".join(before.split()) == "".join(after.split())),
        ("case", before.strip().casefold() == after.strip().casefold()),
        ("order", sorted(old) == sorted(new) and len(old) > 1 and old != new),
        ("punctuation", all(map(_is_punctuation, changed))),
        ("number", all(any(map(str.isdigit, word)) for word in changed)),
        ("function word", all(word.casefold() in _FUNCTION_WORDS for word in changed)),
    )
    found = next((name for name, holds in tests if holds), None)
    if found is None and len(gone) == len(come) == 1:
        return _of_one_word(gone[0].casefold(), come[0].casefold())
    return found or "wording"


def _of_one_word(old: str, new: str) -> EditType:
    from rapidfuzz.distance import DamerauLevenshtein

    if _is_punctuation(old) or _is_punctuation(new) or not (old.isalpha() and new.isalpha()):
        return "wording"
    common = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if common >= 3 and old[common:] in _ENDINGS and new[common:] in _ENDINGS:
        return "form"
    distance = DamerauLevenshtein.distance(old, new)
    return "spelling" if len(old) > 2 and distance <= max(1, max(len(old), len(new)) // 3) else "wording"


def _words(text: str) -> list[str]:
    return [token for token in tokenize(text) if not token.isspace()]


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(char)[0] in "PS" for char in word)


def is_content(text: str) -> bool:
    """Whether a text is worth calling "moved": nothing, or more than one letter and more than a function word."""
    return not text or (len(text) > 1 and any(map(str.isalpha, text)) and text.casefold() not in _FUNCTION_WORDS)
