"""A person's rule about the form of an answer: it is JSON and fits a JSON schema, or it does not (a labelling function, paper 1).

What is checked, and what a schema may use, is ``core.checkers.json_schema``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field as Aliased
from pydantic import field_validator

from core.checkers.json_schema import JsonSchemaChecker, check_schema
from core.signals._rule import Field, Found, Options, RuleSignal, text_of
from core.signals.base import REGISTRY, SignalInput


class JsonSchemaOptions(Options):
    """``schema`` as JSON values; ``check`` says whether the rule holds where the answer fails it or where it passes."""

    schema_: dict[str, Any] = Aliased(alias="schema")
    check: Literal["fails", "passes"] = "fails"

    @field_validator("schema_")
    @classmethod
    def _usable(cls, schema: dict[str, Any]) -> dict[str, Any]:
        check_schema(schema)
        return schema


@REGISTRY.register("json_schema")
class JsonSchemaSignal(RuleSignal):
    kind = "json_schema"
    Options: ClassVar = JsonSchemaOptions

    def __init__(self, name: str, options: JsonSchemaOptions, field: Field, says: str, evidence: str = "") -> None:
        super().__init__(name, field, says, evidence)
        if field == "any":
            raise ValueError("Choose one text to read as JSON: answer, prompt or context.")
        self._options = options
        self._checker = JsonSchemaChecker(options.schema_, most=1)

    def find(self, x: SignalInput) -> Found | None:
        finding = self._checker.check(text_of(x, self.field))[0]
        if finding.ok != (self._options.check == "passes"):
            return None
        said = finding.message[:1].lower() + finding.message[1:].rstrip(".")
        return Found(f"the {self.field} {said}", None if finding.ok else finding.start, self.field)
