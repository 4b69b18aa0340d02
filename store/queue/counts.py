"""Every figure about a queue, derived from the assignment rows in one place so that no two pages can disagree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from core import queues
from core.types import QueueKind, Verdict
from store.projects import queue_of
from store.queue import gold
from store.queue.states import (
    CLAIMED,
    OPEN,
    PASSED,
    SET_ASIDE,
    SUBMITTED,
    declined,
    expired,
    reviewed_elsewhere,
    touched,
)
from store.tables import Assignment, Item, Output, Queue, Review, Risk
from store.text import mentions


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open slot as the home page lists it; ``risk`` is ``None`` before the output was analysed."""

    assignment_id: int
    item_id: int
    output_id: int
    external_id: str
    prompt: str
    priority: float
    flagged: bool
    risk: float | None
    calibrated: bool
    since: datetime


def counts(session: Session, project_id: int, kind: str = QueueKind.ANNOTATE) -> dict[str, int]:
    """Slots by state, which add up to ``slots``; ``expired`` ones are claimed with a lease that ran out, ``passed`` ones need nobody.

    Of the submitted ones, ``cannot_judge`` are those whose person could not. ``items`` have a slot; of ``items_done`` every slot is
    submitted, set aside or passed. ``flagged`` slots went to the experts.
    """
    queue = queue_of(session, project_id, kind)
    state = case((expired(), "expired"), else_=Assignment.state).label("now_in")
    ours = and_(Assignment.queue_id == queue.id, Assignment.gold.is_(False))
    by_state = select(state, func.count()).where(ours).group_by(state)
    found = {name: 0 for name in (OPEN, CLAIMED, "expired", SUBMITTED, SET_ASIDE, PASSED)}
    found.update(session.execute(by_state).all())
    found["slots"] = sum(found.values())
    unfinished = func.sum(case((Assignment.state.in_((OPEN, CLAIMED)), 1), else_=0))
    per_item = (
        select(Assignment.item_id, unfinished.label("unfinished")).where(ours).group_by(Assignment.item_id).subquery()
    )
    done = func.sum(case((per_item.c.unfinished == 0, 1), else_=0))
    items, items_done = session.execute(select(func.count(), done).select_from(per_item)).one()
    flagged = select(func.count()).where(ours, Assignment.flagged.is_(True))
    later = aliased(Review)
    unjudged = (
        select(func.count(Review.id))
        .join(Assignment, Assignment.id == Review.assignment_id)
        .where(ours, Assignment.state == SUBMITTED)
        .where(Review.verdict == Verdict.CANNOT_JUDGE, ~exists().where(later.replaces_id == Review.id))
    )
    n_flagged, n_unjudged = session.execute(select(flagged.scalar_subquery(), unjudged.scalar_subquery())).one()
    return found | {
        "items": int(items),
        "items_done": int(items_done or 0),
        "flagged": n_flagged,
        "cannot_judge": n_unjudged,
    }


def for_experts(session: Session, project_id: int) -> dict[str, int]:
    """Open slots of the queues that experts work on, by kind; queues in which nothing is open are not in it."""
    query = (
        select(Queue.kind, func.count())
        .join(Assignment, Assignment.queue_id == Queue.id)
        .where(
            Queue.project_id == project_id,
            Queue.kind != QueueKind.ANNOTATE,
            Assignment.state == OPEN,
            Assignment.gold.is_(False),
        )
        .group_by(Queue.kind)
    )
    return dict(session.execute(query).all())


