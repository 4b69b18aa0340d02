"""The records that an export writes, streamed a page of items at a time: plain columns, and a fixed number of statements a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Row, Select, any_, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from core.exporters.base import EXTRAS, ExportAttempt, ExportRecord, ExportRollout
from core.types import (
    CorrectionText,
    Critique,
    Dependency,
    ItemType,
    LessonKind,
    LessonStatus,
    LessonText,
    Question,
    Scope,
    StepLabel,
    Verdict,
)
from store import projects
from store.reviews import is_current
from store.tables import (
    Correction,
    Item,
    Lesson,
    LessonRevision,
    LessonSource,
    Output,
    Project,
    Retraction,
    Review,
    Rollout,
    Step,
)
from store.tables import Critique as CritiqueRow
from store.vectors import withdrawn_corrections

Columns = Row[*tuple[Any, ...]]
FILTERS = ("verdict", "since", "until")
PAGE = 1000  # items
LAYOUT = 2  # of half-written files; one of another is begun anew
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_SCOPES = {scope.value: scope for scope in Scope}
_DEPENDENCIES = {dependency.value: dependency for dependency in Dependency}
_LABELS: dict[int | None, StepLabel | None] = {None: None, **{int(label): label for label in StepLabel}}
_ITEM = (Item.id, Item.external_id, Item.prompt, Item.context, Item.reference)
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
_CORRECTIONS = select(
    Correction.output_id,
    Correction.id,
    Correction.text,
    Correction.scope,
    Correction.dependency,
    Correction.step_index,
    Correction.error_type,
    Correction.rewrite,
).where(is_current(Correction), Correction.id.not_in(withdrawn_corrections()))
_REVIEW = (Review.output_id, Review.id, Review.verdict, Review.first_wrong_step, Review.error_type, Review.answer_right)
_DETAILS = (Review.seconds, Review.step_labels, Review.alternatives, Review.created_at)


def records(
    session: Session,
    project_id: int,
    *,
    filters: Mapping[str, Any],
    after: int = 0,
    batch: int = PAGE,
    extras: Iterable[str] = (),
    steps: bool = True,
) -> Generator[ExportRecord]:
    """Items with a reviewed or corrected output, by item id from above ``after``, with those outputs in order.

    ``extras`` says what records hold besides, of ``core.exporters.base.EXTRAS``; each costs a statement or two a page. Without
    ``steps`` the texts of steps, what was said of single ones, times and ``meta`` are left out: most of the rows, and of the work.

    ``filters``: ``verdict`` keeps items of which an output was judged so; ``since`` and ``until`` (ISO 8601) bound the time
    of a review. What a retracted lesson drew on is left out. At most two pages of ``batch`` items are in memory. On PostgreSQL the
    next page is read while this one is used: the session is this generator's until it is closed. Raises ``ValueError``.
    """
    project = projects.get(session, project_id)
    wanted, more = _wanted(filters), frozenset(extras)
    if unknown := more - set(EXTRAS):
        raise ValueError(f"records have no {', '.join(sorted(unknown))}; only {', '.join(EXTRAS)}")
    pages = _pages(session, project, wanted, after, batch, more, steps)
    for page in _ahead(pages) if _is_postgresql(session) else pages:
        yield from page


def _pages(
    session: Session,
    project: Project,
    wanted: ColumnElement[bool],
    after: int,
    batch: int,
    more: frozenset[str],
    steps: bool,
) -> Iterator[list[ExportRecord]]:
    labels, item_type = tuple(project.labels), ItemType(project.item_type)
    page = select(*_ITEM, *((Item.meta,) if steps else ())).where(Item.project_id == project.id, wanted)
    page = page.order_by(Item.id).limit(batch)
    read = _all if steps else _raw  # without ``meta`` there are numbers and texts alone
    while items := read(session, page.where(Item.id > after)):
        ids = [item[0] for item in items]
        attempts = _attempts(session, ids, more, steps)
        others = _others(session, ids, attempts, more, steps) if "others" in more else {}
        lessons = _lessons(session, ids) if "lessons" in more else {}
        yield [
            _record(
                item, project.guidelines, item_type, labels, found, others.get(item[0], ()), lessons.get(item[0], ())
            )
            for item in items
            if (found := attempts.get(item[0]))
        ]
        after = ids[-1]


def _ahead(pages: Iterator[list[ExportRecord]]) -> Iterator[list[ExportRecord]]:
    """The same pages, the next one read by a thread meanwhile: a server works while we do."""
    with ThreadPoolExecutor(1, thread_name_prefix="export") as reader:
        following = reader.submit(next, pages, None)
        while (page := following.result()) is not None:
            following = reader.submit(next, pages, None)
            yield page


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def signature(session: Session) -> list[int]:
    """Numbers that change with every review, correction, answer, critique, rollout, lesson, item and retraction, of any project.

    A half-written file is taken up only where they are as they were when it was begun. Texts of items and of projects that are
    changed in place are not among them.
    """
    newest = (Review, Correction, Output, CritiqueRow, Rollout, LessonRevision, Item, Retraction)
    undone = select(func.count()).select_from(Retraction).where(Retraction.undone_at.is_not(None)).scalar_subquery()
    numbers = session.execute(select(*(_newest(table.id) for table in newest), undone)).one()
    return [LAYOUT, *(int(number or 0) for number in numbers)]


def _newest(key: Any) -> ColumnElement[int]:
    return select(func.max(key)).scalar_subquery()


def _wanted(filters: Mapping[str, Any]) -> ColumnElement[bool]:
    """One test within the other: from an item to its outputs to what was said of each, which no planner turns round."""
    conditions = review_filters(filters)[2:]
    said = exists().where(Review.output_id == Output.id, *conditions).correlate(Output)
    if not any(filters.values()):
        withdrawn = Correction.id.not_in(withdrawn_corrections())
        said = or_(said, exists().where(Correction.output_id == Output.id, withdrawn).correlate(Output))  # type: ignore[assignment]
    return exists().where(Output.item_id == Item.id, said).correlate(Item)


def review_filters(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Conditions on an item, its outputs and their current reviews. Raises ``ValueError`` on a filter that does not exist."""
    unknown = set(filters) - set(FILTERS)
    if unknown:
        raise ValueError(f"exports cannot be filtered by {', '.join(sorted(unknown))}; only by {', '.join(FILTERS)}")
    reviewed = [Output.item_id == Item.id, Review.output_id == Output.id, is_current(Review)]
    if filters.get("verdict"):
        reviewed.append(Review.verdict == Verdict(filters["verdict"]))
    if filters.get("since"):
        reviewed.append(Review.created_at >= moment(filters["since"]))
    if filters.get("until"):
        reviewed.append(Review.created_at < moment(filters["until"]))
    return reviewed


