"""The states of a slot, as they are stored, and the conditions on them that claims and counters share."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Select, and_, select, true
from sqlalchemy.orm import Session, aliased

from core.types import AssignmentState
from store import projects
from store.clock import now
from store.tables import Assignment, Decline, Project, Queue

OPEN, CLAIMED, SUBMITTED, SET_ASIDE, PASSED = (
    AssignmentState.OPEN.value,
    AssignmentState.CLAIMED.value,
    AssignmentState.SUBMITTED.value,
    AssignmentState.SET_ASIDE.value,
    AssignmentState.PASSED.value,
)

NOBODYS: Mapping[str, None] = dict.fromkeys(
    ("holder_id", "token", "deadline", "claimed_at")
)  # of a slot in nobody's hands

_mine = Assignment.__table__.alias("mine")
_refused = Assignment.__table__.alias("refused")


def expired() -> ColumnElement[bool]:
    """Leases that ran out; nobody has taken the slot since."""
    return and_(Assignment.state == CLAIMED, Assignment.deadline <= now())


def touched(queue_id: int, user_id: int) -> Select[int]:
    """Items of which the person holds or finished a slot."""
    return select(_mine.c.item_id).where(_mine.c.queue_id == queue_id, _mine.c.holder_id == user_id)


def declined(queue_id: int, user_id: int) -> Select[int]:
    """Items that the person skipped for good or flagged."""
    return (
        select(_refused.c.item_id)
        .join(Decline, Decline.assignment_id == _refused.c.id)
        .where(Decline.user_id == user_id, Decline.kind != "later", _refused.c.queue_id == queue_id)
    )


def untouched(queue_id: int, user_id: int) -> ColumnElement[bool]:
    """That the slot in question is of none of the items of ``touched``: one look into an index, however much the person has done."""
    return _none(_mine.c.queue_id == queue_id, _mine.c.item_id == Assignment.item_id, _mine.c.holder_id == user_id)


def undeclined(queue_id: int, user_id: int) -> ColumnElement[bool]:
    """That it is of none of the items of ``declined``."""
    theirs = (Decline.user_id == user_id, Decline.kind != "later", Decline.assignment_id == _refused.c.id)
    return _none(_refused.c.queue_id == queue_id, _refused.c.item_id == Assignment.item_id, *theirs)


def _none(*such: ColumnElement[bool]) -> ColumnElement[bool]:
    """No row of these. PostgreSQL turns NOT EXISTS into a join and then sorts all slots; this it asks of one slot after another."""
    return select(true()).where(*such).limit(1).scalar_subquery().is_not(true())


def reviewed_elsewhere(queue: Queue, user_id: int) -> Select[int]:
    """Items of which the person holds or finished a slot in another queue of the project."""
    theirs = select(_mine.c.item_id).join(Queue, Queue.id == _mine.c.queue_id)
    return theirs.where(
        _mine.c.holder_id == user_id, Queue.project_id == queue.project_id, _mine.c.queue_id != queue.id
    )


def slot_and_queue(session: Session, assignment_id: int) -> tuple[Assignment, Queue]:
    """The slot, locked until the transaction ends, with its queue. Raises ``LookupError``."""
    row = session.execute(
        select(Assignment, Queue)
        .join(Queue, Queue.id == Assignment.queue_id)
        .where(Assignment.id == assignment_id)
        .with_for_update(of=Assignment)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise LookupError(f"there is no assignment {assignment_id}")
    return row.Assignment, row.Queue


def slot_alone(session: Session, assignment_id: int) -> Assignment | None:
    """The slot as it stands, with its project and that project's queues, which are not read again; one statement."""
    line = aliased(Queue)
    rows = session.execute(
        select(Assignment, Project, line)
        .join(Queue, Queue.id == Assignment.queue_id)
        .join(Project, Project.id == Queue.project_id)
        .join(line, line.project_id == Project.id)
        .where(Assignment.id == assignment_id)
    ).all()
    if not rows:
        return None
    slot: Assignment = rows[0][0]
    projects.remember(session, rows[0][1], [row[2] for row in rows])
    return slot


def leave(slot: Assignment, state: str) -> None:
    """Take a slot out of its holder's hands."""
    slot.state = state
    for name, nothing in NOBODYS.items():
        setattr(slot, name, nothing)
    slot.finished_at = now() if state == SET_ASIDE else None
