"""The words of a text that carry its subject, in one form for all comparisons: lower case, no function words, English endings cut.

Nothing here is learned. A run of letters of a script without spaces is one word, as the full-text searches of both databases take it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

READ = 20_000  # characters of a text that are looked at
LONGEST = 60  # letters of a word; longer ones are no words
_WORD = re.compile(r"[^\W_]+")
_FUNCTION_WORDS = (
    "a about above after again all also am an and any are as at be because been before being below between both but by can could did "
    "do does doing down during each else few for from further get give given had has have having he her here hers him his how i if in "
    "into is it its itself just let many may me might more most much must my no nor not now of off on once one only or other our out "
    "over own please same say shall she should show so some such tell than that the their them then there these they this those "
    "through to too under until up us use very was we were what when where which while who whom whose why will with would you "
    "your"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
_ENDINGS = (("sses", "ss"), ("ies", "y"), ("ing", ""), ("edly", ""), ("ed", ""), ("es", "e"), ("ly", ""), ("s", ""))


def content_words(text: str) -> list[str]:
    """Distinct words without function words, in the order of their first place; of at most ``READ`` characters."""
    found = (word for word in _WORD.findall(text[:READ].lower()) if len(word) <= LONGEST)
    return list(dict.fromkeys(word for word in found if word not in FUNCTION_WORDS))


def stem(word: str) -> str:
    """The word without a common English ending; words of three letters and of other scripts stay as they are."""
    if not word.isascii():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            if ending == "s" and word.endswith("ss"):
                return word
            cut = word[: len(word) - len(ending)] + instead
            return cut[:-1] if cut.endswith("e") and len(cut) > 3 else cut
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def stems(text: str) -> frozenset[str]:
    """What two texts are compared by. A number counts for nothing: it belongs to the item and not to its subject."""
    return frozenset(stem(word) for word in content_words(text) if not word.isdecimal() and (len(word) > 1))


def overlap(query: frozenset[str], text: frozenset[str]) -> float:
    """The share of the query's letters that stand in words of both, in [0, 1]: a long word tells more than a short one."""
    whole = _weight(query)
    return _weight(query & text) / whole if whole else 0.0


def _weight(words: Sequence[str] | frozenset[str]) -> int:
    return sum(min(len(word), 12) for word in words)
