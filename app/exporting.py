"""Starting and writing an export: what page, API, the worker's job and the command share."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlalchemy.orm import Session

from core.exporters import REGISTRY
from core.exporters.base import Exporter, ExportRecord
from core.exporters.card import Source, card
from core.exporters.containers import DATA_FILE, SUFFIXES, Container
from core.exporters.lines import Checkpoint, LineFile
from core.exporters.writing import Manifest, write_export
from core.lessons import knowledge_base
from core.quality.gate import Choice, Gate
from core.quality.marking import Marked
from core.quality.rows import admitted
from core.types import JobPriority
from store import export_facts, export_records, exports, label_drivers
from store import knowledge_base as lesson_rows
from store.tables import Export, Project

_THRESHOLDS = gc.get_threshold()
_PREFERENCES = (
    "dpo",
    "dpo_llamafactory",
    "kto",
    "kto_llamafactory",
    "orpo",
    "cross_dpo",
    "orm",
)  # formats that rank answers
_SUPERVISED = ("sft", "sft_llamafactory")  # formats in which an answer is all there is to learn


@dataclass(frozen=True, slots=True)
class Gated:
    """What the quality gate decided of an export's rows, and how a card says it."""

    gate: Gate
    choice: Choice
    authors: Mapping[str, float]  # share of wrong steps
    summary: Mapping[str, Any] = field(default_factory=dict)


def container(name: str) -> Container:
    """The kind of file of that name; raises ``ValueError`` listing those that exist."""
    found = next((known for known in SUFFIXES if known == name), None)
    if found is None:
        raise ValueError(f"there is no kind of file {name!r}; there are: {', '.join(SUFFIXES)}")
    return found


def enqueue(
    session: Session, project_id: int, *, format: str, container: Container, filters: Mapping[str, Any], user_id: int
) -> Export:
    """The export's row and its job, in this transaction. Raises ``LookupError``, ``ValueError``."""
    from app.row_scoring import GATE, picks, pinned
    from app.worker import jobs

    if (gate := Gate.of(filters.get(GATE))) is not None:
        filters = {**picks(filters), GATE: pinned(session, project_id, gate).to_json()}
    if format == knowledge_base.FORMAT:
        whole(container, filters)
        version = knowledge_base.SCHEMA
    else:
        version = REGISTRY.make(format).schema_version
        fits(container, format)
    row = exports.add(session, project_id, format=format, schema_version=version, filters=filters, user_id=user_id)
    payload = {"export_id": row.id, "container": container, "scored": gate is not None and gate.asks_models}
    job = jobs.enqueue(session, "export", payload, priority=JobPriority.NORMAL, project_id=project_id, user_id=user_id)
    row.job_id = job.id
    session.flush()
    return row


def whole(container: Container, filters: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` where a knowledge base would be written otherwise than it can be."""
    if container != "jsonl" or any(filters.values()):
        raise ValueError("a knowledge base is written as JSON lines, whole: choose jsonl and no filters")


def fits(container: Container, format: str) -> None:
    """Raises ``ValueError`` where the rows of a format have no such file."""
    if container == "m2" and format != "edit_spans":
        raise ValueError("M2 holds edits: choose the format edit_spans, or another kind of file")


def write(
    session: Session,
    project: Project,
    path: Path,
    exporter: Exporter,
    *,
    filters: Mapping[str, Any],
    created_at: str,
    container: Container = "jsonl",
    on_row: Callable[[int], None] | None = None,
    taken_up: LineFile | None = None,
    on_checkpoint: Callable[[Callable[[], Checkpoint]], None] | None = None,
    gated: Gated | None = None,
) -> Manifest:
    """Stream the project's rows to ``path``, with what the format asks for beyond the judged answers.

    What ``taken_up`` holds already is not read again. With ``gated`` only what the quality gate let in, marked with its score.
    """
    from app.row_scoring import picks

    wanted = picks(filters)

    def described(manifest: Manifest) -> str:
        people = export_facts.people(session, project.id, wanted)
        gate = gated.summary if gated else None
        summary, limits = REGISTRY.get(exporter.name).summary, label_drivers.limits(session, project.id)
        source = Source(project.name, people, summary, manifest.dropped, gate, limits if rewards is not None else "")
        return card(manifest, exporter, source, DATA_FILE)

    after = taken_up.after if taken_up else 0
    found = export_records.records(
        session, project.id, filters=wanted, after=after, extras=exporter.extras, steps=exporter.steps
    )
    rewards = label_drivers.in_force(session, project.id) if exporter.name in _PREFERENCES else None
    if gated is not None or rewards is not None:
        marks, admit = (gated.choice.marks, _admitting(exporter, gated)) if gated else (None, None)
        exporter = cast(Exporter, Marked(exporter, marks, rewards, admit))
    with closing(found), _rare_collections():
        return write_export(
            path,
            exporter,
            _let_in(found, exporter, gated) if gated else found,
            filters=filters,
            licence=project.licence,
            created_at=created_at,
            on_row=on_row,
            container=container,
            card=described,
            taken_up=taken_up,
            on_checkpoint=on_checkpoint,
        )


def _admitting(exporter: Exporter, gated: Gated) -> Callable[[ExportRecord], ExportRecord] | None:
    """Paper 7: with a bound on the author's wrong steps, supervised formats also learn from answers whose outcome is wrong."""
    most = gated.gate.max_step_error
    if most is None or exporter.name not in _SUPERVISED:
        return None
    return lambda record: admitted(record, gated.authors, most)


def _let_in(records: Iterable[ExportRecord], exporter: Exporter, gated: Gated) -> Iterator[ExportRecord]:
    """The records that go in. What did not is counted once and at the end, so that a file that is taken up counts it once too."""
    yield from (record for record in records if record.item_id in gated.choice.marks)
    for why, count in gated.choice.dropped.items():
        exporter.dropped[why] = count


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Records are freed by their counts; looking for cycles among them every 700 objects took a fifth of the time."""
    gc.set_threshold(50_000, *_THRESHOLDS[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_THRESHOLDS)


def write_lessons(
    session: Session, project: Project, path: Path, *, created_at: str, on_row: Callable[[int], None] | None = None
) -> knowledge_base.Head:
    """Stream the project's lessons to ``path``: the format ``lessons``, whose first line is its manifest."""

    def rows() -> Iterator[knowledge_base.LessonRow]:
        for count, row in enumerate(lesson_rows.rows(session, project.id), 1):
            yield row
            if on_row is not None:
                on_row(count)

    about = {
        "project": project.name,
        "licence": project.licence,
        "created_at": created_at,
        "left_out": lesson_rows.left_out(session, project.id),
    }
    return knowledge_base.write(path, rows(), about)
