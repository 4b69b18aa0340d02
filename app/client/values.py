"""What goes to the server and comes from it, as frozen values. Fields that a newer server adds are left out when reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def read(kind: type[T], body: Mapping[str, Any], **instead: Any) -> T:
    """A value of a JSON object; ``instead`` are fields that were read already."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**{name: value for name, value in body.items() if name in names}, **instead})


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt to be answered. ``reference`` is a gold answer, which no model ever sees."""

    external_id: str
    prompt: str
    context: str = ""
    reference: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """An answer of a model of yours, to an item named in exactly one of three ways.

    ``tokens`` are (text, natural log-probability) or (text, log-probability, entropy in nats); ``messages`` (role, content).
    ``lookup``: that of ``Retrieved``, where its lessons were in the prompt.
    """

    text: str
    model: str
    item: Item | None = None
    external_id: str | None = None
    item_id: int | None = None
    label: str | None = None
    lookup: int | None = None
    tokens: Sequence[tuple[Any, ...]] = ()
    messages: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    slug: str
    name: str
    item_type: str
    labels: list[str]
    guidelines: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ItemsPushed:
    """``ids`` are in the order of the items; ``job_id`` is the job that answers them, if that was asked for."""

    added: int
    updated: int
    unchanged: int
    ids: list[int]
    job_id: int | None = None


@dataclass(frozen=True, slots=True)
class PushedOutput:
    """``status`` is "added", or "unchanged" when the same model said the same of the item before."""

    id: int
    item_id: int
    status: str


@dataclass(frozen=True, slots=True)
class OutputsPushed:
    outputs: list[PushedOutput]
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said is wrong; ``rewrite`` is the answer as it should be. Steps count from 0."""

    id: int
    output_id: int
    text: str
    scope: str
    dependency: str
    step_index: int | None
    rewrite: str | None
    edits: list[Any]
    created_at: str


@dataclass(frozen=True, slots=True)
class Review:
    """``verdict`` is acceptable, faulty or cannot_judge; a later revision replaces ``replaces_id``."""

    id: int
    output_id: int
    item_id: int
    external_id: str
    verdict: str
    first_wrong_step: int | None
    step_labels: list[int | None]
    revision: int
    replaces_id: int | None
    created_at: str
    corrections: list[Correction]


@dataclass(frozen=True, slots=True)
class Lesson:
    """``slot`` and ``score`` are those of a retrieval, ``status`` that of a listing."""

    id: int
    kind: str
    text: str
    applicability: str
    revision: int
    name: str | None = None
    status: str | None = None
    slot: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """``prompt`` is the text to put before the model; empty when no lesson applies. ``lookup`` goes with the answer's ``Output``."""

    lessons: list[Lesson]
    prompt: str
    lookup: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """``state``: waiting, running, ready, stale or failed."""

    id: int
    project_id: int
    format: str
    state: str
    rows: int
    sha256: str | None
    stale: str | None
    error: str
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    kind: str
    state: str
    done: int
    total: int
    message: str
    result: dict[str, Any]
    error: str


@dataclass(frozen=True, slots=True)
class Import:
    """What became of the rows of a file so far; ``errors`` are (row from 1, why), the first ones of ``error_count``."""

    job: Job
    rows: int
    added: int
    updated: int
    unchanged: int
    images: int
    answers: int
    error_count: int
    errors: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """``type`` as ``review.submitted``; ``data`` holds ids. The same ``id`` may come twice."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next_cursor`` says where to go on, now or later."""

    data: list[T]
    next_cursor: str | None
    has_more: bool
