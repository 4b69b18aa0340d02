"""Rolling a retraction back: what it held is as it was, unless another retraction holds it or a person decided since."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.types import LessonStatus
from core.webhooks import Event
from store import audit, webhooks
from store.clock import now
from store.lessons.forms import BadTransition, change, keep_revision
from store.lessons.retracting import locked_rows, reason
from store.lessons.selecting import remaining
from store.tables import (
    Correction,
    Export,
    Lesson,
    LessonParent,
    LessonRevision,
    Output,
    Retraction,
    RetractionEntry,
)
from store.withdrawn import held, parts


@dataclass(frozen=True, slots=True)
class Undone:
    """What came back. ``kept``: lessons that stay as they are, because another retraction holds them or a person decided since.

    ``turned_down``: proposals made while it stood. ``good``: exports that may be had again; ``stale``: those that lack what is back.
    """

    lessons: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    turned_down: list[int] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)


def get_retraction(session: Session, retraction_id: int) -> Retraction:
    """Raises ``LookupError``."""
    row = session.get(Retraction, retraction_id)
    if row is None:
        raise LookupError(f"there is no retraction {retraction_id}")
    return row


def retractions(session: Session, project_id: int, limit: int = 50) -> Sequence[Retraction]:
    """The newest first, with those that were undone."""
    query = select(Retraction).where(Retraction.project_id == project_id)
    return session.scalars(query.order_by(Retraction.id.desc()).limit(limit)).all()


def entries(session: Session, retraction_id: int) -> dict[str, list[int]]:
    """What a retraction holds, by kind (``lesson``, ``suspended``, ``correction``, ``review``, ``export``), ids in order."""
    query = select(RetractionEntry.kind, RetractionEntry.owner_id).where(RetractionEntry.retraction_id == retraction_id)
    found: dict[str, list[int]] = {kind: [] for kind in ("lesson", "suspended", "correction", "review", "export")}
    for kind, owner in session.execute(query.order_by(RetractionEntry.kind, RetractionEntry.owner_id)):
        found[kind].append(owner)
    return found


def undo(session: Session, retraction_id: int, user_id: int, why: str) -> Undone:
    """Bring back what it held, in this transaction; what is active again waits to be embedded (``store.vectors.missing``).

    Exports that it alone made stale are good again; those written while it stood lack what is back and are marked so. Raises
    ``BadTransition`` when it was undone already, ``ValueError`` without a reason, ``LookupError``.
    """
    why = reason(why)
    row = session.get(Retraction, retraction_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(f"there is no retraction {retraction_id}")
    if row.undone_at is not None:
        raise BadTransition("this retraction was undone already: reload the page to see how things stand")
    row.undone_at, row.undone_by, row.undone_why = now(), user_id, why
    session.flush()
    audit.record(session, "retraction.undo", "retraction", row.id, user_id=user_id, new={"why": why})
    said = f"retraction {row.id} was undone: {why}"
    back, kept = _lessons_back(session, row.id, user_id, said)
    turned_down = _turn_down(session, row.id, user_id, said)
    good, stale = _exports(session, row, user_id, why)
    session.flush()
    webhooks.emit(session, Event.RETRACTION_UNDONE, row.project_id, retraction_id=row.id, lessons=len(back))
    for export_id in stale:
        webhooks.emit(session, Event.EXPORT_STALE, row.project_id, export_id=export_id)
    return Undone(back, kept, turned_down, good, stale)


def _lessons_back(session: Session, retraction_id: int, user_id: int, why: str) -> tuple[list[int], list[int]]:
    query = select(RetractionEntry).where(
        RetractionEntry.retraction_id == retraction_id, RetractionEntry.kind.in_(("lesson", "suspended"))
    )
    held_here = {entry.owner_id: entry for entry in session.scalars(query)}
    rows = locked_rows(session, held_here)
    retracted, suspended = _held_of("lesson", session, held_here), _held_of("suspended", session, held_here)
    back, kept = [], []
    for lesson_id, lesson in rows.items():
        entry = held_here[lesson_id]
        expected = LessonStatus.RETRACTED if entry.kind == "lesson" else LessonStatus.SUSPENDED
        target = LessonStatus.SUSPENDED.value if lesson_id in suspended else entry.status_before
        if lesson.status != expected or lesson_id in retracted or target is None or target == lesson.status:
            kept.append(lesson_id)
            continue
        lesson.valid_to = None
        change(session, lesson, "lesson.restore", user_id, why, status=target)
        back.append(lesson_id)
    return back, kept


def _held_of(kind: str, session: Session, ids: Collection[int]) -> set[int]:
    """Those that a standing retraction still holds."""
    found: set[int] = set()
    for part in parts(sorted(ids)):
        found |= set(session.scalars(held(kind).where(RetractionEntry.owner_id.in_(part))))
    return found


def proposed_key(retraction_id: int) -> str:
    """What effect keys of the proposals begin with that took the place of what a retraction suspended."""
    return f"redistil:{retraction_id}:"


def _turn_down(session: Session, retraction_id: int, user_id: int, why: str) -> list[int]:
    """Proposals that stood in for what is back; those that a person accepted stay."""
    query = select(Lesson).where(
        Lesson.effect_key.startswith(proposed_key(retraction_id), autoescape=True),
        Lesson.status == LessonStatus.PROPOSED,
    )
    rows = list(session.scalars(query.order_by(Lesson.id).with_for_update()))
    for row in rows:
        change(session, row, "lesson.reject", user_id, why, status=LessonStatus.REJECTED.value)
    return [row.id for row in rows]


def _exports(session: Session, row: Retraction, user_id: int, why: str) -> tuple[list[int], list[int]]:
    """Exports that are good again, and those that were written while it stood."""
    mine = entries(session, row.id)["export"]
    still = _held_of("export", session, mine)
    good = []
    for part in parts([export_id for export_id in mine if export_id not in still]):
        ids = list(session.scalars(select(Export.id).where(Export.id.in_(part), Export.stale_why.is_not(None))))
        session.execute(update(Export).where(Export.id.in_(ids)).values(stale_why=None))
        good += ids
    query = select(Export.id).where(
        Export.project_id == row.project_id,
        Export.stale_why.is_(None),
        Export.created_at >= row.created_at,
        Export.id.not_in(mine[:30_000]),
    )
    meanwhile = list(session.scalars(query.order_by(Export.id)))
    message = f"It was written while retraction {row.id} stood, which is undone: what is back is not in it ({why})"
    session.execute(update(Export).where(Export.id.in_(meanwhile)).values(stale_why=message))
    for export_id in good:
        audit.record(session, "export.good", "export", export_id, user_id=user_id, new={"retraction": row.id})
    for export_id in meanwhile:
        audit.record(session, "export.stale", "export", export_id, user_id=user_id, new={"why": message})
    return good, meanwhile


def remaining_of(session: Session, lesson_id: int) -> dict[int, int]:
    """Corrections that a suspended lesson can be distilled from, with their items: its own and its parents' that still stand."""
    parents = session.scalars(select(LessonParent.parent_id).where(LessonParent.lesson_id == lesson_id))
    left = {one for found in remaining(session, [lesson_id, *parents]).values() for one in found}
    query = select(Correction.id, Output.item_id).join(Output, Output.id == Correction.output_id)
    return dict(session.execute(query.where(Correction.id.in_(left))).all())


def stands_by_itself(session: Session, retraction_id: int, lesson_id: int) -> None:
    """A suspended lesson says the same without what was taken back: it is what it was before, and the retraction lets go of it."""
    entry = session.get_one(RetractionEntry, (retraction_id, "suspended", lesson_id))
    (lesson,) = locked_rows(session, [lesson_id]).values()
    before = entry.status_before
    session.delete(entry)
    session.flush()
    if lesson_id in _held_of("suspended", session, [lesson_id]) or before is None:
        return
    why = "distilled anew without what was taken back, it says the same"
    change(session, lesson, "lesson.restore", None, why, status=before)
    session.flush()


def still_suspended(session: Session, lesson_id: int, why: str) -> None:
    """Say in a revision of its own why it stays suspended; once."""
    (lesson,) = locked_rows(session, [lesson_id]).values()
    last = select(LessonRevision.why).where(LessonRevision.lesson_id == lesson_id)
    if session.scalar(last.order_by(LessonRevision.revision.desc()).limit(1)) == why:
        return
    lesson.revision += 1
    lesson.updated_at = now()
    keep_revision(session, lesson, None, why)
    session.flush()