def moment(value: str) -> datetime:
    """A time in ISO 8601; in UTC where it names no zone. Raises ``ValueError``."""
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _record(
    item: Sequence[Any],
    guidelines: str,
    item_type: ItemType,
    labels: tuple[str, ...],
    attempts: Sequence[ExportAttempt],
    others: Sequence[ExportAttempt],
    lessons: Sequence[LessonText],
) -> ExportRecord:
    item_id, external_id, prompt, context, reference, *more = item
    question = Question(prompt, context, guidelines, item_type, labels, item_id)
    meta = more[0] if more else {}
    return ExportRecord(item_id, external_id, question, tuple(attempts), reference, meta, tuple(others), tuple(lessons))


def _attempts(
    session: Session, item_ids: Sequence[int], extras: frozenset[str], with_steps: bool
) -> dict[int, list[ExportAttempt]]:
    """Judged or corrected outputs of these items, in five statements and one for each of critiques and rollouts.

    Every statement names ids of an index, so that no database has a plan to choose.
    """
    corrections: dict[int, list[CorrectionText]] = defaultdict(list)
    reviews: dict[int, list[Columns]] = defaultdict(list)
    judgements = select(*_REVIEW, *(_DETAILS if with_steps else ())).where(is_current(Review))
    for ids in _parts(_output_ids(session, item_ids)):
        said = _raw(session, _CORRECTIONS.where(_among(session, Correction.output_id, ids)))
        for output_id, id, text, scope, dependency, step, kind, rewrite in sorted(said, key=_second):
            found = CorrectionText(id, text, _SCOPES[scope], _DEPENDENCIES[dependency], step, kind, rewrite)
            corrections[output_id].append(found)
        for row in sorted(_all(session, judgements.where(_among(session, Review.output_id, ids))), key=_second):
            reviews[row[0]].append(row)
    touched = sorted({*corrections, *reviews})
    return _read(session, touched, reviews, corrections, extras, with_steps)


