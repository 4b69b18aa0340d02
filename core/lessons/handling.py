"""Correction handling (DROC, paper 9): how far a correction reaches, and which history the model needs to act on it.

The paper asks a model both questions; here cues and references to steps decide, so that it costs nothing and can be read.
A person sees the proposal with its reason and may change it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Dependency, Scope, Step

CUE_CHARS = 2000  # of a correction that are looked at
_NTH_NUMBER = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = "|".join((*_NTH_NUMBER, "last", "final", "previous", "next", "penultimate", "middle", "opening", "closing"))
_PART = "steps?|lines?|sentences?|bullets?|points?|paragraphs?|parts?|rows?|equations?|words?|items?|clauses?"


def _cues(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_RESTART = _cues(
    r"\bstart(?:ing)? (?:over|again|anew|afresh|fresh)\b",
    r"\bfrom (?:scratch|the (?:very )?(?:start|beginning|top|ground up))\b",
    r"\bbegin (?:again|anew|afresh|over)\b",
    r"\b(?:scrap|discard|bin|ditch|forget|throw out|toss) (?:this|that|it|all|everything|the)\b",
    r"\bthrow (?:this|that|it|all of it|everything) (?:away|out)\b",
    r"\b(?:re-?start|anew|afresh)\b",
    r"\bclean slate|\bslate clean\b",
    r"\btry (?:this |it )?(?:once more|all over)\b",
)
_INITIAL = re.compile(
    r"^\W*(?:(?:yes|ok|okay|good|fine|right|great|correct|perfect|alright|fine so far|so far so good|ok so far|good so far|looks good|"
    r"and|now|please|just|then|all good|that'?s (?:right|fine|good|ok)|you'?re (?:doing )?(?:fine|right|nearly there))[\s,.;:!-]*)*"
    r"(?:continue|carry on|go on|go ahead|keep going|proceed|resume|move on|next step)\b"
    r"(?![^.!?]*\b(?:but|instead|except|without|unless|by|using|until)\b)",
    re.IGNORECASE,
)
_RULE = _cues(
    r"\b(?:always|never|every time|whenever|in general|by default|throughout|each time|from now on|in future|as a rule)\b",
    r"^\W*(?:please )?(?:do not|don'?t|avoid|refrain from)\b",
    r"^\W*(?:each|every|all|any|no) \w+(?: \w+){0,3} (?:must|should|needs?|has|have|goes?|gets?|is|are|ends?|begins?|starts?)\b",
    r"(?<!this )(?<!that )(?<!your )\b"
    r"(?:answers?|results?|replies|summaries|titles|dates|numbers|amounts|labels?|output|final answer) "
    r"(?:must|should|need|has to|have to)\b",
)
_CLASS_RULE = re.compile(
    r"^\W*(?!(?:the|this|that|it|these|those|he|she|they|you|there|your|his|her|here)\b)(?:an? )?\w+(?: (?!is\b|are\b)\w+){0,7} "
    r"(?:are|counts? as|go(?:es)? (?:under|to|in|into)|belongs? (?:to|under|in)|needs?|must|requires?)\b",
    re.IGNORECASE,
)
_WHOLE = _cues(
    r"\b(?:whole|entire|overall|general) (?:\w+ )?"
    r"(?:approach|idea|plan|solution|answer|argument|method|strategy|reasoning|thing|text|reply)\b",
    r"\b(?:approach|strategy|plan|method|structure|outline)\b.{0,40}"
    r"\b(?:wrong|fails?|can'?t|cannot|won'?t|doesn'?t|miss\w*|flawed|does not)\b",
    r"\b(?:different|another|other|better|easier|simpler|wrong) (?:approach|method|way|strategy|plan|route|technique)\b",
    r"\binstead of\b.{0,60}\b(?:use|try|do|count|apply)\b",
    r"\b(?:misread|misunderstood|misunderstand|misinterpreted)\b",
    r"\b(?:the )?(?:question|problem|task|customer|user|prompt|exercise|client) (?:is asking|asks?|wants?|needs?|is about|asked)\b",
    r"\b(?:answer(?:ed|ing)?|solv(?:e|ed|ing)) (?:the wrong|a (?:different )?(?:question|problem)|for)\b",
    r"\b(?:too|much) (?:long|short|verbose|wordy|brief|formal|informal|detailed|vague)\b",
    r"\b(?:make|keep|cut) (?:it|this|that|the (?:answer|text|tone|reply|summary))\b.{0,12}"
    r"\b(?:short\w*|long\w*|simpl\w*|formal|neutral|friendl\w*|by half|brief\w*|concise)\b",
    r"\btone\b",
)
_ORDER = _cues(
    r"\b(?:should|must|need to|have to|ought to|has to|better) (?:have )?(?:first|start|begin)\w*\b",
    r"^\W*(?:before|first|begin by|begin with|start by|start with|set up|check first|prior to)\b",
    r"\bfirst\b[,;]? (?:and )?(?:only )?then\b|\bfirst\s*[,;]\s*(?:and )?(?:only )?then\b|\bfirst, then\b",
    r"\bbefore (?:you|solving|doing|adding|plugging|answering|writing|computing)\b",
    r"\b(?:the )?order (?:is|was) (?:wrong|backwards|reversed)\b",
    r"\bwrong order\b",
)
_MISSING = _cues(
    r"\b(?:add|insert|include|needs?) (?:a|another|one more|an extra) (?:\w+ )?step\b",
    r"\bsteps? (?:is|are) missing\b|\bmissing (?:a )?steps?\b",
    r"\byou (?:skipped|forgot|missed|left out|omitted|never|did not|didn'?t)\b.{0,25}"
    r"\b(?:step|case|cases|check|part|fee|condition|entirely|altogether|to)\b",
)
_CONSTANT = re.compile(
    r"^\W*(?:please )?(?:use|take|assume|treat|let|set|translate|write|spell|call|put|render)\b"
    r"(?!.*\b(?:here|this|that|instead|step|line)\b)",
    re.IGNORECASE,
)
_HOUSE_STYLE = _cues(
    r"\b(?:metric|imperial|si) (?:system|units)\b",
    r"\b(?:report|give|state|express|write|show|quote|format|put) (?:the |all |any )?(?:\w+ ){0,2}"
    r"(?:answers?|results?|temperatures?|amounts?|dates?|"
    r"times?|lengths?|distances?|prices?|values?|numbers?|units?|headings?)\b(?!.*\b(?:here|this)\b)",
    r"\bfor people\b|\bfor (?:all|every|any)\b",
)
_STEP_REFERENCE = _cues(
    rf"\b(?:{_PART}) (?:no\.? ?|number |#)?\d+\b",
    rf"\b(?:{_ORDINAL})(?: \w+)? (?:{_PART})\b",
    rf"\b(?:this|that) (?:{_PART})\b",
    r"\b(?:\d+)(?:st|nd|rd|th) (?:step|line|sentence)\b",
)
_LOCAL = _cues(
    r"\b(?:typo|misspel\w+|spelling|carry|sign|unit|denominator|numerator|wording|label|comma|word|quote|arithmetic)\b",
    r"\b(?:replace|change|swap|cancel|delete|remove|rename)\b",
    r"\d\s*[-+*/x×=]\s*\d|\b\d[\d.,]* (?:plus|minus|times|divided by|of) \d",
    r"\bshould (?:be|say|read)\b|\bnot ['\"]?\w+['\"]?\W*$",
)
_ATTEMPT = _cues(
    r"\b(?:you|your|it|its|that|this|these|those|instead|here)\b",
    r"\b(?:change|replace|swap|remove|delete|cancel|shorten|again|missing|repeats?|contradicts|flipped|wrong)\b",
)


@dataclass(frozen=True, slots=True)
class Handling:
    """A proposal; ``why`` names what in the words led to it. ``step_index`` is the marked or the referred-to step, from 0."""

    scope: Scope
    dependency: Dependency
    why: str
    step_index: int | None = None


def classify(text: str, *, steps: Sequence[Step] = (), step_index: int | None = None) -> Handling:
    """Scope and dependency of a correction of an answer with ``steps``, of which a person may have marked one."""
    text = text[:CUE_CHARS]
    named = step_index if step_index is not None else referred_step(text, len(steps))
    restart, carry_on = _RESTART.search(text), _INITIAL.match(text)
    if restart:
        return Handling(Scope.PLAN, Dependency.RESTART, f"“{restart.group()}” asks to begin again", named)
    if carry_on:
        return Handling(
            Scope.SKILL, Dependency.INITIAL, f"“{_short(carry_on.group())}” asks to carry on as planned", named
        )
    scope, because = _scope(text, step_index)
    dependency, needs = _dependency(text, scope, named)
    return Handling(scope, dependency, f"{because}; {needs}", named)


def _scope(text: str, marked: int | None) -> tuple[Scope, str]:
    checks: list[tuple[Scope, re.Pattern[str], str]] = [
        (Scope.PLAN, _RULE, "states a rule for every answer"),
        (Scope.PLAN, _WHOLE, "is about the answer as a whole"),
        (Scope.SKILL, _STEP_REFERENCE, "names a step"),
        (Scope.PLAN, _ORDER, "is about what comes first"),
        (Scope.PLAN, _MISSING, "says that something was left out"),
    ]
    for scope, cue, says in checks:
        if found := cue.search(text):
            return scope, f"“{_short(found.group())}” {says}"
    if marked is not None:
        return Scope.SKILL, f"step {marked + 1} is marked"
    if found := _LOCAL.search(text) if not _HOUSE_STYLE.search(text) else None:
        return Scope.SKILL, f"“{_short(found.group())}” is about one place"
    if found := _CONSTANT.search(text):
        return (Scope.PLAN if _HOUSE_STYLE.search(text) else Scope.SKILL), f"“{_short(found.group())}” sets a value"
    if found := _HOUSE_STYLE.search(text) or _CLASS_RULE.search(text):
        return Scope.PLAN, f"“{_short(found.group())}” states a rule for every answer"
    return Scope.SKILL, "nothing in it reaches beyond one place"


def _dependency(text: str, scope: Scope, step: int | None) -> tuple[Dependency, str]:
    general = _RULE.search(text) or (scope is Scope.PLAN and _CLASS_RULE.search(text))
    if general and not _STEP_REFERENCE.search(text):
        return Dependency.NONE, "it stands by itself"
    if step is not None:
        return Dependency.LAST, f"it needs the attempt up to step {step + 1}"
    if found := _STEP_REFERENCE.search(text) or _ATTEMPT.search(text) or _ORDER.search(text) or _MISSING.search(text):
        return Dependency.LAST, f"“{_short(found.group())}” refers to the attempt"
    if _CONSTANT.search(text) or _HOUSE_STYLE.search(text) or _CLASS_RULE.search(text):
        return Dependency.NONE, "it stands by itself"
    return Dependency.LAST, "it is about the attempt"


def only_steers(text: str) -> bool:
    """Whether it only says to carry on or to begin again, and nothing about how."""
    rest = without_steering(text)
    return rest != text and len(re.findall(r"[^\W\d_]{3,}", rest)) < 4


def without_steering(text: str) -> str:
    """The text without its "carry on" or "start over"."""
    return _RESTART.sub(" ", _INITIAL.sub(" ", text)).strip(" ,;:.!-\n") if _steers(text) else text


def _steers(text: str) -> bool:
    return bool(_RESTART.search(text) or _INITIAL.match(text))


def is_missing_step(sentence: str) -> bool:
    """Whether it says that something was left out or should come first."""
    return bool(_MISSING.search(sentence) or _ORDER.search(sentence))


_NUMBERED = re.compile(
    r"\b(?:step|line|sentence|bullet|point|paragraph)\s*(?:no\.?\s*|number\s*|#)?(\d{1,3})\b", re.IGNORECASE
)
_NTH = re.compile(rf"\b({_ORDINAL})(?: \w+)? (?:step|line|sentence|bullet|point|paragraph)\b", re.IGNORECASE)


def referred_step(text: str, n_steps: int) -> int | None:
    """The step (from 0) that the words point at, such as "step 3" or "the last line"; ``None`` when there is no such step."""
    if numbered := _NUMBERED.search(text):
        index = int(numbered.group(1)) - 1
    elif nth := _NTH.search(text):
        index = _place(nth.group(1).lower(), n_steps)
    else:
        return None
    return index if 0 <= index < n_steps else None


def _place(ordinal: str, n_steps: int) -> int:
    from_end = {"last": 1, "final": 1, "closing": 1, "penultimate": 2}
    if ordinal in from_end:
        return n_steps - from_end[ordinal]
    return 0 if ordinal == "opening" else _NTH_NUMBER.index(ordinal) if ordinal in _NTH_NUMBER else -1


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 40 else words[:39].rstrip() + "…"
