"""Rules of all kinds as plain values: what a form, a table row or ``rules.yaml`` says, checked where it enters (POLAR, paper 1).

``rule_signal`` makes the signal of a rule. Every mistake is one sentence that names the key and says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic import Field as Bounded

from core.signals._rule import FIELDS, Field, Options, RuleSignal
from core.signals.base import REGISTRY
from core.signals.json_schema import JsonSchemaSignal
from core.signals.length import LengthSignal
from core.signals.number import NumberSignal
from core.signals.pattern import PatternSignal
from core.signals.unit import UnitSignal
from core.types import Verdict

Kind = Literal["pattern", "number", "unit", "json_schema", "length"]
_MAKERS: Mapping[str, Any] = {
    signal.kind: signal for signal in (PatternSignal, NumberSignal, UnitSignal, JsonSchemaSignal, LengthSignal)
}
KINDS: tuple[str, ...] = tuple(_MAKERS)
MAX_NAME, MAX_SAYS, MAX_EVIDENCE = 80, 200, 500


class RuleSpec(BaseModel):
    """One rule. ``options`` are those of its kind; ``says`` is acceptable, faulty, or a label; ``evidence`` is why, for reviewers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Bounded(min_length=1, max_length=MAX_NAME)
    kind: Kind = "pattern"
    field: Field = "answer"
    options: dict[str, Any]
    says: str = Bounded(min_length=1, max_length=MAX_SAYS)
    evidence: str = Bounded("", max_length=MAX_EVIDENCE)

    @field_validator("name", "says")
    @classmethod
    def _stripped(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("it must not be empty")
        return text.strip()

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in REGISTRY:
            raise ValueError(f"{name!r} is the name of a signal: its votes would replace each other; choose another")
        return name

    @model_validator(mode="after")
    def _works(self) -> RuleSpec:
        self.signal()
        return self

    def signal(self) -> RuleSignal:
        return rule_signal(self.kind, self.name, self.options, field=self.field, says=self.says, evidence=self.evidence)

    def check_says(self, labels: tuple[str, ...] | list[str]) -> None:
        """``ValueError`` when the rule says what is neither a verdict nor one of the project's labels."""
        if self.says not in (Verdict.ACCEPTABLE, Verdict.FAULTY, *labels):
            known = ", ".join(["acceptable", "faulty", *labels[:20]])
            raise ValueError(f"rule {self.name!r} says {self.says!r}, which means nothing here: it may say {known}")


def rule_signal(
    kind: str, name: str, options: Mapping[str, Any], *, field: str = "answer", says: str, evidence: str = ""
) -> RuleSignal:
    """The signal of a rule. Raises ``ValueError`` with a sentence when the kind, an option or their combination cannot work."""
    if kind not in _MAKERS:
        raise ValueError(f"there is no kind of rule {kind!r}; there are: {', '.join(KINDS)}")
    maker = _MAKERS[kind]
    try:
        checked = maker.Options.model_validate(dict(options))
    except ValidationError as problem:
        raise ValueError(explained(problem, maker.Options, "options.")) from None
    made: RuleSignal = maker(name, checked, field, says, evidence)
    return made


def spec(values: Mapping[str, Any]) -> RuleSpec:
    """A checked rule. Raises ``ValueError`` with one sentence that names the key."""
    try:
        return RuleSpec.model_validate(dict(values))
    except ValidationError as problem:
        raise ValueError(explained(problem, RuleSpec)) from None


def explained(problem: ValidationError, model: type[Options] | type[RuleSpec], prefix: str = "") -> str:
    """The first mistake as a sentence: which key, and what is wrong with it. An unknown name comes before a missing one."""
    found = problem.errors(include_url=False)
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    key = prefix + ".".join(str(part) for part in first["loc"])
    known = [info.alias or name for name, info in model.model_fields.items()]
    match first["type"]:
        case "extra_forbidden":
            return f"{key} is not known; there are: {', '.join(known)}"
        case "missing":
            return f"{key} is missing"
        case "value_error":
            said = str(first["ctx"]["error"])
            return f"{key}: {said}" if first["loc"] else said
        case "literal_error":
            return f"{key} is {first['input']!r}, but may be {first['ctx']['expected']}"
    return f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}, not {str(first['input'])[:60]!r}"


__all__ = ["FIELDS", "KINDS", "RuleSpec", "explained", "rule_signal", "spec"]
