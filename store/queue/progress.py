"""What a manager sees of a queue at work: who holds what until when, and how many slots were finished in each hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session

from store.clock import now
from store.queue.states import CLAIMED, OPEN, SUBMITTED
from store.tables import Assignment, Decline, Item, User

HOURS = 24
MOST = 50_000  # finished slots that are read; more in a day are counted as that many


@dataclass(frozen=True, slots=True)
class Held:
    """A slot in somebody's hands; past its ``deadline`` anybody may take it."""

    assignment_id: int
    external_id: str
    prompt: str
    user_id: int
    name: str
    claimed_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Skip:
    """A skip or a flag with its reason, as managers see it."""

    id: int
    assignment_id: int
    external_id: str
    name: str
    kind: str
    reason: str
    at: datetime
    state: str


def held(session: Session, queue_id: int, limit: int = 50) -> list[Held]:
    """Those that run out first come first."""
    rows = session.execute(_held(queue_id).order_by(Assignment.deadline, Assignment.id).limit(limit))
    return [Held(**row) for row in rows.mappings()]


def held_by_id(session: Session, queue_id: int, *, after: int = 0, limit: int = 50) -> list[Held]:
    """As a page of a list, from the slot after ``after`` on."""
    rows = session.execute(_held(queue_id).where(Assignment.id > after).order_by(Assignment.id).limit(limit))
    return [Held(**row) for row in rows.mappings()]


def _held(queue_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Assignment.id.label("assignment_id"),
            Item.external_id,
            Item.prompt,
            User.id.label("user_id"),
            User.name,
            Assignment.claimed_at,
            Assignment.deadline,
        )
        .join(Item, Item.id == Assignment.item_id)
        .join(User, User.id == Assignment.holder_id)
        .where(Assignment.queue_id == queue_id, Assignment.state == CLAIMED)
    )


def finished_by_hour(session: Session, queue_id: int) -> list[int]:
    """Slots finished in each of the last ``HOURS`` hours, the latest hour last. Gold items count: they are work too."""
    moment = now()
    times = session.scalars(
        select(Assignment.finished_at)
        .where(
            Assignment.queue_id == queue_id,
            Assignment.finished_at > moment - timedelta(hours=HOURS),
            Assignment.state == SUBMITTED,
        )
        .order_by(Assignment.finished_at.desc())
        .limit(MOST)
    )
    counts = Counter(int((moment - at).total_seconds() // 3600) for at in times if at is not None)
    return [counts[ago] for ago in reversed(range(HOURS))]


def by_person(session: Session, queue_id: int) -> dict[int, tuple[int, int, int]]:
    """Of each person: slots that wait for them, that they hold, and that they finished."""
    found: dict[int, list[int]] = {}
    waits = (
        select(Assignment.assignee_id, func.count())
        .where(Assignment.queue_id == queue_id, Assignment.assignee_id.is_not(None), Assignment.state == OPEN)
        .group_by(Assignment.assignee_id)
    )
    for user_id, count in session.execute(waits):
        found.setdefault(user_id or 0, [0, 0, 0])[0] = count
    theirs = (
        select(Assignment.holder_id, Assignment.state, func.count())
        .where(Assignment.queue_id == queue_id, Assignment.holder_id.is_not(None))
        .group_by(Assignment.holder_id, Assignment.state)
    )
    for user_id, state, count in session.execute(theirs):
        if state in (CLAIMED, SUBMITTED):
            found.setdefault(user_id or 0, [0, 0, 0])[1 if state == CLAIMED else 2] = count
    return {user_id: (row[0], row[1], row[2]) for user_id, row in found.items()}


def skips(session: Session, queue_id: int, limit: int = 20, *, after: int = 0) -> Sequence[Skip]:
    """The newest skips and flags, older than ``after`` if given: a skip is nothing that only its author knows of."""
    rows = session.execute(
        select(
            Decline.id,
            Assignment.id,
            Item.external_id,
            User.name,
            Decline.kind,
            Decline.reason,
            Decline.created_at,
            Assignment.state,
        )
        .join(Assignment, Assignment.id == Decline.assignment_id)
        .join(Item, Item.id == Assignment.item_id)
        .join(User, User.id == Decline.user_id)
        .where(Assignment.queue_id == queue_id, Decline.id < after if after else true())
        .order_by(Decline.id.desc())
        .limit(limit)
    )
    return [Skip(*row) for row in rows]
