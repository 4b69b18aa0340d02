"""Values that a correction sets: a name and what it is from now on (DROC's saved values, paper 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SENTENCE_CHARS = 400  # a value is set in few words
_CURRENCIES = "usd|eur|gbp|jpy|chf|cny|inr|dollars?|euros?|pounds?|yen|francs?|cents?|[$€£¥]"
_UNITS = (
    "celsius|fahrenheit|kelvin|percent(?:ages?)?|%|degrees|radians|metres|meters|kilometres|kilometers|km|cm|mm|m|miles|feet|inches|"
    "seconds|minutes|hours|days|kg|kilograms|grams?|g|litres|liters|ml|scientific notation|lowest terms|simplest form|"
    "english|german|french|spanish|italian|upper ?case|lower ?case|title case|iso 8601"
)
_COUNT = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_NUMBER = r"-?\d+(?:[.,/]\d+)*(?:\s?(?:%|[a-zA-Z]{1,3}(?:/[a-z]\^?\d?)?\b(?<!for)(?<!as)(?<!in)))?"
_QUOTED = r"['\"“‘«]([^'\"”’»]{1,80})['\"”’»]"


@dataclass(frozen=True, slots=True)
class Parameter:
    """``sentence`` is what a model reads; ``name`` is lower case unless it was quoted."""

    name: str
    value: str
    sentence: str


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TERM = _re(rf"\b(?:translate|write|spell|render|call|use)\s+{_QUOTED}\s+(?:as|to|for)\s+{_QUOTED}")
_TERM_FOR = _re(rf"\buse\s+{_QUOTED}\s+(?:for|instead of|rather than)\s+([^.,;]{{2,60}})")
_VALUE_FOR = _re(
    rf"\b(?:use|take|put|assume|plug in)\s+({_NUMBER})\s+(?:for|as)\s+(?:the (?:value|constant) (?:of |for )?)?([^.,;()]{{1,40}})"
)
_NAME_AS = _re(
    rf"\b(?:take|treat|use|let|set|assume|count|consider)\s+(?:the value of )?([a-zA-Zπ][\w πθλ'’-]{{0,40}}?)\s*"
    rf"(?:\bas\b|\bto be\b|\bto\b|\bbe\b|\bis\b|\bequals?\b|=)\s*(?:equal to )?({_NUMBER}(?:\s+[a-z]{{3,12}})?|{_COUNT} [a-z]{{3,12}})"
)
_FORMAT_AS = _re(
    r"\b(?:write|format|give|show|express)\s+(?:all |the )?(dates?|times?|numbers?|names?|fractions?|amounts?)\s+as\s+([^.;]{2,40})"
)
_COUNT_IN = _re(rf"\b(?:assume|use|take)\s+({_COUNT})\s+([a-z]+ in an? [a-z]+)\b")
_ROUND = _re(
    rf"\bround(?:ed|ing)?\b(?:\s+(\w+(?: \w+)?))??\s+(?:off\s+|up\s+|down\s+)?to\s+(?:the )?"
    rf"((?:nearest )?(?:{_COUNT}\s+(?:decimals?(?: places?)?|significant (?:figures?|digits?)|digits?|places?)|"
    rf"nearest (?:whole )?\w+|whole (?:number|dollar|cent)s?|integers?))"
)
_DECIMALS = _re(
    rf"\b(?:with|to|use|give|show|exactly)\s+({_COUNT}\s+(?:decimals?(?: places?)?|significant (?:figures?|digits?)))\b"
)
_IN_UNIT = _re(
    r"\b(?:give|answer|answers|report|state|express|write|show|quote|convert|convey|given|reply|output|put)\b"
    rf"(?:\s+(?:(?:the|all|every|any|your|must|should|be|have|to|always|final|it)\s+)*([a-z]+))??"
    rf"(?:\s+(?:must|should|has|have|be|to|always|given|stated|expressed|reported))*"
    rf"\s+(?:in|into)\s+(?:the )?({_CURRENCIES}|{_UNITS})(?!\w)"
)
_SYSTEM = _re(r"\b(metric|imperial|SI)\s+(?:system|units)\b")
_LIMIT = _re(
    rf"\b(?:at most|no more than|a maximum of|max\.?|up to|within|fewer than|under)\s+"
    rf"({_COUNT}\s+(?:words?|sentences?|lines?|characters?|paragraphs?))\b"
)


def find_parameter(sentence: str) -> Parameter | None:
    """The value that a sentence sets in plain words, or ``None``."""
    text = " ".join(sentence.split())
    if len(text) > SENTENCE_CHARS:
        return None
    plain = re.sub(r"^please\s+|[,\s]+please(?=\W*$)", "", text, flags=re.IGNORECASE).rstrip(".!;, ")
    said = f"{plain[:1].upper()}{plain[1:]}."
    return _constant(text, said) or _form(text, said) or _convention(text, said)


def _constant(text: str, said: str) -> Parameter | None:
    if found := _TERM.search(text):
        return Parameter(found[1], found[2], said)
    if found := _VALUE_FOR.search(text) or _TERM_FOR.search(text):
        return Parameter(_name(found[2]), found[1].strip(), said)
    if found := _COUNT_IN.search(text):
        return Parameter(_name(found[2]), found[1], said)
    return None


def _form(text: str, said: str) -> Parameter | None:
    if found := _ROUND.search(text):
        what = (found[1] or "").lower().removeprefix("the ")
        whole = what in ("", "it", "off", "up", "down", "answer", "result", "all", "everything")
        return Parameter("rounding" if whole else f"rounding of {what}", found[2].strip().lower(), said)
    if found := _DECIMALS.search(text):
        return Parameter("rounding", found[1].lower(), said)
    if found := _FORMAT_AS.search(text):
        return Parameter(f"form of {found[1].lower()}", found[2].strip(), said)
    if found := _NAME_AS.search(text):
        return Parameter(_name(found[1]), found[2].strip(), said)
    return None


def _convention(text: str, said: str) -> Parameter | None:
    if found := _SYSTEM.search(text):
        return Parameter("system of units", found[1].lower(), said)
    if found := _IN_UNIT.search(text):
        money = re.fullmatch(_CURRENCIES, found[2], re.IGNORECASE)
        what = (found[1] or "answer").lower()
        what = "answer" if what in ("answers", "answer", "it", "result", "results", "given") else what
        return Parameter(f"{'currency' if money else 'unit'} of the {what}", found[2], said)
    if found := _LIMIT.search(text):
        return Parameter("maximum length", found[1].lower(), said)
    return None


def _name(words: str) -> str:
    words = re.sub(r"^(?:the|a|an|your|every|each)\s+", "", words.strip(" '\"“”‘’"), flags=re.IGNORECASE)
    return re.split(
        r"\s+(?:here|instead|please|and|in this|because|when|since)\b", words, maxsplit=1, flags=re.IGNORECASE
    )[0].strip()
