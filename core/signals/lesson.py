"""Votes where an active lesson is visibly violated or kept: a value, a unit, a length or a wording (DROC's saved values, paper 9).

Looks at lessons that were in the prompt or that apply to it, and decides only what can be decided by looking: a rounding, the unit
or currency of the answer, a maximum length, a constant that the answer gives another value, a wording that is asked for or
forbidden in quotation marks. Everything else abstains: whether advice was followed is for critics and people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.answers import final_answer, number
from core.lessons.entities import from_lesson
from core.lessons.parameters import Parameter, find_parameter
from core.lessons.words import content_words
from core.signals._findings import step_at
from core.signals._quantity import final_quantity
from core.signals._rule import quote
from core.signals.base import REGISTRY, SignalInput
from core.signals.unit import same_unit
from core.steps import split
from core.types import LessonKind, LessonText, Verdict, Vote
from core.units import unit

_QUOTED = r"['\"“‘«]([^'\"”’»]{1,80})['\"”’»]"
_FORBIDDEN = re.compile(
    rf"\b(?:never|don't|do not|avoid|must not|should not|without)\b[^.;'\"“‘«]{{0,60}}{_QUOTED}", re.I
)
_NEEDED = re.compile(
    rf"\b(?:always|must|end|begin|start|finish)\b[^.;'\"“‘«]{{0,40}}\b(?:with|say|include|contain|mention|use|write)\b"
    rf"[^.;'\"“‘«]{{0,30}}{_QUOTED}",
    re.I,
)
_COUNTS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_SIGN_UNITS = {
    "$": "dollar",
    "usd": "dollar",
    "€": "euro",
    "eur": "euro",
    "£": "pound sterling",
    "gbp": "pound sterling",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is visible of one lesson in an answer: kept or violated, in words, and where."""

    kept: bool
    said: str
    start: int | None = None


@REGISTRY.register("lesson")
class LessonSignal:
    name = "lesson"

    def vote(self, x: SignalInput) -> Vote:
        if not x.lessons:
            return Vote(self.name, evidence="No lesson applies.")
        judged = [(lesson, seen) for lesson in x.lessons if (seen := look(lesson, x)) is not None]
        broken = [(lesson, seen) for lesson, seen in judged if not seen.kept]
        details = {"kept": [lesson.id for lesson, seen in judged if seen.kept], "violated": [b.id for b, _ in broken]}
        if broken:
            lesson, seen = broken[0]
            more = f" ({len(broken) - 1} more like it.)" if len(broken) > 1 else ""
            place = None if seen.start is None else step_at(x.steps, seen.start)
            said = f'The lesson "{quote(lesson.text, 0)}" is not kept: {seen.said}.{more}'
            return Vote(self.name, Verdict.FAULTY, evidence=said, step_index=place, details=details)
        if not judged:
            return Vote(self.name, evidence="Whether the lessons were kept cannot be seen from the words alone.")
        lesson, seen = judged[0]
        said = f'The lesson "{quote(lesson.text, 0)}" is kept: {seen.said}.'
        return Vote(self.name, Verdict.ACCEPTABLE, evidence=said, details=details)


def look(lesson: LessonText, x: SignalInput) -> Seen | None:
    """What one lesson asks for, where that can be seen; ``None`` where it cannot be decided."""
    if lesson.kind is LessonKind.ENTITY:
        return _entity(lesson, x.answer)
    for sentence in re.split(r"(?<=[.!?])\s+", lesson.text)[:10]:
        found = find_parameter(sentence)
        seen = (found and _parameter(found, x)) or _wording(sentence, x.answer)
        if seen is not None:
            return seen
    return None


def _entity(lesson: LessonText, answer: str) -> Seen | None:
    """A wrong form of a name that stands in the answer. That another name is right says nothing of the rest, and function words that
    were wrong once are mostly right."""
    entity = from_lesson(lesson.text, {})
    if entity is None or not any(len(word) >= 4 for word in content_words(entity.wrong)):
        return None
    place = _place(entity.wrong, answer)
    if place is None or _place(entity.right, answer) is not None:
        return None
    return Seen(False, f'the answer says "{quote(answer, *place)}"', place[0])


