"""What goes to the server and comes from it when a program reviews, or runs the installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class NewRule:
    """``options`` are those of the kind; ``says`` is acceptable, faulty, or a label of the project."""

    name: str
    options: Mapping[str, Any]
    says: str
    kind: str = "pattern"
    field: str = "answer"
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``figures``: on how many of the newest answers it votes, and how often people agree; null just after a change."""

    id: int
    project_id: int
    name: str
    kind: str
    field: str
    options: dict[str, Any]
    says: str
    evidence: str
    enabled: bool
    figures: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class RuleTried:
    """Of ``tried`` newest answers it would vote on ``hits``; ``examples`` are what it would quote."""

    tried: int
    hits: int
    examples: list[str]
    errors: list[str]


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    role: str
    active: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """``off_why`` is the last error, where the server switched it off. The ``secret`` comes once, when it is made."""

    id: int
    project_id: int | None
    url: str
    events: list[str]
    active: bool
    off_why: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """An item held for the token's owner until ``deadline``. ``output`` is the answer to be judged, with steps and lessons."""

    assignment_id: int
    token: str = field(repr=False)
    deadline: str
    item_id: int
    external_id: str
    prompt: str
    context: str
    reference: str | None
    guidelines: str
    labels: list[str]
    blind: bool
    output: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decided:
    review_id: int
    correction_id: int | None
    verdict: str
    distil_job_id: int | None
