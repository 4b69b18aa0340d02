"""Exports: what was written to which file, and the records to write, streamed a batch of items at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, or_, select
from sqlalchemy.orm import Session

from core.exporters.base import EXTRAS, ExportAttempt, ExportRecord, ExportRollout
from core.types import Critique, LessonKind, LessonStatus, LessonText, StepLabel, Verdict
from store import audit, projects
from store.clock import now
from store.outputs import question_of
from store.reviews import as_text, is_current
from store.tables import Correction, Export, Item, Lesson, LessonSource, Output, Project, Review, Rollout, Step
from store.tables import Critique as CritiqueRow
from store.vectors import withdrawn_corrections

FILTERS = ("verdict", "since", "until")


def records(
    session: Session,
    project_id: int,
    *,
    filters: Mapping[str, Any],
    after: int = 0,
    batch: int = 200,
    extras: Iterable[str] = (),
) -> Iterator[ExportRecord]:
    """Items with a reviewed or corrected output, by item id from above ``after``, with those outputs in order.

    ``extras`` says what records hold besides, of ``core.exporters.base.EXTRAS``; each costs a statement or two a batch.

    ``filters``: ``verdict`` keeps items of which an output was judged so; ``since`` and ``until`` (ISO 8601) bound the time
    of a review. What a retracted lesson drew on is left out. At most ``batch`` items are in memory. Raises ``ValueError``.
    """
    project = projects.get(session, project_id)
    wanted, more = _wanted(filters), frozenset(extras)
    if unknown := more - set(EXTRAS):
        raise ValueError(f"records have no {', '.join(sorted(unknown))}; only {', '.join(EXTRAS)}")
    while True:
        query = select(Item).where(Item.project_id == project_id, Item.id > after, wanted)
        items = session.scalars(query.order_by(Item.id).limit(batch)).all()
        if not items:
            return
        ids = [item.id for item in items]
        attempts = _attempts(session, ids, more)
        others = _others(session, ids, attempts, more) if "others" in more else {}
        lessons = _lessons(session, ids) if "lessons" in more else {}
        for item in items:
            if attempts[item.id]:
                yield _record(item, project, attempts[item.id], others.get(item.id, ()), lessons.get(item.id, ()))
            session.expunge(item)
        after = items[-1].id


def _wanted(filters: Mapping[str, Any]) -> ColumnElement[bool]:
    reviewed = exists().where(*review_filters(filters))
    if any(filters.values()):
        return reviewed
    corrected = exists().where(
        Output.item_id == Item.id, Correction.output_id == Output.id, Correction.id.not_in(withdrawn_corrections())
    )
    return or_(reviewed, corrected)


def review_filters(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Conditions on an item, its outputs and their current reviews. Raises ``ValueError`` on a filter that does not exist."""
    unknown = set(filters) - set(FILTERS)
    if unknown:
        raise ValueError(f"exports cannot be filtered by {', '.join(sorted(unknown))}; only by {', '.join(FILTERS)}")
    reviewed = [Output.item_id == Item.id, Review.output_id == Output.id, is_current(Review)]
    if filters.get("verdict"):
        reviewed.append(Review.verdict == Verdict(filters["verdict"]))
    if filters.get("since"):
        reviewed.append(Review.created_at >= _moment(filters["since"]))
    if filters.get("until"):
        reviewed.append(Review.created_at < _moment(filters["until"]))
    return reviewed


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _record(
    item: Item,
    project: Project,
    attempts: Sequence[ExportAttempt],
    others: Sequence[ExportAttempt],
    lessons: Sequence[LessonText],
) -> ExportRecord:
    return ExportRecord(
        item_id=item.id,
        external_id=item.external_id,
        question=question_of(item, project),
        attempts=tuple(attempts),
        reference=item.reference,
        meta=item.meta,
        others=tuple(others),
        lessons=tuple(lessons),
    )


