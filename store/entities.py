"""The entity memory of a project as it is at this moment: active lessons of the kind ``entity``, and what people decided on texts.

Nothing is kept beside the lessons table: a lesson that is taken back is out of the memory with its transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lessons.entities import Entity, from_lesson
from core.lessons.entity_corrector import EntityMemory
from core.types import LessonKind, Verdict
from store.lessons.reading import is_retrievable
from store.reviews.revisions import is_current
from store.tables import Correction, Item, Lesson, LessonSource, Output, Review
from store.withdrawn import held

MOST = 5000  # entities, the newest
DECIDED = 500  # texts, the newest, from which it is counted how often a span was put right or left


def known(session: Session, project_id: int, without: Collection[int] = ()) -> list[Entity]:
    """Those that may be used now, newest first; ``count`` is the number of corrections that stand behind each."""
    counted = (
        select(LessonSource.lesson_id, func.count().label("n"))
        .where(LessonSource.correction_id.not_in(held("correction")))
        .group_by(LessonSource.lesson_id)
        .subquery()
    )
    query = (
        select(Lesson.id, Lesson.text, Lesson.extra, func.coalesce(counted.c.n, 1))
        .outerjoin(counted, counted.c.lesson_id == Lesson.id)
        .where(Lesson.project_id == project_id, Lesson.kind == LessonKind.ENTITY.value, is_retrievable())
    )
    rows = session.execute(query.order_by(Lesson.id.desc()).limit(MOST))
    found = (from_lesson(text, extra, count=n, lesson_id=id_) for id_, text, extra, n in rows if id_ not in without)
    return [entity for entity in found if entity is not None]


def decided(session: Session, project_id: int, limit: int = DECIDED) -> list[tuple[str, str]]:
    """(text as it was, text as a person let it stand): rewrites that stand, and answers that were accepted."""
    of_project = select(Output.id).join(Item, Item.id == Output.item_id).where(Item.project_id == project_id)
    rewritten = (
        select(Output.text, Correction.rewrite)
        .join(Correction, Correction.output_id == Output.id)
        .where(Output.id.in_(of_project), Correction.rewrite.is_not(None), is_current(Correction))
        .where(Correction.id.not_in(held("correction")))
    )
    accepted = (
        select(Output.text)
        .join(Review, Review.output_id == Output.id)
        .where(Output.id.in_(of_project), Review.verdict == Verdict.ACCEPTABLE, is_current(Review))
    )
    fixed = session.execute(rewritten.order_by(Correction.id.desc()).limit(limit))
    left = session.scalars(accepted.order_by(Review.id.desc()).limit(limit))
    return [*((text, rewrite) for text, rewrite in fixed if rewrite is not None), *((text, text) for text in left)]


def memory(session: Session, project_id: int, entities: Sequence[Entity] | None = None) -> EntityMemory:
    """What corrects a transcript of the project, by its ``entities`` where they were read already; no text is read without any."""
    entities = known(session, project_id) if entities is None else entities
    return EntityMemory(entities, decided(session, project_id) if entities else ())
