"""Lessons: proposed from corrections, accepted by people, retrieved while active, and withdrawn with all that hangs on them.

The lesson row is the present form; every form it ever had is a ``LessonRevision``. Whatever changes what search may find
puts an entry in the index feed in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from core.lessons.retrieve import LessonVotes
from core.types import LessonDraft, LessonKind, LessonStatus, LessonText
from store import audit, vectors
from store.clock import now
from store.tables import Correction, Export, Lesson, LessonParent, LessonRevision, LessonSource, Output, Retrieval
from store.text import clean


class BadTransition(ValueError):
    """A lesson cannot go from its present status to the one asked for."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a lesson came from and where it went."""

    sources: list[Correction]
    parents: list[Lesson]
    children: list[Lesson]
    used_in: list[Output]
    revisions: list[LessonRevision]


def propose(
    session: Session,
    project_id: int,
    drafts: Sequence[LessonDraft],
    *,
    author_id: int | None,
    effect_key: str | None = None,
    parents: Iterable[int] = (),
) -> list[int]:
    """Keep what a distiller proposes; returns the ids in order. Proposing again under one effect key returns the first ids."""
    ids = []
    for number, draft in enumerate(drafts):
        key = f"{effect_key}:{number}" if effect_key is not None else None
        known = by_effect(session, key) if key is not None else None
        ids.append(known or _new(session, project_id, draft, author_id=author_id, key=key, parents=parents).id)
    return ids


def by_effect(session: Session, key: str) -> int | None:
    """The lesson that was proposed under an effect key (``KEY:NUMBER``), whatever became of it."""
    return session.scalar(select(Lesson.id).where(Lesson.effect_key == key))


def _new(
    session: Session,
    project_id: int,
    draft: LessonDraft,
    *,
    author_id: int | None,
    key: str | None,
    parents: Iterable[int],
) -> Lesson:
    lesson = Lesson(
        project_id=project_id,
        kind=LessonKind(draft.kind).value,
        name=draft.name,
        text=_wording(draft.text),
        applicability=_wording(draft.applicability),
        why=clean(draft.why),
        extra=clean(dict(draft.extra)),
        author_id=author_id,
        effect_key=key,
    )
    session.add(lesson)
    session.flush()
    session.add_all(LessonSource(lesson_id=lesson.id, correction_id=id_) for id_ in set(draft.source_corrections))
    session.add_all(LessonParent(lesson_id=lesson.id, parent_id=id_) for id_ in set(parents))
    _keep_revision(session, lesson, author_id, draft.why)
    audit.record(session, "lesson.propose", "lesson", lesson.id, user_id=author_id, new={"kind": lesson.kind})
    return lesson


def _wording(text: str) -> str:
    kept = clean(text).strip()
    if not kept:
        raise ValueError("a lesson says something, and says when it applies")
    return kept


def _keep_revision(session: Session, lesson: Lesson, author_id: int | None, why: str) -> None:
    session.add(
        LessonRevision(
            lesson_id=lesson.id,
            revision=lesson.revision,
            text=lesson.text,
            applicability=lesson.applicability,
            status=lesson.status,
            author_id=author_id,
            why=clean(why),
        )
    )
    session.flush()


def get(session: Session, lesson_id: int) -> Lesson:
    """Raises ``LookupError``."""
    lesson = session.get(Lesson, lesson_id)
    if lesson is None:
        raise LookupError(f"there is no lesson {lesson_id}")
    return lesson


def _locked(session: Session, lesson_id: int, *allowed: LessonStatus) -> Lesson:
    lesson = session.get(Lesson, lesson_id, with_for_update=True, populate_existing=True)
    if lesson is None:
        raise LookupError(f"there is no lesson {lesson_id}")
    if lesson.status not in allowed:
        raise BadTransition(f"this lesson is {lesson.status} by now: reload the page to see it as it stands")
    return lesson


def _change(
    session: Session, lesson: Lesson, action: str, user_id: int | None, why: str = "", **changes: str | None
) -> None:
    """Give a lesson a new form: row, revision and audit together."""
    changed = {name: value for name, value in changes.items() if value is not None and value != getattr(lesson, name)}
    if not changed:
        return
    old = {name: getattr(lesson, name) for name in changed}
    for name, value in changed.items():
        setattr(lesson, name, value)
    lesson.revision += 1
    lesson.updated_at = now()
    _keep_revision(session, lesson, user_id, why)
    new: dict[str, Any] = {**changed, "why": why} if why else dict(changed)
    audit.record(session, action, "lesson", lesson.id, user_id=user_id, old=old, new=new)


def accept(
    session: Session,
    lesson_id: int,
    user_id: int,
    *,
    text: str | None = None,
    applicability: str | None = None,
    kind: str | None = None,
) -> Lesson:
    """Make a proposed or suspended lesson active, with the person's wording if they changed it. Raises ``BadTransition``.

    It is retrieved once its vector is there (``store.vectors.missing``).
    """
    lesson = _locked(session, lesson_id, LessonStatus.PROPOSED, LessonStatus.SUSPENDED)
    lesson.valid_from, lesson.valid_to = now(), None
    _change(
        session,
        lesson,
        "lesson.accept",
        user_id,
        status=LessonStatus.ACTIVE.value,
        text=_wording(text) if text is not None else None,
        applicability=_wording(applicability) if applicability is not None else None,
        kind=LessonKind(kind).value if kind is not None else None,
    )
    return lesson