def _attempts(session: Session, item_ids: Sequence[int], extras: frozenset[str]) -> dict[int, list[ExportAttempt]]:
    """Judged or corrected outputs of these items, in four statements and one for each of critiques and rollouts."""
    corrections = _by_output(
        session.scalars(
            select(Correction)
            .join(Output, Output.id == Correction.output_id)
            .where(Output.item_id.in_(item_ids), is_current(Correction), Correction.id.not_in(withdrawn_corrections()))
            .order_by(Correction.id)
        )
    )
    reviews = _by_output(
        session.scalars(
            select(Review)
            .join(Output, Output.id == Review.output_id)
            .where(Output.item_id.in_(item_ids), is_current(Review))
            .order_by(Review.id)
        )
    )
    touched = sorted(set(corrections) | set(reviews))
    return _read(session, touched, _OUTPUTS.where(Output.id.in_(touched)), reviews, corrections, extras)


_OUTPUTS = select(
    Output.item_id,
    Output.id,
    Output.attempt,
    Output.text,
    Output.model,
    Output.parent_id,
    Output.origin,
    Output.label,
).order_by(Output.attempt, Output.id)


def _others(
    session: Session, item_ids: Sequence[int], attempts: Mapping[int, Sequence[ExportAttempt]], extras: frozenset[str]
) -> dict[int, list[ExportAttempt]]:
    """Outputs of these items that nobody judged or corrected."""
    judged = {attempt.output_id for found in attempts.values() for attempt in found}
    known = session.scalars(select(Output.id).where(Output.item_id.in_(item_ids)).order_by(Output.id))
    rest = [output_id for output_id in known if output_id not in judged]
    return _read(session, rest, _OUTPUTS.where(Output.id.in_(rest)), {}, {}, extras)


def _read(
    session: Session,
    output_ids: Sequence[int],
    rows: Select[*tuple[Any, ...]],
    reviews: Mapping[int, Sequence[Review]],
    corrections: Mapping[int, Sequence[Correction]],
    extras: frozenset[str],
) -> dict[int, list[ExportAttempt]]:
    """Attempts by item, with the steps of each and what else is asked for."""
    steps: dict[int, list[str]] = defaultdict(list)
    lines = select(Step.output_id, Step.text).where(Step.output_id.in_(output_ids)).order_by(Step.output_id, Step.index)
    for output_id, text in session.execute(lines):
        steps[output_id].append(text)
    critiques = _critiques(session, output_ids) if "critiques" in extras else {}
    rollouts = _rollouts(session, output_ids) if "rollouts" in extras else {}
    found: dict[int, list[ExportAttempt]] = defaultdict(list)
    for row in session.execute(rows):
        attempt = _attempt(row, steps[row.id], reviews.get(row.id, []), corrections.get(row.id, []))
        more = replace(attempt, critiques=tuple(critiques.get(row.id, ())), rollouts=tuple(rollouts.get(row.id, ())))
        found[row.item_id].append(more if critiques or rollouts else attempt)
    return found


def _critiques(session: Session, output_ids: Sequence[int]) -> dict[int, list[Critique]]:
    query = select(CritiqueRow).where(CritiqueRow.output_id.in_(output_ids))
    found: dict[int, list[Critique]] = defaultdict(list)
    for row in session.scalars(query.order_by(CritiqueRow.step_index, CritiqueRow.source)):
        said = Critique(
            row.step_index, row.source, StepLabel(row.label), row.explanation, row.confidence, row.error_type
        )
        found[row.output_id].append(said)
    return found


def _rollouts(session: Session, output_ids: Sequence[int]) -> dict[int, list[ExportRollout]]:
    query = select(Rollout.output_id, Rollout.prefix_steps, Rollout.text, Rollout.outcome, Rollout.sampler)
    found: dict[int, list[ExportRollout]] = defaultdict(list)
    for row in session.execute(query.where(Rollout.output_id.in_(output_ids)).order_by(Rollout.id)):
        found[row.output_id].append(ExportRollout(row.prefix_steps, row.text, row.outcome, row.sampler))
    return found


