"""A person's rule: an RE2 pattern that is found, or not found, in prompt, context or answer (a labelling function of POLAR, paper 1).

With ``absent`` the rule holds where the pattern is nowhere in the texts that it looks at, such as an answer without its unit.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from core.signals._rule import Field, Found, Options, RuleSignal, compile_pattern, quote, texts_of
from core.signals.base import REGISTRY, SignalInput


class PatternOptions(Options):
    """``pattern`` in RE2's syntax; ``absent`` turns the rule round."""

    pattern: str
    absent: bool = False

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern


@REGISTRY.register("pattern")
class PatternSignal(RuleSignal):
    kind = "pattern"
    Options: ClassVar = PatternOptions

    def __init__(self, name: str, options: PatternOptions, field: Field, says: str, evidence: str = "") -> None:
        super().__init__(name, field, says, evidence)
        self._compiled, self._options = compile_pattern(options.pattern), options

    def find(self, x: SignalInput) -> Found | None:
        texts = texts_of(x, self.field)
        for field, text in texts:
            if match := self._compiled.search(text):
                start, end = match.span()
                if self._options.absent:
                    return None
                return Found(f'found "{quote(text, start, end)}" in the {field}', start, field)
        if not self._options.absent:
            return None
        where = "prompt, context or answer" if self.field == "any" else f"the {self.field}"
        return Found(f'"{quote(self._options.pattern, 0)}" is not found in {where}', None, self.field)
