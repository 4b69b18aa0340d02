"""A person's rule about how long a text is, in characters, words, sentences or steps (a labelling function of POLAR, paper 1).

Very short and very long answers are the cheapest sign of trouble there is; the bounds are a person's.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field as Bounded
from pydantic import model_validator

from core.signals._rule import Field, Found, Options, RuleSignal, text_of
from core.signals.base import REGISTRY, SignalInput
from core.steps import split


class LengthOptions(Options):
    """``check`` says whether the rule holds outside the bounds or within them; either bound may be left out."""

    of: Literal["characters", "words", "sentences", "steps"] = "words"
    at_least: int | None = Bounded(None, ge=0)
    at_most: int | None = Bounded(None, ge=0)
    check: Literal["outside", "within"] = "outside"

    @model_validator(mode="after")
    def _bounded(self) -> LengthOptions:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most, or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is not above at_most")
        return self


@REGISTRY.register("length")
class LengthSignal(RuleSignal):
    kind = "length"
    Options: ClassVar = LengthOptions

    def __init__(self, name: str, options: LengthOptions, field: Field, says: str, evidence: str = "") -> None:
        super().__init__(name, field, says, evidence)
        if field == "any":
            raise ValueError("Choose one text to measure: answer, prompt or context.")
        if options.of == "steps" and field != "answer":
            raise ValueError("Only the answer has steps: count words, or look in the answer.")
        self._options = options

    def find(self, x: SignalInput) -> Found | None:
        o, count = self._options, self._count(x)
        short = o.at_least is not None and count < o.at_least
        long = o.at_most is not None and count > o.at_most
        if (short or long) != (o.check == "outside"):
            return None
        bound = (
            f", fewer than {o.at_least}" if short else f", more than {o.at_most}" if long else ", as many as it should"
        )
        said = f"the {self.field} has {count:,} {o.of if count != 1 else o.of.removesuffix('s')}{bound}"
        return Found(said, None, self.field, {o.of: count})

    def _count(self, x: SignalInput) -> int:
        if self._options.of == "steps":
            return len(x.steps)
        text = text_of(x, self.field)
        if self._options.of == "characters":
            return len(text.strip())
        return len(text.split()) if self._options.of == "words" else len(split(text, "sentences"))