def _wording(sentence: str, answer: str) -> Seen | None:
    """A forbidden wording that is absent says nothing; a wording that is asked for is there, or it is not."""
    if forbidden := _FORBIDDEN.search(sentence):
        place = _place(forbidden[1], answer)
        return None if place is None else Seen(False, f'the answer says "{quote(answer, *place)}"', place[0])
    if needed := _NEEDED.search(sentence):
        place = _place(needed[1], answer)
        if place is None:
            return Seen(False, f'the answer nowhere says "{needed[1]}"')
        return Seen(True, f'the answer says "{quote(answer, *place)}"', place[0])
    return None


def _place(words: str, text: str) -> tuple[int, int] | None:
    """Where the words stand as whole words, in any case."""
    left = r"\b" if words[:1].isalnum() else ""
    right = r"\b" if words[-1:].isalnum() else ""
    match = re.search(left + r"\s+".join(re.escape(word) for word in words.split()) + right, text, re.I)
    return match.span() if match else None


def _parameter(found: Parameter, x: SignalInput) -> Seen | None:
    for begins, judge in _JUDGES:
        if found.name.casefold().startswith(begins):
            return judge(found.value, x)
    return _constant(found, x.answer)


def _rounding(value: str, x: SignalInput) -> Seen | None:
    """How many decimals the final answer has, where the lesson names a number of them. Fewer may be exact, more are too many."""
    wanted = re.match(rf"(?:(\d+)|({'|'.join(_COUNTS)}))\s+decimal", value, re.I)
    whole = re.match(r"(?:nearest )?(?:whole|integer)", value, re.I)
    said = final_answer(x.answer)
    if said is None or number(said) is None or (wanted is None and whole is None) or "/" in said:
        return None
    places = 0 if wanted is None else int(wanted[1]) if wanted[1] else _COUNTS.index(wanted[2].lower())
    digits = re.search(r"\.(\d+)", said)
    has = len(digits[1]) if digits else 0
    start = max(0, x.answer.rfind(said))
    if has > places:
        return Seen(False, f'the final answer "{said[:60]}" has {has} decimals, not {places}', start)
    return Seen(True, f'the final answer "{said[:60]}" has {has} decimals', start) if has == places else None


def _unit(value: str, x: SignalInput) -> Seen | None:
    """The unit of the final answer, where it has one; a bare number may be in any unit."""
    wanted = _SIGN_UNITS.get(value.casefold(), value)
    q = final_quantity(x.answer)
    if q is None or not q.beside or (unit(wanted) is None and wanted not in _SIGN_UNITS.values()):
        return None
    said = f'the final answer is "{quote(x.answer, q.start, q.end)}"'
    if same_unit(wanted, q):
        return Seen(True, said, q.start)
    return Seen(False, f"{said}, not in {value}", q.start) if q.family is not None else None


def _longest(value: str, x: SignalInput) -> Seen | None:
    limit = re.match(rf"(?:(\d+)|({'|'.join(_COUNTS)}))\s+(word|sentence|line|character|paragraph)", value, re.I)
    if limit is None:
        return None
    most = int(limit[1]) if limit[1] else _COUNTS.index(limit[2].lower())
    kind, text = limit[3].lower(), x.answer.strip()
    count = {
        "word": len(text.split()),
        "character": len(text),
        "line": len([line for line in text.split("\n") if line.strip()]),
        "paragraph": len([part for part in re.split(r"\n\s*\n", text) if part.strip()]),
        "sentence": len(split(text, "sentences")),
    }[kind]
    return Seen(count <= most, f"the answer has {count} {kind}{'' if count == 1 else 's'}, and {most} are allowed")


def _constant(found: Parameter, answer: str) -> Seen | None:
    """A name that the answer sets: "pi = 3.14" where the lesson says which value it has."""
    wanted = number(found.value)
    if wanted is None or not 1 < len(found.name) <= 40:
        return None
    says = rf"(?<![\w]){re.escape(found.name)}\s*(?:=|≈|is|as|to be)\s*(-?\d[\d,]*(?:\.\d+)?(?:/\d+)?)"
    for match in re.finditer(says, answer, re.I):
        value = number(match[1])
        if value is not None:
            return Seen(value == wanted, f'the answer takes "{quote(answer, *match.span())}"', match.start())
    return None


_JUDGES: tuple[tuple[str, Callable[[str, SignalInput], Seen | None]], ...] = (
    ("rounding", _rounding),
    ("unit of the answer", _unit),
    ("currency of the answer", _unit),
    ("maximum length", _longest),
)
