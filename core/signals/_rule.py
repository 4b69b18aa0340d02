"""What people's rules share: where they look, what they say when they hold, and a quotation of the place as evidence.

A rule of any kind looks at one text and finds a place or nothing; what it finds makes it vote what ``says`` says. Patterns are RE2:
they match in linear time, have at most 1 kB, texts are cut at 100 kB, and memory is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as made_with
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from core.math_tokens import Kind, Token, tokens
from core.patterns import compile_pattern, quote
from core.signals.base import SignalInput
from core.types import Verdict, Vote

MAX_TEXT = 100_000
__all__ = [  # the two of core.patterns are what every kind of rule needs too
    "FIELDS",
    "MAX_TEXT",
    "Field",
    "Found",
    "Number",
    "Options",
    "RuleSignal",
    "compile_pattern",
    "numbers_in",
    "quote",
    "shown",
    "text_of",
    "texts_of",
]

Field = Literal["answer", "prompt", "context", "any"]
FIELDS: tuple[Field, ...] = ("answer", "prompt", "context", "any")


class Options(BaseModel):
    """The options of one kind of rule. A value of the wrong type or a name that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Found:
    """A place at which a rule holds: ``said`` in words without a full stop, ``start`` in the text; details are JSON values."""

    said: str
    start: int | None = None
    field: str = "answer"
    details: dict[str, Any] = made_with(default_factory=dict)


class RuleSignal:
    """Votes what ``says`` says, a verdict or a label, wherever ``find`` finds something; ``ValueError`` when it cannot work."""

    kind = ""

    def __init__(self, name: str, field: Field, says: str, evidence: str = "") -> None:
        if field not in FIELDS:
            raise ValueError(f"Choose where the rule looks: {', '.join(FIELDS)}; not {field!r}.")
        if not says.strip():
            raise ValueError("Say what it means when the rule holds: acceptable, faulty, or one of the labels.")
        self.name, self.field, self.says, self.evidence = name, field, says.strip(), evidence.strip()

    def find(self, x: SignalInput) -> Found | None:
        raise NotImplementedError

    def vote(self, x: SignalInput) -> Vote:
        found = self.find(x)
        if found is None:
            return Vote(self.name)
        said = f"{self.evidence.rstrip('.')} ({found.said})." if self.evidence else f"{_capital(found.said)}."
        place = None
        if found.field == "answer" and found.start is not None:
            place = next((s.index for s in x.steps if s.start <= found.start < s.end), None)
        if self.says in (Verdict.ACCEPTABLE, Verdict.FAULTY):
            return Vote(self.name, Verdict(self.says), evidence=said, step_index=place, details=found.details)
        if x.question.labels and self.says not in x.question.labels:
            raise ValueError(f"{self.says!r} is not a label of this project")
        return Vote(self.name, label=self.says, evidence=said, step_index=place, details=found.details)


def text_of(x: SignalInput, field: str) -> str:
    """The text that a rule looks at, cut at ``MAX_TEXT``."""
    text = {"prompt": x.question.prompt, "context": x.question.context, "answer": x.answer}[field]
    return text[:MAX_TEXT]


def texts_of(x: SignalInput, field: Field) -> list[tuple[str, str]]:
    """(field, text) of each text that a rule looks at: "any" is the answer, then the prompt, then the context."""
    return [(name, text_of(x, name)) for name in (FIELDS[:3] if field == "any" else (field,))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: its exact value with its sign, and where it stands."""

    value: Fraction
    start: int
    end: int


def numbers_in(text: str) -> list[Number]:
    """The numbers of a text in order; numbers of lists, dates and times of day are none."""
    found = tokens(text[:MAX_TEXT])
    return [_signed(found, place) for place, token in enumerate(found) if token.kind is Kind.NUMBER]


def _signed(found: list[Token], place: int) -> Number:
    """A minus that follows no value belongs to the number: "-5" and "= -$5", but not "9 - 5"."""
    token, before = found[place], place - 1
    if before >= 0 and found[before].kind is Kind.CURRENCY:
        before -= 1
    if before < 0 or found[before].text not in ("-", "−") or found[before].end != found[before + 1].start:
        return Number(token.value, token.start, token.end)
    values = (Kind.NUMBER, Kind.CLOSE, Kind.SYMBOL, Kind.WORD, Kind.PERCENT)
    if before > 0 and found[before - 1].kind in values and found[before - 1].end == found[before].start:
        return Number(token.value, token.start, token.end)
    if before > 0 and found[before - 1].kind in (Kind.NUMBER, Kind.CLOSE):
        return Number(token.value, token.start, token.end)
    return Number(-token.value, found[before].start, token.end)


def shown(value: Fraction) -> str:
    """A number as people write it: "12", "0.25", "1/3"."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = float(value)
    return f"{decimal:.12g}" if Fraction(f"{decimal:.12g}") == value else f"{value.numerator}/{value.denominator}"
