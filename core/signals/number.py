"""A person's rule about a number of the answer: against a bound, a range, or a number of the prompt (a labelling function, paper 1).

The number is the final answer, the first or last number of the text, or what a pattern captures. Values are exact fractions.
It abstains where there is no such number.
"""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import field_validator, model_validator

from core.answers import final_answer, number
from core.signals._rule import (
    Field,
    Found,
    Number,
    Options,
    RuleSignal,
    compile_pattern,
    numbers_in,
    quote,
    shown,
    text_of,
    texts_of,
)
from core.signals.base import REGISTRY, SignalInput

Check = Literal[
    "below", "at_most", "equal", "not_equal", "at_least", "above", "between", "outside", "whole", "not_whole"
]
WORDS = {
    "below": "below", "at_most": "at most", "equal": "equal to", "not_equal": "not equal to", "at_least": "at least",
    "above": "above", "between": "between", "outside": "not between", "whole": "whole", "not_whole": "not whole",
}  # fmt: skip


class NumberOptions(Options):
    """``check`` compares the number that ``take`` names with ``value``, with ``low`` and ``high``, or with a number of the prompt.

    ``prompt_number`` counts the prompt's numbers from 1, or from its end: -1 is the last.
    """

    take: Literal["final", "first", "last", "pattern"] = "final"
    pattern: str | None = None
    check: Check
    value: int | float | None = None
    low: int | float | None = None
    high: int | float | None = None
    prompt_number: int | None = None

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compile_pattern(pattern)
        return pattern

    @field_validator("value", "low", "high")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        if value is not None and not abs(value) < 1e300:
            raise ValueError("it is a finite number")
        return value

    @model_validator(mode="after")
    def _complete(self) -> NumberOptions:
        if (self.take == "pattern") != (self.pattern is not None):
            raise ValueError("give a pattern exactly where take is pattern: it captures the number")
        if self.check in ("between", "outside"):
            if self.low is None or self.high is None or self.low > self.high:
                raise ValueError("a range needs low and high, low not above high")
            if self.value is not None or self.prompt_number is not None:
                raise ValueError("a range has low and high, and neither value nor prompt_number")
        elif self.low is not None or self.high is not None:
            raise ValueError("low and high belong to between and outside")
        elif self.check in ("whole", "not_whole"):
            if self.value is not None or self.prompt_number is not None:
                raise ValueError("whole and not_whole are compared with nothing: leave value and prompt_number out")
        elif (self.value is None) == (self.prompt_number is None):
            raise ValueError(
                "say what to compare with: a value, or a number of the prompt (prompt_number), and not both"
            )
        if self.prompt_number == 0:
            raise ValueError("prompt_number counts from 1, or from the end with -1")
        return self


@REGISTRY.register("number")
class NumberSignal(RuleSignal):
    kind = "number"
    Options: ClassVar = NumberOptions

    def __init__(self, name: str, options: NumberOptions, field: Field, says: str, evidence: str = "") -> None:
        super().__init__(name, field, says, evidence)
        if options.take == "final" and field != "answer":
            raise ValueError("Only the answer has a final answer: take first, last or pattern, or look in the answer.")
        self._options = options

    def find(self, x: SignalInput) -> Found | None:
        taken = self._taken(x)
        if taken is None:
            return None
        field, text, found = taken
        o, value = self._options, found.value
        said = f'the number "{quote(text, found.start, found.end)}" in the {field} is {WORDS[o.check]}'
        details = {"number": shown(value)}
        if o.check in ("whole", "not_whole"):
            holds = (value.denominator == 1) == (o.check == "whole")
        elif o.check in ("between", "outside"):
            low, high = _exact(o.low), _exact(o.high)
            holds = (low <= value <= high) == (o.check == "between")
            said += f" {shown(low)} and {shown(high)}"
        else:
            other = self._other(x)
            if other is None:
                return None
            holds = _compare(o.check, value, other)
            said += f" {shown(other)}" + (" of the prompt" if o.prompt_number is not None else "")
        return Found(said, found.start, field, details) if holds else None

    def _taken(self, x: SignalInput) -> tuple[str, str, Number] | None:
        if self._options.take == "final":
            text = text_of(x, "answer")
            said = final_answer(text)
            value = number(said) if said else None
            if said is None or value is None:
                return None
            start = max(0, text.rfind(said))
            return "answer", text, Number(value, start, start + len(said))
        for field, text in texts_of(x, self.field):
            found = self._captured(text) if self._options.take == "pattern" else numbers_in(text)
            if found:
                return field, text, found[0 if self._options.take != "last" else -1]
        return None

    def _captured(self, text: str) -> list[Number]:
        """The first number in the first group of the pattern's first match, or in the match where it has no group."""
        match = compile_pattern(self._options.pattern or "").search(text)
        if match is None:
            return []
        start, end = match.span(1 if match.re.groups and match.span(1)[0] >= 0 else 0)
        return [Number(n.value, start + n.start, start + n.end) for n in numbers_in(text[start:end])[:1]]

    def _other(self, x: SignalInput) -> Fraction | None:
        place = self._options.prompt_number
        if place is None:
            return _exact(self._options.value)
        given = numbers_in(text_of(x, "prompt"))
        index = place - 1 if place > 0 else place
        return given[index].value if -len(given) <= index < len(given) else None


def _exact(value: float | None) -> Fraction:
    """As it was written: 0.1 is one tenth."""
    return Fraction(str(value))


def _compare(check: str, left: Fraction, right: Fraction) -> bool:
    return {
        "below": left < right,
        "at_most": left <= right,
        "equal": left == right,
        "not_equal": left != right,
        "at_least": left >= right,
        "above": left > right,
    }[check]