def reject(session: Session, lesson_id: int, user_id: int, why: str = "") -> Lesson:
    """Turn a proposed lesson down. Raises ``BadTransition``."""
    lesson = _locked(session, lesson_id, LessonStatus.PROPOSED)
    _change(session, lesson, "lesson.reject", user_id, why, status=LessonStatus.REJECTED.value)
    return lesson


def edit(
    session: Session,
    lesson_id: int,
    user_id: int,
    *,
    text: str | None = None,
    applicability: str | None = None,
    why: str = "",
) -> Lesson:
    """A new revision of a proposed, active or suspended lesson. A changed applicability is out of search until it is embedded anew."""
    lesson = _locked(session, lesson_id, LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)
    before = lesson.applicability
    _change(
        session,
        lesson,
        "lesson.edit",
        user_id,
        why,
        text=_wording(text) if text is not None else None,
        applicability=_wording(applicability) if applicability is not None else None,
    )
    if lesson.applicability != before:
        vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])
    return lesson


def retract(session: Session, lesson_id: int, user_id: int | None, why: str) -> list[int]:
    """Withdraw a lesson and all that drew on it, in this transaction; returns the ids of the lessons that were suspended.

    Its vector goes, and so do those of its corrections, which new exports leave out; exports that may hold them are marked
    stale; lessons made from it are suspended, however far down. Raises ``BadTransition`` when it is retracted already.
    """
    lesson = _locked(
        session, lesson_id, LessonStatus.ACTIVE, LessonStatus.SUSPENDED, LessonStatus.PROPOSED, LessonStatus.REJECTED
    )
    why = _reason(why)
    lesson.valid_to = now()
    _change(session, lesson, "lesson.retract", user_id, why, status=LessonStatus.RETRACTED.value)
    vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])
    corrections = select(LessonSource.correction_id).where(LessonSource.lesson_id == lesson_id)
    vectors.remove(session, lesson.project_id, "correction", "correction", list(session.scalars(corrections)))
    suspended = [child.id for child in _descendants(session, lesson_id) if _suspend(session, child, lesson, user_id)]
    stale = _exports_with(session, lesson)
    message = f"Lesson {lesson_id} was retracted: {why}"
    session.execute(update(Export).where(Export.id.in_(stale), Export.stale_why.is_(None)).values(stale_why=message))
    for export_id in stale:
        audit.record(session, "export.stale", "export", export_id, user_id=user_id, new={"why": message})
    session.flush()
    return suspended


def _reason(why: str) -> str:
    kept = clean(why).strip()
    if not kept:
        raise ValueError("say in a few words why it is withdrawn")
    return kept


def _descendants(session: Session, lesson_id: int) -> list[Lesson]:
    """Lessons made from this one, from those, and so on; locked."""
    seen: dict[int, Lesson] = {}
    level = [lesson_id]
    while level:
        query = (
            select(Lesson)
            .join(LessonParent, LessonParent.lesson_id == Lesson.id)
            .where(LessonParent.parent_id.in_(level))
            .order_by(Lesson.id)
            .with_for_update(of=Lesson)
            .execution_options(populate_existing=True)
        )
        found = {lesson.id: lesson for lesson in session.scalars(query) if lesson.id not in seen}
        found.pop(lesson_id, None)
        seen |= found
        level = list(found)
    return list(seen.values())


def _suspend(session: Session, child: Lesson, cause: Lesson, user_id: int | None) -> bool:
    if child.status not in (LessonStatus.ACTIVE, LessonStatus.PROPOSED):
        return False
    why = f"it was made from lesson {cause.id}, which was retracted"
    _change(session, child, "lesson.suspend", user_id, why, status=LessonStatus.SUSPENDED.value)
    vectors.remove(session, child.project_id, child.kind, "lesson", [child.id])
    return True


def _exports_with(session: Session, lesson: Lesson) -> list[int]:
    """Exports of the project that may hold a correction the lesson drew on, or an answer that had it in its prompt.

    Those still being written are among them: they may have read it already.
    """
    written = (
        select(func.min(Correction.created_at))
        .join(LessonSource, LessonSource.correction_id == Correction.id)
        .where(LessonSource.lesson_id == lesson.id)
    )
    used = select(func.min(Retrieval.created_at)).where(Retrieval.lesson_id == lesson.id)
    moments = [moment for moment in (session.scalar(written), session.scalar(used)) if moment is not None]
    if not moments:
        return []
    query = select(Export.id).where(
        Export.project_id == lesson.project_id,
        or_(Export.finished_at.is_(None), Export.finished_at >= min(moments)),
        Export.stale_why.is_(None),
    )
    return list(session.scalars(query.order_by(Export.id)))


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
        fields = (Lesson.text, Lesson.applicability, Lesson.name)
        query = query.where(or_(*(column.icontains(clean(text), autoescape=True) for column in fields)))
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


def support(session: Session, lesson_id: int, corrections: Iterable[int], user_id: int | None) -> None:
    """Further corrections say what this lesson says already: they become its sources too."""
    known = set(session.scalars(select(LessonSource.correction_id).where(LessonSource.lesson_id == lesson_id)))
    new = sorted(set(corrections) - known)
    if new:
        session.add_all(LessonSource(lesson_id=lesson_id, correction_id=id_) for id_ in new)
        audit.record(session, "lesson.support", "lesson", lesson_id, user_id=user_id, new={"corrections": new})
        session.flush()


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