def why_empty(session: Session, project_id: int, user_id: int, kind: str = QueueKind.ANNOTATE) -> dict[str, int]:
    """Where the slots are that this person does not get, by cause, and the items that have no slot yet.

    Slots, each under one cause: ``available`` to claim now, ``held_by_you``, ``held_by_others``, ``yours_already`` (you
    have or had another slot of the item), ``declined_by_you``, ``assigned_to_others``, ``assigned_to_nobody``, ``reviewed_by_you`` (of
    queues that look at reviews: you wrote one), ``paused`` (you got too many gold items wrong), ``submitted``, ``set_aside``,
    ``below_threshold``.
    Items: ``unanswered`` have no output; ``not_queued`` have one that is not analysed or not queued yet.
    """
    queue = queue_of(session, project_id, kind)
    free = or_(Assignment.state == OPEN, expired())
    mine = and_(Assignment.state == CLAIMED, Assignment.holder_id == user_id)
    cause = case(
        (Assignment.state.in_((SUBMITTED, SET_ASIDE)), Assignment.state),
        (Assignment.state == PASSED, "below_threshold"),
        (mine, "held_by_you"),
        (not_(free), "held_by_others"),
        (Assignment.item_id.in_(declined(queue.id, user_id)), "declined_by_you"),
        (Assignment.item_id.in_(touched(queue.id, user_id)), "yours_already"),
        *_of_access(queue, user_id),
        else_="paused" if gold.is_paused(session, queue, user_id) else "available",
    ).label("cause")
    ours = and_(Assignment.queue_id == queue.id, Assignment.gold.is_(False))
    query = select(cause, func.count()).where(ours).group_by(cause)
    names = ("available", "held_by_you", "held_by_others", "yours_already", "declined_by_you", SUBMITTED, SET_ASIDE)
    found = {name: 0 for name in (*names, "below_threshold")}
    found.update(session.execute(query).all())
    answered = exists().where(Output.item_id == Item.id)
    queued = exists().where(Assignment.item_id == Item.id, Assignment.queue_id == queue.id)
    of_project = select(func.count()).select_from(Item).where(Item.project_id == project_id)
    found["unanswered"] = session.scalar(of_project.where(~answered)) or 0
    found["not_queued"] = session.scalar(of_project.where(answered, ~queued)) or 0
    return found


def _of_access(queue: Queue, user_id: int) -> list[tuple[ColumnElement[bool], str]]:
    causes: list[tuple[ColumnElement[bool], str]] = []
    if queue.access != queues.ANY:
        causes.append((Assignment.assignee_id.is_(None), "assigned_to_nobody"))
        causes.append((Assignment.assignee_id != user_id, "assigned_to_others"))
    if queue.kind in (QueueKind.ADJUDICATE, QueueKind.AUDIT):
        causes.append((Assignment.item_id.in_(reviewed_elsewhere(queue, user_id)), "reviewed_by_you"))
    return causes


def waiting(
    session: Session,
    project_id: int,
    limit: int = 20,
    kind: str = QueueKind.ANNOTATE,
    *,
    words: str = "",
    least_risk: float | None = None,
    after: int = 0,
) -> list[Waiting]:
    """The open slots of a queue, most urgent first; random draws of the audit slice only where nothing else fills the list.

    ``words`` must stand in the item's name or prompt, ``least_risk`` bounds the risk of the answer. ``after`` is the id of the last
    slot of the page before: whatever was claimed since, a page begins where that one ended.
    """
    queue = queue_of(session, project_id, kind)
    last = session.get(Assignment, after) if after else None
    found: list[Waiting] = []
    for audit in (False, True):
        if len(found) < limit and not (last is not None and last.audit and not audit):
            query = _waiting(queue.id, audit, words, least_risk)
            if last is not None and last.audit == audit:
                query = query.where(*_below(last))
            rows = session.execute(query.limit(limit - len(found))).mappings()
            found += [Waiting(**row) for row in rows]
    return found


def _below(last: Assignment) -> tuple[ColumnElement[bool], ...]:
    """What comes after a slot in the order of priority; the first part alone bounds where the index is entered."""
    further = or_(Assignment.priority < last.priority, Assignment.id > last.id)
    return Assignment.priority <= last.priority, further


def _waiting(queue_id: int, audit: bool, words: str, least_risk: float | None) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            Assignment.id.label("assignment_id"),
            Assignment.item_id,
            Assignment.output_id,
            Item.external_id,
            Item.prompt,
            Assignment.priority,
            Assignment.flagged,
            Risk.value.label("risk"),
            func.coalesce(Risk.calibrated, False).label("calibrated"),
            Assignment.created_at.label("since"),
        )
        .join(Item, Item.id == Assignment.item_id)
        .outerjoin(Risk, Risk.output_id == Assignment.output_id)
        .where(Assignment.queue_id == queue_id, Assignment.state == OPEN, Assignment.audit.is_(audit))
        .where(Assignment.gold.is_(False))
        .order_by(Assignment.priority.desc(), Assignment.id)
    )
    if words.strip():
        query = query.where(mentions(words.strip(), Item.external_id, Item.prompt))
    if least_risk is not None:
        query = query.where(Risk.value >= least_risk)
    return query
