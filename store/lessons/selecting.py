"""What a person means to take back: lessons, corrections and reviews, by where they came from, by words, or one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from core.types import LessonKind, LessonStatus
from store.tables import Correction, Item, Job, Lesson, LessonSource, Output, Review
from store.text import mentions
from store.withdrawn import held, parts


@dataclass(frozen=True, slots=True)
class Filter:
    """Everything that is given must hold at once; ids are taken besides. ``reviews``: what the same people decided goes too.

    ``author_id``, ``since`` (at or after), ``until`` (before), ``item_id``, ``output_id``, ``import_id`` (a job: items that were
    added while it ran) and ``said`` are of corrections; ``kind`` and ``text`` are of lessons.
    """

    lesson_ids: tuple[int, ...] = ()
    correction_ids: tuple[int, ...] = ()
    author_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    import_id: int | None = None
    item_id: int | None = None
    output_id: int | None = None
    said: str = ""
    kind: str | None = None
    text: str = ""
    reviews: bool = False

    def state(self) -> dict[str, Any]:
        """What is set, as JSON values."""
        told = {name: value for name, value in asdict(self).items() if value not in (None, "", (), False)}
        return {
            n: v.isoformat() if isinstance(v, datetime) else list(v) if n.endswith("_ids") else v
            for n, v in told.items()
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """Ids, each in order."""

    lessons: list[int] = field(default_factory=list)
    corrections: list[int] = field(default_factory=list)
    reviews: list[int] = field(default_factory=list)


def chosen(session: Session, project_id: int, wanted: Filter) -> Chosen:
    """What the filter finds in the project. Raises ``ValueError`` when it says nothing, ``LookupError`` for another project's ids.

    With conditions on lessons: those lessons, and of what they drew on what fits the other conditions. Without: the corrections that
    fit, and the lessons that rest on nothing else.
    """
    if not wanted.state().keys() - {"reviews"}:
        raise ValueError(
            "say what is to be taken back: choose a person, a time, an import, a lesson, or words to look for"
        )
    places, of_lessons = _places(session, project_id, wanted), _of_lessons(wanted)
    said = [*places, mentions(wanted.said, Correction.text)] if wanted.said else places
    lessons = set(_own_lessons(session, project_id, wanted.lesson_ids))
    corrections = set(_own_corrections(session, project_id, wanted.correction_ids)) | sources(session, lessons)
    if of_lessons:
        query = select(Lesson.id).where(
            Lesson.project_id == project_id, Lesson.status != LessonStatus.REJECTED, *of_lessons
        )
        if said:
            query = query.where(Lesson.id.in_(_drawing(project_id, said)))
        found = set(session.scalars(query))
        lessons |= found
        corrections |= sources(session, found, said)
    elif said:
        corrections |= set(session.scalars(_corrections(project_id, said)))
    if not of_lessons:
        lessons |= resting_on_nothing_else(session, corrections)
    reviews = _reviews(session, project_id, wanted, corrections, places) if wanted.reviews else []
    return Chosen(sorted(lessons), sorted(corrections), sorted(reviews))


def _places(session: Session, project_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """Conditions on a correction and its output and item."""
    found: list[ColumnElement[bool]] = []
    if wanted.author_id is not None:
        found.append(Correction.user_id == wanted.author_id)
    if wanted.since is not None:
        found.append(Correction.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(Correction.created_at < wanted.until)
    if wanted.item_id is not None:
        found.append(Item.id == wanted.item_id)
    if wanted.output_id is not None:
        found.append(Output.id == wanted.output_id)
    if wanted.import_id is not None:
        job = session.get(Job, wanted.import_id)
        if job is None or job.kind != "import" or job.project_id != project_id or job.started_at is None:
            raise LookupError(f"this project has no import {wanted.import_id}")
        found.append(Item.created_at >= job.started_at)
        if job.finished_at is not None:
            found.append(Item.created_at <= job.finished_at)
    return found


def _of_lessons(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kind is not None:
        found.append(Lesson.kind == LessonKind(wanted.kind).value)
    if wanted.text:
        found.append(mentions(wanted.text, Lesson.text, Lesson.applicability, Lesson.name))
    return found


def _corrections(project_id: int, conditions: Iterable[ColumnElement[bool]]) -> Any:
    return (
        select(Correction.id)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, *conditions)
    )


def _drawing(project_id: int, conditions: Iterable[ColumnElement[bool]]) -> Any:
    return select(LessonSource.lesson_id).where(LessonSource.correction_id.in_(_corrections(project_id, conditions)))


def _own_lessons(session: Session, project_id: int, ids: Collection[int]) -> list[int]:
    found = [i for part in parts(sorted(ids)) for i in session.scalars(_ids_of(project_id).where(Lesson.id.in_(part)))]
    if missing := set(ids) - set(found):
        raise LookupError(f"this project has no lesson {min(missing)}")
    return found


def _ids_of(project_id: int) -> Any:
    return select(Lesson.id).where(Lesson.project_id == project_id)


def _own_corrections(session: Session, project_id: int, ids: Collection[int]) -> list[int]:
    found = [
        i for part in parts(sorted(ids)) for i in session.scalars(_corrections(project_id, [Correction.id.in_(part)]))
    ]
    if missing := set(ids) - set(found):
        raise LookupError(f"this project has no correction {min(missing)}")
    return found


def sources(session: Session, lesson_ids: Collection[int], conditions: Iterable[ColumnElement[bool]] = ()) -> set[int]:
    """Corrections that these lessons drew on."""
    found: set[int] = set()
    for part in parts(sorted(lesson_ids)):
        query = select(LessonSource.correction_id).where(LessonSource.lesson_id.in_(part))
        if conditions:
            query = (
                query.join(Correction, Correction.id == LessonSource.correction_id)
                .join(Output, Output.id == Correction.output_id)
                .join(Item, Item.id == Output.item_id)
                .where(*conditions)
            )
        found |= set(session.scalars(query))
    return found


def drawing_on(session: Session, correction_ids: Collection[int]) -> set[int]:
    """Lessons that drew on any of these corrections."""
    found: set[int] = set()
    for part in parts(sorted(correction_ids)):
        found |= set(session.scalars(select(LessonSource.lesson_id).where(LessonSource.correction_id.in_(part))))
    return found


def remaining(session: Session, lesson_ids: Collection[int], gone: Collection[int] = ()) -> dict[int, list[int]]:
    """By lesson the corrections that it drew on, without ``gone`` and what was taken back already; lessons without any are left out."""
    left: dict[int, list[int]] = {}
    without = set(gone)
    for part in parts(sorted(lesson_ids)):
        query = select(LessonSource.lesson_id, LessonSource.correction_id).where(
            LessonSource.lesson_id.in_(part), LessonSource.correction_id.not_in(held("correction"))
        )
        for lesson, correction in session.execute(query.order_by(LessonSource.correction_id)):
            if correction not in without:
                left.setdefault(lesson, []).append(correction)
    return left


def resting_on_nothing_else(session: Session, corrections: Collection[int]) -> set[int]:
    """Lessons that drew on these corrections and on no other one that stands; those that were turned down are left alone."""
    touched = drawing_on(session, corrections)
    bare = touched - remaining(session, touched, corrections).keys()
    found: set[int] = set()
    for part in parts(sorted(bare)):
        found |= set(
            session.scalars(select(Lesson.id).where(Lesson.id.in_(part), Lesson.status != LessonStatus.REJECTED))
        )
    return found


def _reviews(
    session: Session, project_id: int, wanted: Filter, corrections: Collection[int], places: list[ColumnElement[bool]]
) -> set[int]:
    """Reviews by the author and in the time and place of the filter; else those by whom and of what the corrections are."""
    found: set[int] = set()
    if places and not (wanted.said or wanted.kind or wanted.text):
        conditions = _as_of_reviews(session, project_id, wanted)
        query = select(Review.id).join(Output, Output.id == Review.output_id).join(Item, Item.id == Output.item_id)
        found = set(session.scalars(query.where(Item.project_id == project_id, *conditions)))
    for part in parts(sorted(corrections)):
        same = and_(Correction.output_id == Review.output_id, Correction.user_id == Review.user_id)
        found |= set(session.scalars(select(Review.id).join(Correction, same).where(Correction.id.in_(part))))
    return found


def _as_of_reviews(session: Session, project_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """The same conditions with the reviewer and the time of the review in place of the correction's."""
    bare = Filter(import_id=wanted.import_id, item_id=wanted.item_id, output_id=wanted.output_id)
    found = _places(session, project_id, bare)
    if wanted.author_id is not None:
        found.append(Review.user_id == wanted.author_id)
    if wanted.since is not None:
        found.append(Review.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(Review.created_at < wanted.until)
    return found


def first_moment(session: Session, found: Chosen) -> datetime | None:
    """When the first of these corrections and reviews was given: what was exported before cannot hold them."""
    moments = []
    for part in parts(found.corrections):
        moments.append(session.scalar(select(func.min(Correction.created_at)).where(Correction.id.in_(part))))
    for part in parts(found.reviews):
        moments.append(session.scalar(select(func.min(Review.created_at)).where(Review.id.in_(part))))
    return min((moment for moment in moments if moment is not None), default=None)
