"""Rows of a person's file become items and outputs of a project, a batch at a time: one way for the page's job and the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.worker.asking import subject_of
from core.importing import ColumnMapping, NewRow, columns, guess_mapping
from core.table_files import Format, RowError
from core.types import ItemType
from store import images, items, outputs, projects
from store.items import NewItem
from store.outputs import NewOutput
from store.text import digest

BATCH = 1000  # rows of one transaction, or fewer:
BATCH_WEIGHT = 20_000_000  # characters and bytes of pictures, as each row may have several million
ANSWERS = 500  # that are judged by one job
SHOWN_ERRORS = 200
OnAnswers = Callable[[list[int]], None]  # ids of the outputs that a batch brought, inside its transaction


def empty_report() -> dict[str, Any]:
    """Counts of an import that has read nothing; ``errors`` are ``{"row": from 1, "message": what to do}``, the first ones."""
    counts = dict.fromkeys(("rows", "added", "updated", "unchanged", "images", "answers", "error_count"), 0)
    return {**counts, "errors": []}


def mapping_for(path: Path, given: Mapping[str, Any], format: Format | None = None) -> ColumnMapping:
    """The mapping that was given, role -> column (``meta``: columns), or a guess from the column names when none was.

    Raises ``ValueError`` saying what to do.
    """
    roles = {role: value for role, value in given.items() if value}
    unknown = set(roles) - set(ColumnMapping.__dataclass_fields__)
    if unknown or (roles and "prompt" not in roles):
        known = ", ".join(ColumnMapping.__dataclass_fields__)
        wrong = f"No such role: {', '.join(sorted(unknown))}. " if unknown else ""
        raise ValueError(f"{wrong}Say which column holds the prompt; known roles: {known}.")
    if roles:
        return ColumnMapping(**{**roles, "meta": tuple(roles.get("meta") or ())})
    return guessed_mapping(path, format)


def guessed_mapping(path: Path, format: Format | None = None) -> ColumnMapping:
    """Raises ``ValueError`` when no column looks like a prompt."""
    guessed = guess_mapping(columns(path, format))
    if guessed is None:
        raise ValueError("No column looks like a prompt. Say which column holds it.")
    return guessed


def batches(rows: Iterator[NewRow | RowError]) -> Iterator[list[NewRow | RowError]]:
    """Rows in lists of ``BATCH``, or fewer where they are heavy."""
    batch: list[NewRow | RowError] = []
    weight = 0
    for row in rows:
        batch.append(row)
        weight += _weight(row)
        if len(batch) >= BATCH or weight >= BATCH_WEIGHT:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(row: NewRow | RowError) -> int:
    if isinstance(row, RowError):
        return 0
    pictures = sum(len(picture.data) for picture in row.images or ())
    return len(row.prompt) + len(row.context) + len(row.answer or "") + pictures


def keep_batch(
    session: Session,
    project_id: int,
    batch: Sequence[NewRow | RowError],
    report: dict[str, Any],
    on_answers: OnAnswers,
) -> None:
    """Store what is good of a batch and add it to the report, all in the caller's transaction."""
    good = [row for row in batch if isinstance(row, NewRow)]
    if projects.get(session, project_id).item_type == ItemType.ASR_TRANSCRIPT:
        good = [_recognised(row) for row in good]
    bad = [{"row": row.number, "message": row.message} for row in batch if isinstance(row, RowError)]
    rows = [NewItem(row.external_id, row.prompt, row.context, row.reference, row.meta) for row in good]
    added = items.add_many(session, project_id, rows)
    for item_id, row in zip(added.ids, good, strict=True):
        if row.images is not None and images.put(session, item_id, row.images):
            report["images"] += len(row.images)
    new_ids = _keep_answers(session, list(zip(added.ids, good, strict=True)))
    for start in range(0, len(new_ids), ANSWERS):
        on_answers(new_ids[start : start + ANSWERS])
    for name in ("added", "updated", "unchanged"):
        report[name] += getattr(added, name)
    report["rows"] += len(batch)
    report["answers"] += len(new_ids)
    report["error_count"] += len(bad)
    report["errors"] = (report["errors"] + bad)[:SHOWN_ERRORS]


def _recognised(row: NewRow) -> NewRow:
    """A transcript that came without an answer has one: what the recogniser thought best is what people put right."""
    known = row.answer is not None or row.label is not None
    return row if known else replace(row, answer=row.prompt, model=row.model or "recogniser")


def _keep_answers(session: Session, pairs: Sequence[tuple[int, NewRow]]) -> list[int]:
    """Existing model outputs as outputs of their items; ids of those that were not there yet."""
    answered = {
        _key(item_id, row): (item_id, row) for item_id, row in pairs if row.answer is not None or row.label is not None
    }
    there = outputs.by_effect(session, list(answered))
    made = []
    for key, (item_id, row) in answered.items():
        if key in there:
            continue
        subject = subject_of(session, item_id)
        text = row.answer if row.answer is not None else row.label or ""
        said = row.label or text.strip()
        new = NewOutput(
            item_id=item_id,
            text=text,
            model=row.model or "imported",
            origin="imported",
            label=said if said in subject.question.labels else None,
            effect_key=key,
            steps=subject.split(text),
        )
        made.append(outputs.add(session, new).id)
    return made


def _key(item_id: int, row: NewRow) -> str:
    """By content, so that a file that is imported again adds no answer twice."""
    return f"import:item:{item_id}:{digest(row.model or '', row.label or '', row.answer or '')}"