def _lessons(session: Session, item_ids: Sequence[int]) -> dict[int, list[LessonText]]:
    """Active lessons by the item whose corrections they drew on."""
    query = (
        select(Output.item_id, Lesson)
        .join(LessonSource, LessonSource.lesson_id == Lesson.id)
        .join(Correction, Correction.id == LessonSource.correction_id)
        .join(Output, Output.id == Correction.output_id)
        .where(Output.item_id.in_(item_ids), Lesson.status == LessonStatus.ACTIVE)
        .order_by(Output.item_id, Lesson.id)
    )
    found: dict[int, list[LessonText]] = defaultdict(list)
    for item_id, row in session.execute(query):
        text = LessonText(row.id, LessonKind(row.kind), row.text, row.applicability, name=row.name)
        if text not in found[item_id]:
            found[item_id].append(text)
    return found


def _by_output(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.output_id].append(row)
    return found


def _attempt(
    output: Row[*tuple[Any, ...]], steps: Sequence[str], reviews: Sequence[Review], corrections: Sequence[Correction]
) -> ExportAttempt:
    """Where several people judged an output, the newest review that is more than "cannot judge" speaks for it."""
    judged = [review for review in reviews if review.verdict != Verdict.CANNOT_JUDGE]
    review = judged[-1] if judged else reviews[-1] if reviews else None
    agreeing = [
        other
        for other in judged
        if review is not None and (other.verdict, other.first_wrong_step) == (review.verdict, review.first_wrong_step)
    ]
    labels = list(review.step_labels) if review else []
    labels += [None] * (len(steps) - len(labels))
    return ExportAttempt(
        output_id=output.id,
        number=output.attempt,
        text=output.text,
        model=output.model,
        steps=tuple(steps),
        verdict=Verdict(review.verdict) if review else None,
        first_wrong_step=review.first_wrong_step if review else None,
        step_labels=tuple(None if label is None else StepLabel(label) for label in labels),
        corrections=tuple(as_text(row) for row in corrections),
        seconds=review.seconds if review else None,
        reviewed_at=review.created_at.isoformat() if review else None,
        parent_id=output.parent_id,
        origin=output.origin,
        label=output.label,
        error_type=review.error_type if review else None,
        reviews=len(judged),
        agreeing=len(agreeing),
        answer_right=review.answer_right if review else None,
        alternatives=_alternatives(judged),
    )


def _alternatives(reviews: Sequence[Review]) -> tuple[tuple[int, str, StepLabel | None], ...]:
    """What all who judged it would have written instead, by step; the same words once."""
    found = {(step, text): label for review in reviews for step, text, label in review.alternatives}
    by_step = sorted(found.items(), key=lambda one: one[0][0])
    return tuple((step, text, None if label is None else StepLabel(label)) for (step, text), label in by_step)


def add(
    session: Session,
    project_id: int,
    *,
    format: str,
    schema_version: int,
    filters: Mapping[str, Any],
    user_id: int | None,
    job_id: int | None = None,
) -> Export:
    """An export that is to be written. Raises ``ValueError`` on a filter that does not exist."""
    _wanted(filters)
    export = Export(
        project_id=project_id,
        format=format,
        schema_version=schema_version,
        filters=dict(filters),
        created_by=user_id,
        job_id=job_id,
    )
    session.add(export)
    session.flush()
    audit.record(session, "export.add", "export", export.id, user_id=user_id, new={"format": format})
    return export


def finish(session: Session, export_id: int, *, path: str, rows: int, sha256: str) -> Export:
    """The file is written: where it is, how many rows it has, and the hash of them."""
    export = get(session, export_id)
    export.path, export.rows, export.sha256, export.finished_at = path, rows, sha256, now()
    session.flush()
    return export


def get(session: Session, export_id: int) -> Export:
    """As it stands now: ask just before a download, which ``stale_why`` forbids. Raises ``LookupError``."""
    export = session.get(Export, export_id, populate_existing=True)
    if export is None:
        raise LookupError(f"there is no export {export_id}")
    return export


def list_all(session: Session, project_id: int, limit: int = 50) -> Sequence[Export]:
    """The newest first."""
    query = select(Export).where(Export.project_id == project_id)
    return session.scalars(query.order_by(Export.id.desc()).limit(limit)).all()
