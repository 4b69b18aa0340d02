"""What an exporter takes and writes: one record per item with its attempts and corrections in, rows of one shape out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from core.registry import Registry
from core.types import CorrectionText, Critique, LessonText, Question, StepLabel, Verdict

EXTRAS = ("critiques", "rollouts", "others", "lessons")  # what a record holds only for the formats that ask for it


class Need(StrEnum):
    """What a project must have before a format can have rows; the value is how a page says it."""

    ACCEPTED = "an answer that was accepted or rewritten"
    FAULTY = "an answer that was judged faulty or corrected"
    JUDGED = "a judged answer"
    STEPS = "an answer with judged steps"
    FIRST_WRONG = "an answer with its first wrong step marked"
    WORDS = "a correction in words"
    REWRITE = "an answer that a person rewrote"
    RETRY = "a second attempt at an item"
    CRITIQUE = "a critic's explanation of a step"
    ROLLOUT = "a sampled continuation with a known outcome"
    LESSON = "an active lesson that came from a correction"
    OUTCOME = "an answer whose outcome is known, from a review or a reference"


@dataclass(frozen=True, slots=True)
class ExportRollout:
    """A continuation sampled after the first ``prefix_steps`` steps of an output; ``right`` is its outcome where one is known."""

    prefix_steps: int
    text: str
    right: bool | None = None
    sampler: str = ""


@dataclass(frozen=True, slots=True)
class ExportAttempt:
    """One reviewed or corrected output. ``step_labels`` has one entry per step, ``None`` where nobody judged it.

    ``answer_right`` is what a person said of the final answer alone: it may be right where a step is wrong. ``alternatives`` are
    (step, text, label or ``None``): what else could stand there, in a person's words.
    ``reviews`` people judged it, and ``agreeing`` of them with the verdict and first wrong step that stand here; ``earlier`` are
    the verdicts and first wrong steps of the others, oldest first.
    """

    output_id: int
    number: int
    text: str
    model: str
    steps: tuple[str, ...]
    verdict: Verdict | None = None
    first_wrong_step: int | None = None
    step_labels: tuple[StepLabel | None, ...] = ()
    corrections: tuple[CorrectionText, ...] = ()
    seconds: float | None = None
    reviewed_at: str | None = None  # ISO 8601
    parent_id: int | None = None
    origin: str = "generated"  # or "imported"
    label: str | None = None
    error_type: str | None = None
    reviews: int = 0
    agreeing: int = 0
    critiques: tuple[Critique, ...] = ()
    rollouts: tuple[ExportRollout, ...] = ()
    answer_right: bool | None = None
    alternatives: tuple[tuple[int, str, StepLabel | None], ...] = ()
    earlier: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """One item with everything that an export may need. ``reference`` is written only by formats that carry a ground truth.

    ``others`` are outputs that nobody judged, ``lessons`` the active ones that drew on the item's corrections.
    """

    item_id: int
    external_id: str
    question: Question
    attempts: tuple[ExportAttempt, ...]
    reference: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[ExportAttempt, ...] = ()
    lessons: tuple[LessonText, ...] = ()


class Exporter(Protocol):
    """A format. ``rows`` streams; ``read`` is its inverse as far as the format carries the record.

    ``needs`` is what a project must have for a row, ``extras`` what the records must hold beyond the judged attempts, ``dropped`` why
    rows that could have been are not there, counted while ``rows`` runs.

    ``local``: what a record gives depends on no other record, so that a file can be taken up between two. ``each`` then gives those
    rows in the records' order, and ``shows`` is what one of the first rows must hold (``core.exporters.writing.typed_first``);
    ``rows`` is both together. Without ``steps`` the records need no texts of steps.
    """

    name: str
    title: str
    schema_version: int
    readable: bool
    local: bool
    steps: bool
    dropped: Counter[str]

    @property
    def shows(self) -> tuple[Callable[[dict[str, Any]], bool], ...]: ...

    @property
    def needs(self) -> tuple[Need, ...]: ...

    @property
    def extras(self) -> frozenset[str]: ...

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]: ...

    def each(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]: ...

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The record that such a row describes; raises ``ValueError`` saying which field is wrong."""
        ...

    def carried(self, record: ExportRecord) -> ExportRecord:
        """What of a record its rows may carry for the way back (``core.exporters.carrying``): no reference, and no lesson or
        attempt for which the format has another rule."""
        ...


class Format:
    """What most formats share: schema 1, no extras, nothing dropped so far, and rows that go one way."""

    schema_version = 1
    needs: tuple[Need, ...] = ()
    extras: frozenset[str] = frozenset()
    readable = False
    local = steps = True
    shows: tuple[Callable[[dict[str, Any]], bool], ...] = ()
    name = title = ""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        raise NotImplementedError

    def each(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        return self.rows(records)

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        raise ValueError(
            f"{self.name} rows cannot be read back: the format leaves out what an item needs; export sft or prm800k"
        )

    def carried(self, record: ExportRecord) -> ExportRecord:
        return record if record.reference is None else replace(record, reference=None)


REGISTRY: Registry[Exporter] = Registry("exporter")
