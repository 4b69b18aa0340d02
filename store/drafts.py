"""What people have typed and not submitted, by assignment and person: the last revision wins, and nothing is dropped.

A draft may be saved by whoever holds the slot or held it once: text that arrives after the lease went is kept as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import Assignment, AuditEvent, Draft
from store.text import clean
from store.upsert import insert


def save(session: Session, assignment_id: int, user_id: int, body: Mapping[str, Any], revision: int) -> int:
    """Keep ``body`` unless a later revision is there already; returns the revision that is kept.

    The page counts revisions. Raises ``PermissionError`` for somebody who never held the slot, ``LookupError`` without one.
    """
    _may_write(session, assignment_id, user_id)
    return _put(session, assignment_id, user_id, clean(dict(body)), revision, stale=False)


def _put(
    session: Session, assignment_id: int, user_id: int, body: dict[str, Any], revision: int, *, stale: bool
) -> int:
    new = insert(session, Draft).values(
        assignment_id=assignment_id, user_id=user_id, body=body, revision=revision, stale=stale, updated_at=now()
    )
    upsert = new.on_conflict_do_update(
        index_elements=[Draft.assignment_id, Draft.user_id],
        set_={name: new.excluded[name] for name in ("body", "revision", "stale", "updated_at")},
        where=Draft.revision <= new.excluded.revision,
    )
    session.execute(upsert)
    kept = load(session, assignment_id, user_id)
    return kept.revision if kept else revision


def _may_write(session: Session, assignment_id: int, user_id: int) -> None:
    row = session.execute(select(Assignment.holder_id).where(Assignment.id == assignment_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no assignment {assignment_id}")
    if row.holder_id != user_id and not _held_once(session, assignment_id, user_id):
        raise PermissionError("only who holds an item, or held it, can keep a draft of it")


def _held_once(session: Session, assignment_id: int, user_id: int) -> bool:
    claimed = exists().where(
        AuditEvent.subject == "assignment",
        AuditEvent.subject_id == assignment_id,
        AuditEvent.action == "queue.claim",
        AuditEvent.user_id == user_id,
    )
    return bool(session.scalar(select(claimed)))


def load(session: Session, assignment_id: int, user_id: int) -> Draft | None:
    """The draft as it was last kept."""
    query = select(Draft).where(Draft.assignment_id == assignment_id, Draft.user_id == user_id)
    return session.scalar(query.execution_options(populate_existing=True))


def of_user(session: Session, user_id: int, *, stale: bool | None = None) -> Sequence[Draft]:
    """A person's drafts, newest first; ``stale`` ones are texts whose claim was lost."""
    query = select(Draft).where(Draft.user_id == user_id).order_by(Draft.updated_at.desc(), Draft.id.desc())
    return session.scalars(query if stale is None else query.where(Draft.stale.is_(stale))).all()


def discard(session: Session, assignment_id: int, user_id: int) -> None:
    """Remove the draft, if there is one."""
    session.execute(delete(Draft).where(Draft.assignment_id == assignment_id, Draft.user_id == user_id))


def mark_stale(session: Session, assignment_id: int, user_id: int) -> None:
    """Say that the draft's claim was lost."""
    session.execute(
        update(Draft).where(Draft.assignment_id == assignment_id, Draft.user_id == user_id).values(stale=True)
    )


def keep_unsent(session: Session, assignment_id: int, user_id: int, unsent: Mapping[str, Any]) -> Draft:
    """Keep what was submitted with a lost token, under ``unsent`` of the draft's body, beside what was typed; the draft is stale."""
    draft = load(session, assignment_id, user_id)
    body = {**(draft.body if draft else {}), "unsent": clean(dict(unsent))}
    _put(session, assignment_id, user_id, body, draft.revision if draft else 0, stale=True)
    kept = load(session, assignment_id, user_id)
    assert kept is not None
    return kept
