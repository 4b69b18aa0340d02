"""Files of exported rows come back into a project: one way for the page's job and the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.importing import SHOWN_ERRORS, OnAnswers, empty_report
from core.exporters import reading
from core.exporters.base import ExportRecord
from core.item_types import REGISTRY as ITEM_TYPES
from core.projects import ProjectSettings
from core.steps import split
from core.table_files import RowError
from core.types import ItemType, Step
from store import exported, projects
from store.exported import Brought

BATCH = 200  # items of one transaction
OnAnswersIn = Callable[[Session], OnAnswers]


def bring_back(
    write: Callable[[], AbstractContextManager[Session]],
    path: Path,
    format: str,
    project_id: int,
    *,
    user_id: int | None,
    on_answers: OnAnswersIn,
    report: dict[str, Any] | None = None,
    on_batch: Callable[[Session, dict[str, Any]], None] | None = None,
    after_batch: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Import every item of the file that is not refused, a batch a transaction; what was refused is in the report with its row and why.

    ``report`` is of an import that stopped half-way and goes on. ``on_answers`` hears of answers that nobody judged, ``on_batch`` of
    the report, inside the transaction; ``after_batch`` hears of it outside. Raises ``ValueError`` where nothing of the file fits the
    project.
    """
    told = {
        **empty_report(),
        "format": format,
        "items": 0,
        "reviews": 0,
        "corrections": 0,
        "lessons": 0,
        **(report or {}),
    }
    begun = bool(told["rows"])
    errors: list[RowError] = []
    with reading.records(path, format, errors.append) as found:
        if not begun:
            told["rows"] = found.rows
            _note(told, errors)
        rest = found.each(told["items"])
        for batch in _batches(rest, told, write, on_batch):
            with write() as session:
                _keep(session, project_id, batch, told, user_id, on_answers(session))
                if on_batch is not None:
                    on_batch(session, told)
            if after_batch is not None:
                after_batch(told)
    return told


def kind_of(path: Path, format: str) -> tuple[ItemType, tuple[str, ...]]:
    """Item type and labels of the first item that can be read: what a project for the file needs. Raises ``ValueError``."""
    with reading.records(path, format, lambda _: None) as found:
        for one in found.each():
            if isinstance(one, ExportRecord):
                return one.question.item_type, one.question.labels
    raise ValueError(f"no row of {path.name} can be read as {format}")


def _batches(
    rest: Iterator[ExportRecord | RowError],
    told: dict[str, Any],
    write: Callable[[], AbstractContextManager[Session]],
    on_batch: Callable[[Session, dict[str, Any]], None] | None,
) -> Iterator[list[ExportRecord | RowError]]:
    """Items in lists of ``BATCH``; a file without any still has its report kept."""
    none = True
    while batch := list(islice(rest, BATCH)):
        none = False
        yield batch
    if none and on_batch is not None:
        with write() as session:
            on_batch(session, told)


def _keep(
    session: Session,
    project_id: int,
    batch: Sequence[ExportRecord | RowError],
    told: dict[str, Any],
    user_id: int | None,
    on_answers: OnAnswers,
) -> None:
    project, judge, as_steps = (
        projects.get(session, project_id),
        exported.account(session),
        _splitter(session, project_id),
    )
    brought, refused = Brought(), []
    first = next((one for one in batch if isinstance(one, ExportRecord)), None)
    if told["items"] == 0 and first is not None:
        exported.fit_project(session, project_id, first, user_id)
    for one in batch:
        if isinstance(one, RowError):
            refused.append(one)
            continue
        tried = replace(brought, unjudged=list(brought.unjudged))
        try:
            with session.begin_nested():
                exported.keep(session, project, one, judge=judge, split=as_steps, brought=tried)
        except (ValueError, LookupError, OverflowError, DataError) as problem:
            refused.append(RowError(0, f"item {one.external_id[:80]!r}: {problem}"))
        else:
            brought = tried
    told["items"] += len(batch)
    for name, count in brought.counts().items():
        told[name] += count
    _note(told, refused)
    if brought.unjudged:
        on_answers(brought.unjudged)


def _splitter(session: Session, project_id: int) -> Callable[[str], Sequence[Step]]:
    """How the project makes steps of an answer that came without."""
    project = projects.get(session, project_id)
    how = ProjectSettings.model_validate(project.settings).splitter
    return ITEM_TYPES.make(project.item_type).split if how == "auto" else lambda text: split(text, how)


def _note(told: dict[str, Any], errors: Sequence[RowError]) -> None:
    told["error_count"] += len(errors)
    said = [{"row": one.number, "message": one.message} for one in errors]
    told["errors"] = (told["errors"] + said)[:SHOWN_ERRORS]
