"""Paired answers with and without lessons: which items can be tried, what came of it, and what it says of each lesson."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lessons.prompt import without_reason
from core.reports.lesson_effect import LessonEffectReport, Trial, figures
from core.types import LessonKind, Verdict
from store import edit_suites, reviews
from store.reviews import is_current
from store.tables import Correction, Item, Lesson, LessonParent, LessonSource, LessonTrial, Output, Review

MOST = 20_000  # newest trials that a report is computed from
SAME_QUESTION = 200  # characters of a question by which an exemplar of the very same item is known


@dataclass(frozen=True, slots=True)
class Target:
    """What an item's answers are compared with: its ``reference``, else what people ``accepted``. It never enters a prompt."""

    text: str
    by: str


def decided(session: Session, project_id: int) -> list[int]:
    """Ids of the items that have a reference, an accepted answer or a person's rewrite, in their order."""
    accepted = (
        select(Output.item_id)
        .join(Review, Review.output_id == Output.id)
        .where(Review.verdict == Verdict.ACCEPTABLE, is_current(Review))
    )
    rewritten = (
        select(Output.item_id)
        .join(Correction, Correction.output_id == Output.id)
        .where(Correction.rewrite.is_not(None), is_current(Correction))
    )
    query = select(Item.id).where(
        Item.project_id == project_id,
        Item.reference.is_not(None) | Item.id.in_(accepted) | Item.id.in_(rewritten),
    )
    return list(session.scalars(query.order_by(Item.id)))


def draw(item_ids: Sequence[int], size: int, seed: int) -> list[int]:
    """``size`` of the items by a hash of seed and item: the same draw whenever it is made again, and blind to what is in them."""
    return sorted(item_ids, key=lambda id_: hashlib.sha256(f"trial:{seed}:{id_}".encode()).digest())[:size]


def target(session: Session, item: Item) -> Target | None:
    """``None`` where nothing was decided (any more)."""
    if item.reference is not None and item.reference.strip():
        return Target(item.reference, "reference")
    final = reviews.history(session, item.id).final
    return Target(without_reason(final), "accepted") if final is not None and final.strip() else None


def own_lessons(session: Session, item: Item) -> set[int]:
    """Lessons that this very item taught: drawn from its corrections, made from those, or an exemplar of its question.

    They are left out when the item is tried, so that what is measured carries over from other items.
    """
    sources = (
        select(LessonSource.lesson_id)
        .join(Correction, Correction.id == LessonSource.correction_id)
        .join(Output, Output.id == Correction.output_id)
        .where(Output.item_id == item.id)
    )
    found = set(session.scalars(sources))
    question = " ".join(item.prompt.split())[:SAME_QUESTION]
    twins = select(Lesson.id).where(
        Lesson.project_id == item.project_id,
        Lesson.kind == LessonKind.EXEMPLAR,
        Lesson.applicability.startswith(question, autoescape=True),
    )
    level = found = found | set(session.scalars(twins))
    while level:
        children = set(session.scalars(select(LessonParent.lesson_id).where(LessonParent.parent_id.in_(level))))
        level = children - found
        found = found | children
    return found


def add(session: Session, trial: LessonTrial) -> bool:
    """Keep a trial; false when one is there under its effect key."""
    if trial.effect_key is not None and known(session, [trial.effect_key]):
        return False
    session.add(trial)
    session.flush()
    return True


def known(session: Session, effect_keys: Sequence[str]) -> dict[str, LessonTrial]:
    """The trials that are there already, by effect key."""
    query = select(LessonTrial).where(LessonTrial.effect_key.in_(effect_keys))
    return {row.effect_key: row for row in session.scalars(query) if row.effect_key is not None}


def trials(session: Session, project_id: int, lesson_id: int | None = None, since: int = 0) -> list[Trial]:
    """The newest ``MOST`` as the report takes them, oldest first; of one lesson alone, from a revision on, where it is named."""
    query = select(
        LessonTrial.item_id,
        LessonTrial.lesson_id,
        LessonTrial.right_without,
        LessonTrial.right_with,
        LessonTrial.created_at,
    ).where(LessonTrial.project_id == project_id)
    if lesson_id is not None:
        query = query.where(
            LessonTrial.lesson_id == lesson_id, func.coalesce(LessonTrial.lesson_revision, since) >= since
        )
    rows = session.execute(query.order_by(LessonTrial.id.desc()).limit(MOST)).all()
    return [
        Trial(item, lesson, without, with_, made.date().isoformat()) for item, lesson, without, with_, made in rows
    ][::-1]


def report(session: Session, project_id: int) -> Mapping[str, Any]:
    """``LessonEffectReport`` of the project."""
    return LessonEffectReport().compute(trials(session, project_id))


def effect_of(session: Session, lesson: Lesson) -> dict[str, Any]:
    """Figures of one lesson in its present wording: answers with the memory beside answers with all of it but this lesson."""
    return figures(trials(session, lesson.project_id, lesson.id, edit_suites.wording_revision(session, lesson)))


def drawn_on(session: Session, project_id: int) -> Counter[int]:
    """In how many tried items' prompts each lesson was, whatever was tried."""
    query = select(LessonTrial.item_id, LessonTrial.lessons).where(
        LessonTrial.project_id == project_id, LessonTrial.lesson_id.is_(None)
    )
    rows = session.execute(query.order_by(LessonTrial.id.desc()).limit(MOST))
    return Counter(lesson for _, lesson in {(item, lesson) for item, ids in rows for lesson in ids})


def tried_count(session: Session, project_id: int, besides: str = "") -> Counter[int]:
    """How many trials each single lesson has, without those whose effect key begins with ``besides``."""
    query = (
        select(LessonTrial.lesson_id, func.count())
        .where(LessonTrial.project_id == project_id, LessonTrial.lesson_id.is_not(None))
        .group_by(LessonTrial.lesson_id)
    )
    if besides:
        key = func.coalesce(LessonTrial.effect_key, "")
        query = query.where(~key.startswith(besides, autoescape=True))
    return Counter({lesson: count for lesson, count in session.execute(query) if lesson is not None})


def reviews_since_last(session: Session, project_id: int) -> int:
    """How many reviews stand that were made after the newest trial of the whole memory; all of them before the first."""
    last = session.scalar(select(func.max(LessonTrial.created_at)).where(LessonTrial.project_id == project_id))
    query = (
        select(func.count(Review.id))
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, is_current(Review))
    )
    return session.scalar(query.where(Review.created_at > last) if last is not None else query) or 0
