"""From what a person said about one answer to an instruction for the next ones.

The paper has a model phrase its constraints; here a handful of turns of English are rewritten and the values of this item
become slots (``<quantity>``, ``<entity>``), as DROC keeps positions relative to the object.
"""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9<])|\n+")


_SET_APART = re.compile(  # an angle between operands is a comparison
    r"(?<![\w<])<\s*[^\W\d][\w'-]{0,40}(?: [\w'-]{1,40})?\s*>(?![\w>])|“[^”\n]{1,60}”|\"[^\"\n]{1,60}\"|`[^`\n]{1,60}`"
)


def words(text: str) -> frozenset[str]:
    """A set of words, written as one line."""
    return frozenset(text.split())


_EMPTY = words(
    "no nope wrong incorrect false not right correct bad error mistake this that is it its it's isn't that's the a an step "
    "line answer here again try nonsense please still sorry hmm um ok okay yes good fine really very totally completely redo fix"
)
_INTERJECTION = re.compile(
    r"^(?:(?:no|nope|wrong|sorry|yes|ok|okay|hmm|good|well)\b\s*[,.!:;-]+\s*|(?:please|actually|also|so|and|but)\b[\s,]+)+(?=\S)"
    r"|^(?:this|that|it) is (?:wrong|incorrect|not right)\s*[,.:;-]+\s*(?:because\s+)?",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"^(?:in|at|on|for) (?:the )?(?:(?:first|second|third|fourth|fifth|last|final|previous|next) )?"
    r"(?:step|line|sentence|part|row)(?: \d+)?[,:]?\s+|^(?:step|line|sentence) \d+\s*[:,]\s*",
    re.IGNORECASE,
)
_PART = r"(?:this|that|the) (?:step|line|sentence|answer|solution|part)"
_TURNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), turn)
    for pattern, turn in (
        (r"^you (?:should|must|ought to|need to|have to) not\b", "do not"),
        (r"^you (?:shouldn'?t|mustn'?t|can'?t|cannot|can not|may not)\b", "do not"),
        (r"^you (?:should|must|ought to|need to|have to|had to) have (\w+)", r"make sure that you have \1"),
        (r"^you (?:should|must|ought to|need to|have to|had to|could|might|can)\b(?: always)?\s+(first )?", r"\1"),
        (r"^(?:it|the answer|the model) (?:should|must|ought to|needs? to|has to)\b", "the answer must"),
        (r"^you (?:forgot|omitted|neglected|failed) to\b", "do not forget to"),
        (r"^you forgot\b", "do not forget"),
        (r"^you (?:skipped|left out|omitted|missed|dropped|lost)\b", "do not leave out"),
        (r"^you (?:did not|didn'?t|never|do not|don'?t)\b", "make sure to"),
        (r"^you (?:confused|confuse|mixed up|mistook)\b", "do not confuse"),
        (r"^you (?:assumed|assume|are assuming)\b", "do not assume"),
        (r"^you need (?!to\b)", "use "),
        (r"^you(?:'re| are| were) supposed to\b", ""),
        (r"^you (?:misread|misunderstood)\b", "read carefully:"),
        (
            rf"^{_PART} (?:forgets|omits|misses|skips|leaves out|ignores|lacks)\b",
            "do not leave out",
        ),
        (rf"^{_PART} assumes\b", "do not assume"),
        (rf"^{_PART} (?:confuses|mixes up)\b", "do not confuse"),
        (r"^there (?:should|must) be\b", "include"),
        (r"^(?:i|we) (?:want|expect|need|would like|prefer)(?: you to| the answer to)?\b", "make sure to give"),
        (r"^remember that\b|^note that\b|^keep in mind that\b", ""),
    )
)
NUMBER = re.compile(r"(?<![\w.])[$€£]?\d+(?:[.,/:]\d+)*%?(?![\w])")
NAME = re.compile(r"\b[A-Z][\w’'-]*[a-z]\w*(?:\s+(?:of\s+|the\s+)?[A-Z][\w’'-]*\w)*")
NOT_NAMES = words(
    "The A An If When Use Do Always Never Before After You Your This That It He She They We I In On At For To Make Check Read "
    "Add Include Round Give Write Keep Each Every All Any No Not And Or But Then Also Instead Why What Where How Which Who "
    "First Second Third Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July "
    "August September October November December"
)
_ABOUT_ATTEMPT = re.compile(
    r"\b(?:you|your|this|it|its|it's|here|these|those|he|she|his|her)\b|^(?:that|there)\b|\?\s*$"
    r"|\b(?:steps?|lines?|bullets?|sentences?|paragraphs?|conclusion|wording|typo|strategy|approach)\b",
    re.IGNORECASE,
)
_PLACE_NUMBER = re.compile(r"\b(step|line|sentence|bullet|row|paragraph) \d+\b", re.IGNORECASE)
_IMPERATIVE = re.compile(
    r"^(?:always|never|do not|don'?t|avoid|first|before|after|when|whenever|if|each|every|all|any|only|make sure|remember|"
    r"check|use|give|write|keep|round|add|include|read|count|compute|convert|state|say|show|treat|take|start|begin|set|put|"
    r"compare|find|list|draw|name|explain|translate|simplify|factor|subtract|divide|multiply|verify|answer|report|express|"
    r"mind|note|end|try|apply|label|mark|replace|leave|choose|pick|prefer|mention|cite|quote|make|change|drop|remove|shorten|"
    r"spell|assume|consider|let|look|think|work|solve|split|sort|order|test)\b",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a correction, without those that say nothing."""
    return [s.strip() for s in _SENTENCE_END.split(text.strip()) if s and not says_nothing(s)]


def says_nothing(text: str) -> bool:
    """Whether it only says that something is wrong ("no", "that's incorrect"), which teaches nothing."""
    said = re.findall(r"[\w'’]+", text.lower().replace("’", "'"))
    return all(word in _EMPTY for word in said)


def instruction(sentence: str, prompt: str) -> str | None:
    """The sentence as an instruction with slots for this item's values; ``None`` when nothing of it holds for other items."""
    said = _INTERJECTION.sub("", sentence.strip())
    core = _PLACE.sub("", said, count=1)
    turned = next((p.sub(t, core, count=1) for p, t in _TURNS if p.search(core)), None)
    unplaced = _PLACE_NUMBER.sub(lambda m: f"a {m[1].lower()}", (turned if turned is not None else core).strip(" ,;:"))
    general = with_slots(unplaced, prompt)
    if not _has_content(general):
        return None
    if turned is None and not _IMPERATIVE.match(core) and (core != said or _ABOUT_ATTEMPT.search(core)):
        return f"Avoid this mistake in a similar answer: {_closed(general)}"
    return _closed(general[:1].upper() + general[1:])


def with_slots(text: str, prompt: str) -> str:
    """Numbers and names that the item's prompt also holds become ``<quantity>`` and ``<entity>``."""
    numbers = {_bare(n) for n in NUMBER.findall(prompt)}
    text = NUMBER.sub(
        lambda m: "<quantity>" if _bare(m.group()) in numbers and not is_count(text, m) else m.group(), text
    )
    names = {n for n in NAME.findall(prompt) if n.split()[0] not in NOT_NAMES}
    names |= {part for n in names for part in n.split() if part[0].isupper()}
    for name in sorted(names - NOT_NAMES, key=len, reverse=True):
        text = re.sub(rf"(?<![\w<]){re.escape(name)}(?!\w)", "<entity>", text)
    return text


def without_instances(text: str) -> str:
    """Terms that the text itself sets apart (``<term>``, quoted, or as code) become ``<entity>``, for search.

    A question about one term and its correction are then found from the same question about another. A text that is nothing but such
    terms stays as it is.
    """
    bare = _SET_APART.sub("<entity>", text)
    return bare if re.search(r"\w", bare.replace("<entity>", "")) else text


def _bare(number: str) -> str:
    return number.strip("$€£%").replace(",", "")


def is_count(text: str, match: re.Match[str]) -> bool:
    """A number that counts decimals, words or the like sets a form and is no value of the item."""
    return bool(
        re.match(r"\s+(?:decimal|digit|significant|word|sentence|place|line|step)", text[match.end() :], re.IGNORECASE)
    )


def _has_content(text: str) -> bool:
    """At least two words beyond numbers, slots and words that only point."""
    said = re.findall(r"[^\W\d_]{3,}", re.sub(r"<\w+>", " ", text.lower()))
    pointing = _EMPTY | {
        "should",
        "you",
        "your",
        "instead",
        "not",
        "and",
        "but",
        "from",
        "with",
        "are",
        "was",
        "has",
        "there",
        "then",
        "for",
    }
    return len([w for w in said if w not in pointing]) >= 2


def _closed(text: str) -> str:
    return text if text[-1:] in ".!?:" else text + "."
