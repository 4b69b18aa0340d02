"""Sub-tasks of a hard item (Guiding Through Complexity, paper 7): pieces for annotators, while the whole stays with an expert.

A piece is an item of its own that points at its parent: it is answered, judged and queued like any other. The expert sees the answers
of the pieces beside the whole, which waits at the end of the line until all of them are reviewed. Differently from the paper a person
writes the pieces, and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.types import QueueKind, Verdict
from store import audit, items
from store.reviews.revisions import is_current
from store.tables import Assignment, Item, Output, Queue, Review
from store.text import clean

MOST = 20  # pieces of one item
FIRST = 1e6  # priority of a whole whose pieces are all reviewed


@dataclass(frozen=True, slots=True)
class Piece:
    """A sub-task as an expert sees it: its newest answer, and what people say of that; ``None`` where there is none yet."""

    item_id: int
    external_id: str
    prompt: str
    answer: str | None
    verdict: Verdict | None


def split(session: Session, item_id: int, prompts: Sequence[str], user_id: int) -> list[int]:
    """Add sub-tasks to an item; returns their ids. Raises ``ValueError`` on too few or many, or on a sub-task."""
    texts = [text for one in prompts if (text := clean(one).strip())]
    whole = items.get(session, item_id)
    there = session.scalar(select(func.count()).where(Item.parent_id == item_id)) or 0
    if whole.parent_id is not None:
        raise ValueError("a sub-task is not split again: split the whole into more of them")
    if not texts or there + len(texts) < 2:
        raise ValueError("write at least two sub-tasks, with an empty line between them")
    if there + len(texts) > MOST:
        raise ValueError(f"an item has at most {MOST} sub-tasks, and this one would have {there + len(texts)}")
    base = whole.external_id[:180]
    new = [items.NewItem(f"{base}/{there + n}", text, context=whole.context) for n, text in enumerate(texts, 1)]
    ids = items.add_many(session, whole.project_id, new).ids
    for child in session.scalars(select(Item).where(Item.id.in_(ids))):
        child.parent_id = item_id
    audit.record(session, "item.split", "item", item_id, user_id=user_id, new={"sub_tasks": ids})
    session.flush()
    return ids


def pieces(session: Session, item_id: int) -> list[Piece]:
    """The sub-tasks of an item in their order, each with its newest answer."""
    found = []
    for child in session.scalars(select(Item).where(Item.parent_id == item_id).order_by(Item.id)):
        newest = select(Output).where(Output.item_id == child.id).order_by(Output.attempt.desc(), Output.id.desc())
        output = session.scalars(newest.limit(1)).first()
        said = select(Review.verdict).join(Output, Output.id == Review.output_id)
        said = said.where(Output.item_id == child.id, is_current(Review)).order_by(Review.id.desc()).limit(1)
        verdict = session.scalar(said)
        text = output.text if output is not None else None
        found.append(Piece(child.id, child.external_id, child.prompt, text, Verdict(verdict) if verdict else None))
    return found


def put_off(session: Session, slot: Assignment, count: int) -> None:
    """Let a slot wait at the end of its line for the sub-tasks of its item."""
    lowest = select(func.min(Assignment.priority)).where(Assignment.queue_id == slot.queue_id)
    slot.priority = (session.scalar(lowest) or 0.0) - 1
    slot.reason = f"It was split into {count} sub-tasks: what came of them is below."
    session.flush()


def after_review(session: Session, slot: Assignment) -> bool:
    """Once all sub-tasks of a whole are reviewed, the whole comes first in its experts' queue; returns whether it does now."""
    parent_id = items.get(session, slot.item_id).parent_id
    if parent_id is None:
        return False
    child = aliased(Item)
    reviewed = select(Review.id).join(Output, Output.id == Review.output_id)
    open_ones = select(func.count()).where(
        child.parent_id == parent_id, ~reviewed.where(Output.item_id == child.id).correlate(child).exists()
    )
    if session.scalar(open_ones):
        return False
    experts = select(Queue.id).where(Queue.project_id == slot.queue.project_id, Queue.kind == QueueKind.EXPERT)
    waits = select(Assignment).where(
        Assignment.queue_id.in_(experts), Assignment.item_id == parent_id, Assignment.state == "open"
    )
    for whole in session.scalars(waits):
        whole.priority, whole.reason = FIRST, "All of its sub-tasks are reviewed: what came of them is below."
    session.flush()
    return True
