"""A person's rule about the unit of the answer's quantity: it has, or does not have, an expected unit or dimension (paper 1).

Units and dimensions are those of ``core.units``; another word, such as "apples" or "km/h", is looked for as it is written, in
singular or plural. It abstains where the answer has no number to look at.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field as Bounded
from pydantic import model_validator

from core.signals._quantity import Quantity, final_quantity, quantities
from core.signals._rule import Field, Found, Options, RuleSignal, quote, texts_of
from core.signals.base import REGISTRY, SignalInput
from core.units import unit

Dimension = Literal["length", "mass", "volume", "time", "money", "angle"]


class UnitOptions(Options):
    """``unit`` or ``dimension``; ``check`` says whether the rule holds where it is missing or where it is there.

    ``where``: "final" looks at the final answer's quantity, "anywhere" at every number of the text.
    """

    unit: str | None = Bounded(None, min_length=1, max_length=40)
    dimension: Dimension | None = None
    check: Literal["missing", "there"] = "missing"
    where: Literal["final", "anywhere"] = "final"

    @model_validator(mode="after")
    def _one(self) -> UnitOptions:
        if (self.unit is None) == (self.dimension is None):
            raise ValueError("give a unit, such as km, or a dimension, such as length, and not both")
        return self


@REGISTRY.register("unit")
class UnitSignal(RuleSignal):
    kind = "unit"
    Options: ClassVar = UnitOptions

    def __init__(self, name: str, options: UnitOptions, field: Field, says: str, evidence: str = "") -> None:
        super().__init__(name, field, says, evidence)
        if options.where == "final" and field != "answer":
            raise ValueError("Only the answer has a final answer: look anywhere, or in the answer.")
        self._options = options

    def find(self, x: SignalInput) -> Found | None:
        seen = self._seen(x)
        if not seen:
            return None
        there = next(((f, t, q) for f, t, q in seen if self._matches(q)), None)
        if self._options.check == "there":
            return None if there is None else _found(*there, "has the unit that the rule looks for")
        if there is not None:
            return None
        field, text, q = seen[-1]
        wanted = self._options.unit or f"a unit of {self._options.dimension}"
        has = f'has "{q.beside}"' if q.beside else "has no unit"
        return _found(field, text, q, f"{has}, not {wanted}")

    def _seen(self, x: SignalInput) -> list[tuple[str, str, Quantity]]:
        texts = texts_of(x, self.field)
        if self._options.where == "anywhere":
            return [(field, text, q) for field, text in texts for q in quantities(text)]
        field, text = texts[0]
        q = final_quantity(text)
        return [] if q is None else [(field, text, q)]

    def _matches(self, q: Quantity) -> bool:
        if self._options.dimension is not None:
            return q.family == self._options.dimension
        return same_unit(self._options.unit or "", q)


def same_unit(wanted: str, q: Quantity) -> bool:
    """Whether a quantity is in the unit: "km" and "kilometres" are one, "apples" and "apple" too."""
    known = unit(wanted)
    if known is not None:
        return (q.family, q.unit) == known
    return _singular(wanted) in (_singular(q.beside), _singular(q.unit or ""))


def _singular(words: str) -> str:
    return "".join(words.casefold().split()).removesuffix("s")


def _found(field: str, text: str, q: Quantity, said: str) -> Found:
    return Found(f'"{quote(text, q.start, q.end)}" in the {field} {said}', q.start, field, {"unit": q.unit or q.beside})
