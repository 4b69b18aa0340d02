"""Every figure about a queue, derived from the assignment rows in one place so that no two pages can disagree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from core import queues
from core.types import QueueKind
from store.projects import queue_of
from store.queue import gold
from store.queue.kept import kept
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
    return kept(session, f"counts of {queue.id}", lambda: _counts(session, queue), size="slots")


def _counts(session: Session, queue: Queue) -> dict[str, int]:
    """All slots by state come from an index alone, and what is rare from indexes that hold nothing else."""
    ours = Assignment.queue_id == queue.id
    plain = Assignment.gold.is_(False)
    later = aliased(Review)
    # From these reviews, which are few, to their slots: joined, SQLite walks all slots that are submitted.
    judged = exists().where(Assignment.id == Review.assignment_id, ours, plain, Assignment.state == SUBMITTED)
    unjudged = select(func.count(Review.id)).where(
        Review.verdict == literal_column("'cannot_judge'"),
        ~exists().where(later.replaces_id == Review.id),
        judged.correlate(Review),
    )
    parts = (
        select(literal("all").label("part"), Assignment.state, func.count()).where(ours).group_by(Assignment.state),
        select(literal("gold"), Assignment.state, func.count())
        .where(ours, Assignment.gold.is_(True))
        .group_by(Assignment.state),
        select(literal("expired"), literal(""), func.count()).where(ours, plain, expired()),
        select(literal("flagged"), literal(""), func.count()).where(ours, plain, Assignment.flagged.is_(True)),
        select(literal("several"), literal(""), func.count()).where(ours, plain, _further()),
        select(literal("cannot_judge"), literal(""), unjudged.scalar_subquery()),
    )
    told = {(part, state): int(number) for part, state, number in session.execute(union_all(*parts))}
    states = (OPEN, CLAIMED, SUBMITTED, SET_ASIDE, PASSED)
    found = {state: told.get(("all", state), 0) - told.get(("gold", state), 0) for state in states}
    slots = sum(found.values())
    unfinished = found[OPEN] + found[CLAIMED]
    found["expired"] = told[("expired", "")]
    found[CLAIMED] -= found["expired"]
    items, done = slots, slots - unfinished
    if told[("several", "")]:
        shared, theirs, finished, shared_done = _shared(session, queue.id)
        items += shared - theirs
        done += shared_done - finished
    return found | {
        "slots": slots,
        "items": items,
        "items_done": done,
        "flagged": told[("flagged", "")],
        "cannot_judge": told[("cannot_judge", "")],
    }


def _further() -> ColumnElement[bool]:
    """Slots beyond the first of their item; as the index has it that holds these alone."""
    return Assignment.slot > literal_column("0")


def _shared(session: Session, queue_id: int) -> tuple[int, int, int, int]:
    """Items with several slots: how many, their slots, how many of those are finished, and the items of which all are."""
    other = aliased(Assignment)
    items = select(other.item_id).where(
        other.queue_id == queue_id, other.gold.is_(False), other.slot > literal_column("0")
    )
    finished = func.sum(case((Assignment.state.in_((OPEN, CLAIMED)), 0), else_=1))
    of = (Assignment.queue_id == queue_id, Assignment.gold.is_(False), Assignment.item_id.in_(items))
    per = select(func.count().label("slots"), finished.label("finished")).where(*of).group_by(Assignment.item_id)
    each = per.subquery()
    done = func.sum(case((each.c.slots == each.c.finished, 1), else_=0))
    row = session.execute(select(func.count(), func.sum(each.c.slots), func.sum(each.c.finished), done)).one()
    return int(row[0]), int(row[1] or 0), int(row[2] or 0), int(row[3] or 0)


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
    reviews = queue.kind in (QueueKind.ADJUDICATE, QueueKind.AUDIT)
    if queue.access == queues.ANY and not reviews:
        found = _causes(session, queue, user_id)
    else:
        found = _causes_one_by_one(session, queue, user_id)
    there = kept(session, f"items of {queue.id}", lambda: _not_there(session, queue), size="items")
    return found | {name: there[name] for name in ("unanswered", "not_queued")}


def _causes(session: Session, queue: Queue, user_id: int) -> dict[str, int]:
    """Of a queue from which anybody may have anything: from its counts, and what is about this person."""
    known = counts(session, queue.project_id, queue.kind)
    ours = (Assignment.queue_id == queue.id, Assignment.gold.is_(False))
    not_mine = or_(Assignment.holder_id.is_(None), Assignment.holder_id != user_id)
    free = or_(Assignment.state == OPEN, and_(expired(), not_mine))
    gone, theirs = declined(queue.id, user_id), touched(queue.id, user_id)
    count = select(func.count())
    asked = (
        count.where(*ours, Assignment.state == CLAIMED, Assignment.holder_id == user_id),
        count.where(*ours, expired(), not_mine),
        count.where(*ours, free, Assignment.item_id.in_(gone)),
        count.where(*ours, free, Assignment.item_id.in_(theirs), Assignment.item_id.not_in(gone)),
    )
    mine, left, refused, again = session.execute(select(*(one.scalar_subquery() for one in asked))).one()
    available = max(0, known[OPEN] + left - refused - again)
    found = {
        "available": available,
        "held_by_you": mine,
        "held_by_others": max(0, known[CLAIMED] + known["expired"] - mine - left),
        "yours_already": again,
        "declined_by_you": refused,
        SUBMITTED: known[SUBMITTED],
        SET_ASIDE: known[SET_ASIDE],
        "below_threshold": known[PASSED],
    }
    if available and gold.is_paused(session, queue, user_id):
        found |= {"available": 0, "paused": available}
    return found


def _causes_one_by_one(session: Session, queue: Queue, user_id: int) -> dict[str, int]:
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
    return found


def _not_there(session: Session, queue: Queue) -> dict[str, int]:
    """Items of the project, and those without a slot in the queue: answered or not. Where every item has one, none is looked at."""
    answered = exists().where(Output.item_id == Item.id)
    queued = exists().where(Assignment.item_id == Item.id, Assignment.queue_id == queue.id)
    of_project = select(func.count()).select_from(Item).where(Item.project_id == queue.project_id)
    items = session.scalar(of_project) or 0
    if items == counts(session, queue.project_id, queue.kind)["items"]:
        return {"items": items, "unanswered": 0, "not_queued": 0}
    unanswered = session.scalar(of_project.where(~answered)) or 0
    return {
        "items": items,
        "unanswered": unanswered,
        "not_queued": session.scalar(of_project.where(answered, ~queued)) or 0,
    }


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
