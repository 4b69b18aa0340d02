"""What is known of lessons: lists, one with its lineage, and those that may go into a prompt now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from core.lessons.retrieve import LessonVotes
from core.types import LessonDraft, LessonKind, LessonStatus, LessonText
from store.clock import now
from store.tables import Correction, Lesson, LessonParent, LessonRevision, LessonSource, Output, Retrieval
from store.text import mentions


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a lesson came from and where it went."""

    sources: list[Correction]
    parents: list[Lesson]
    children: list[Lesson]
    used_in: list[Output]
    revisions: list[LessonRevision]


def by_effect(session: Session, key: str) -> int | None:
    """The lesson that was proposed under an effect key (``KEY:NUMBER``), whatever became of it."""
    return session.scalar(select(Lesson.id).where(Lesson.effect_key == key))


def get(session: Session, lesson_id: int) -> Lesson:
    """Raises ``LookupError``."""
    lesson = session.get(Lesson, lesson_id)
    if lesson is None:
        raise LookupError(f"there is no lesson {lesson_id}")
    return lesson


def page(
    session: Session,
    project_id: int,
    *,
    status: str | None = None,
    kind: str | None = None,
    text: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> Sequence[Lesson]:
    """Lessons, newest first; ``after`` is the id of the last one of the page before; ``text`` is found in any case."""
    query = select(Lesson).where(Lesson.project_id == project_id).order_by(Lesson.id.desc()).limit(limit)
    if status is not None:
        query = query.where(Lesson.status == status)
    if kind is not None:
        query = query.where(Lesson.kind == kind)
    if after is not None:
        query = query.where(Lesson.id < after)
    if text:
        query = query.where(mentions(text, Lesson.text, Lesson.applicability, Lesson.name))
    return session.scalars(query).all()


def any_active(session: Session, project_id: int, kind: LessonKind | None = None) -> bool:
    """Whether the project has a lesson that could be retrieved: what is asked before anything is embedded."""
    query = select(Lesson.id).where(Lesson.project_id == project_id, Lesson.status == LessonStatus.ACTIVE).limit(1)
    return session.scalar(query if kind is None else query.where(Lesson.kind == kind)) is not None


def recent(session: Session, project_id: int, limit: int = 5) -> Sequence[Lesson]:
    """The lessons that changed last."""
    query = select(Lesson).where(Lesson.project_id == project_id)
    return session.scalars(query.order_by(Lesson.updated_at.desc(), Lesson.id.desc()).limit(limit)).all()


def standing(session: Session, project_id: int, limit: int) -> list[tuple[int, LessonDraft]]:
    """The newest lessons that are active or proposed, by id, as a distiller compares its drafts with them."""
    query = select(Lesson.id, Lesson.kind, Lesson.text, Lesson.name, Lesson.extra).where(
        Lesson.project_id == project_id, Lesson.status.in_((LessonStatus.ACTIVE, LessonStatus.PROPOSED))
    )
    rows = session.execute(query.order_by(Lesson.id.desc()).limit(limit))
    return [
        (id_, LessonDraft(LessonKind(kind), text, "", (), name, extra=extra)) for id_, kind, text, name, extra in rows
    ]


def lineage(session: Session, lesson_id: int) -> Lineage:
    """Sources, relatives, the outputs that had it in their prompt (newest first) and its revisions (oldest first)."""
    get(session, lesson_id)
    sources = (
        select(Correction)
        .join(LessonSource, LessonSource.correction_id == Correction.id)
        .where(LessonSource.lesson_id == lesson_id)
        .order_by(Correction.id)
    )
    parents = select(Lesson).join(LessonParent, LessonParent.parent_id == Lesson.id)
    children = select(Lesson).join(LessonParent, LessonParent.lesson_id == Lesson.id)
    used_in = select(Output).join(Retrieval, Retrieval.output_id == Output.id).where(Retrieval.lesson_id == lesson_id)
    revisions = select(LessonRevision).where(LessonRevision.lesson_id == lesson_id)
    return Lineage(
        sources=list(session.scalars(sources)),
        parents=list(session.scalars(parents.where(LessonParent.lesson_id == lesson_id).order_by(Lesson.id))),
        children=list(session.scalars(children.where(LessonParent.parent_id == lesson_id).order_by(Lesson.id))),
        used_in=list(session.scalars(used_in.order_by(Output.id.desc()).limit(100))),
        revisions=list(session.scalars(revisions.order_by(LessonRevision.revision))),
    )


def is_retrievable() -> ColumnElement[bool]:
    """Active and valid at this moment: the last word before a prompt."""
    moment = now()
    return and_(
        Lesson.status == LessonStatus.ACTIVE,
        or_(Lesson.valid_from.is_(None), Lesson.valid_from <= moment),
        or_(Lesson.valid_to.is_(None), Lesson.valid_to > moment),
    )


def active_texts(session: Session, ids: Sequence[int]) -> Mapping[int, LessonText]:
    """Those of the lessons that may go into a prompt now, by id. Ask just before the prompt is made."""
    query = select(Lesson).where(Lesson.id.in_(ids), is_retrievable()).execution_options(populate_existing=True)
    return {
        row.id: LessonText(row.id, LessonKind(row.kind), row.text, row.applicability, name=row.name)
        for row in session.scalars(query)
    }


def votes_of(session: Session, ids: Sequence[int]) -> dict[int, LessonVotes]:
    """How often people said of each lesson that it was of use, and that it did not belong."""
    query = select(Lesson.id, Lesson.used, Lesson.not_relevant).where(Lesson.id.in_(ids))
    return {lesson_id: LessonVotes(used, not_relevant) for lesson_id, used, not_relevant in session.execute(query)}


def revisions_of(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """The present revision number of each lesson."""
    return dict(session.execute(select(Lesson.id, Lesson.revision).where(Lesson.id.in_(ids))).all())