_second = itemgetter(1)


def _among(session: Session, column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
    """``column IN ids`` with the ids as one value, so that the statement is the same text each time and is prepared once."""
    if _is_postgresql(session):
        found: ColumnElement[bool] = column == any_(literal(list(ids), ARRAY(BigInteger)))
        return found
    listed = func.json_each(orjson.dumps(list(ids)).decode()).table_valued("value")
    return column.in_(select(listed.c.value))  # type: ignore[no-any-return]


def _all(session: Session, query: Select[*tuple[Any, ...]]) -> Sequence[Columns]:
    """The rows of a query for plain columns, past the mapper."""
    return session.connection().execute(query).all()


def _raw(session: Session, query: Select[*tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
    """The rows of a query for numbers and texts alone, as the driver gives them: half the time of rows that know their columns."""
    result = session.connection().execute(query)
    rows: Sequence[Sequence[Any]] = result.cursor.fetchall()
    result.close()
    return rows


def _output_ids(session: Session, item_ids: Sequence[int]) -> list[int]:
    return sorted(row[0] for row in _raw(session, select(Output.id).where(_among(session, Output.item_id, item_ids))))


def _others(
    session: Session,
    item_ids: Sequence[int],
    attempts: Mapping[int, Sequence[ExportAttempt]],
    extras: frozenset[str],
    with_steps: bool,
) -> dict[int, list[ExportAttempt]]:
    """Outputs of these items that nobody judged or corrected."""
    judged = {attempt.output_id for found in attempts.values() for attempt in found}
    rest = [output_id for output_id in _output_ids(session, item_ids) if output_id not in judged]
    return _read(session, rest, {}, {}, extras, with_steps)


def _read(
    session: Session,
    output_ids: Sequence[int],
    reviews: Mapping[int, Sequence[Columns]],
    corrections: Mapping[int, Sequence[CorrectionText]],
    extras: frozenset[str],
    with_steps: bool,
) -> dict[int, list[ExportAttempt]]:
    """Attempts by item, with the steps of each and what else is asked for."""
    found: dict[int, list[ExportAttempt]] = defaultdict(list)
    for ids in _parts(output_ids):
        steps: dict[int, list[str]] = defaultdict(list)
        if with_steps:
            query = select(Step.output_id, Step.text).where(_among(session, Step.output_id, ids))
            for output_id, text in _raw(session, query.order_by(Step.output_id, Step.index)):
                steps[output_id].append(text)
        critiques = _critiques(session, ids) if "critiques" in extras else {}
        rollouts = _rollouts(session, ids) if "rollouts" in extras else {}
        for row in _raw(session, _OUTPUTS.where(_among(session, Output.id, ids))):
            key = row[1]
            attempt = _attempt(
                row,
                steps.get(key, ()),
                reviews.get(key, ()),
                corrections.get(key, ()),
                tuple(critiques.get(key, ())) if critiques else (),
                tuple(rollouts.get(key, ())) if rollouts else (),
            )
            found[row[0]].append(attempt)
    if len(output_ids) > PART:
        for attempts in found.values():
            attempts.sort(key=lambda attempt: (attempt.number, attempt.output_id))
    return found


PART = 10_000  # outputs of one statement: SQLite binds at most 32,766 values


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), PART):
        yield ids[start : start + PART]


def _critiques(session: Session, output_ids: Sequence[int]) -> dict[int, list[Critique]]:
    query = select(
        CritiqueRow.output_id,
        CritiqueRow.step_index,
        CritiqueRow.source,
        CritiqueRow.label,
        CritiqueRow.explanation,
        CritiqueRow.confidence,
        CritiqueRow.error_type,
    ).where(_among(session, CritiqueRow.output_id, output_ids))
    found: dict[int, list[Critique]] = defaultdict(list)
    for output_id, step, source, label, explanation, confidence, kind in session.execute(
        query.order_by(CritiqueRow.step_index, CritiqueRow.source)
    ):
        found[output_id].append(Critique(step, source, StepLabel(label), explanation, confidence, kind))
    return found


def _rollouts(session: Session, output_ids: Sequence[int]) -> dict[int, list[ExportRollout]]:
    query = select(Rollout.output_id, Rollout.prefix_steps, Rollout.text, Rollout.outcome, Rollout.sampler)
    found: dict[int, list[ExportRollout]] = defaultdict(list)
    for row in session.execute(query.where(_among(session, Rollout.output_id, output_ids)).order_by(Rollout.id)):
        found[row.output_id].append(ExportRollout(row.prefix_steps, row.text, row.outcome, row.sampler))
    return found


def _lessons(session: Session, item_ids: Sequence[int]) -> dict[int, list[LessonText]]:
    """Active lessons by the item whose corrections they drew on."""
    query = (
        select(Output.item_id, Lesson.id, Lesson.kind, Lesson.text, Lesson.applicability, Lesson.name)
        .join(LessonSource, LessonSource.lesson_id == Lesson.id)
        .join(Correction, Correction.id == LessonSource.correction_id)
        .join(Output, Output.id == Correction.output_id)
        .where(_among(session, Output.item_id, item_ids), Lesson.status == LessonStatus.ACTIVE)
        .order_by(Output.item_id, Lesson.id)
    )
    found: dict[int, list[LessonText]] = defaultdict(list)
    for item_id, id, kind, text, applicability, name in session.execute(query):
        lesson = LessonText(id, LessonKind(kind), text, applicability, name=name)
        if lesson not in found[item_id]:
            found[item_id].append(lesson)
    return found


def _attempt(
    output: Sequence[Any],
    steps: Sequence[str],
    reviews: Sequence[Columns],
    corrections: Sequence[CorrectionText],
    critiques: tuple[Critique, ...],
    rollouts: tuple[ExportRollout, ...],
) -> ExportAttempt:
    """Where several people judged an output, the newest review that is more than "cannot judge" speaks for it."""
    _, output_id, number, text, model, parent_id, origin, label = output
    judged = [review for review in reviews if review[2] != Verdict.CANNOT_JUDGE]
    told = judged[-1] if judged else reviews[-1] if reviews else None
    verdict = wrong = error_type = answer_right = seconds = created_at = None
    labels: Sequence[Any] = ()
    details: Sequence[Any] = ()
    if told is not None:
        _, _, verdict, wrong, error_type, answer_right, *details = told
        if details:
            seconds, labels, _, created_at = details
    return ExportAttempt(
        output_id,
        number,
        text,
        model,
        tuple(steps),
        _VERDICTS[verdict] if verdict else None,
        wrong,
        (*[_LABELS[label] for label in labels], *[None] * (len(steps) - len(labels))) if steps or labels else (),
        tuple(corrections),
        seconds,
        created_at.isoformat() if created_at else None,
        parent_id,
        origin,
        label,
        error_type,
        len(judged),
        sum(1 for other in judged if other[2] == verdict and other[3] == wrong),
        critiques,
        rollouts,
        answer_right,
        _alternatives(judged) if details else (),
        tuple((other[2], other[3]) for other in judged[:-1]) if len(judged) > 1 else (),
    )


def _alternatives(reviews: Sequence[Columns]) -> tuple[tuple[int, str, StepLabel | None], ...]:
    """What all who judged it would have written instead, by step; the same words once."""
    found = {(step, text): label for review in reviews for step, text, label in review[8]}
    by_step = sorted(found.items(), key=lambda one: one[0][0])
    return tuple((step, text, _LABELS[label]) for (step, text), label in by_step)
