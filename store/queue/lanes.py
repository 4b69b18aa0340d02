"""Which slots need people: the random audit slice, and what passes because its risk is below the project's threshold.

An item belongs to the audit slice by a hash of queue and item, whatever its risk. Audit slots are served by turns of their own, in the
order of that hash, so that those reviewed at any moment are a random sample. All others are served by priority; where the project
says that only risky answers need people, those with a calibrated risk below the threshold wait as ``passed``: nothing is deleted, and
a lower threshold opens them again. A risk that is not calibrated lets nothing pass.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, update
from sqlalchemy.orm import Session

from core.projects import ProjectSettings
from core.types import QueueKind
from store.projects import queue_of
from store.queue import ordering
from store.queue.states import OPEN, PASSED
from store.tables import Assignment, Project, Queue, Risk

turn = random.random  # whose claim is an audit claim: people cannot foresee it


def draw(queue_id: int, item_id: int) -> float:
    """Uniform in [0, 1), the same whenever it is asked for."""
    digest = hashlib.blake2b(f"{queue_id}:{item_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64


def is_audit(queue: Queue, item_id: int) -> bool:
    return queue.kind == QueueKind.ANNOTATE and draw(queue.id, item_id) < queue.audit_share


def urgency(queue_id: int, item_id: int, *, audit: bool, priority: float) -> float:
    """The priority that a slot is stored with: the smallest draws of the audit slice come first, whatever their risk."""
    return -draw(queue_id, item_id) if audit else priority


def order_of_lanes(queue: Queue) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The open slots that this claim looks at first, and those that it takes when there are none.

    ``audit_share`` of the claims look at the audit slice first, so that its share of what people review is about that.
    """
    audit, ordinary = (and_(Assignment.state == OPEN, Assignment.audit.is_(drawn)) for drawn in (True, False))
    return (audit, ordinary) if turn() < queue.audit_share else (ordinary, audit)


def threshold_of(session: Session, queue: Queue) -> float | None:
    """Below which risk an answer needs nobody; ``None`` where all go to people."""
    if queue.kind != QueueKind.ANNOTATE:
        return None
    settings = session.scalar(select(Project.settings).where(Project.id == queue.project_id))
    known = ProjectSettings.model_validate(settings)
    return known.risk_threshold if known.only_risky else None


def passing(session: Session, queue: Queue, output_ids: Collection[int]) -> set[int]:
    """Those of the outputs that need nobody, unless they are random draws. Ask after locking the queue's row."""
    threshold = threshold_of(session, queue)
    if threshold is None:
        return set()
    safe = Risk.output_id.in_(output_ids), Risk.calibrated.is_(True), Risk.value < threshold
    return set(session.scalars(select(Risk.output_id).where(*safe)))


def apply_threshold(session: Session, project_id: int) -> int:
    """After the threshold was changed: put every waiting slot where it belongs now. Returns how many moved."""
    queue = queue_of(session, project_id)
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    threshold = threshold_of(session, queue)
    mine = and_(Assignment.queue_id == queue.id, Assignment.audit.is_(False))
    moved = 0
    if threshold is not None:
        safe = _safe(threshold)
        moved += _move(session, and_(mine, Assignment.state == OPEN, safe), PASSED)
        moved += _move(session, and_(mine, Assignment.state == PASSED, ~safe), OPEN)
    else:
        moved += _move(session, and_(mine, Assignment.state == PASSED), OPEN)
    return moved


def _safe(threshold: float) -> ColumnElement[bool]:
    return exists().where(Risk.output_id == Assignment.output_id, Risk.calibrated.is_(True), Risk.value < threshold)


def _move(session: Session, which: ColumnElement[bool], state: str) -> int:
    done = session.execute(
        update(Assignment).where(which).values(state=state).execution_options(synchronize_session=False)
    )
    session.expire_all()
    return int(getattr(done, "rowcount", 0))


def redraw_audit(session: Session, project_id: int) -> int:
    """After ``audit_share`` was changed: draw anew among the items that nobody has touched. Returns how many slots changed sides.

    Those already looked at stay as they are: an item must not become a random draw because of what was found.
    """
    queue = queue_of(session, project_id)
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    threshold = threshold_of(session, queue)
    moving = [row for row in session.execute(_untouched(queue)) if is_audit(queue, row[0].item_id) != row[0].audit]
    for start in range(0, len(moving), ordering.BATCH):
        part = moving[start : start + ordering.BATCH]
        urgent = ordering.priorities(session, queue, [slot.output_id for slot, _, _ in part])
        for slot, risk, calibrated in part:
            slot.audit = not slot.audit
            slot.priority = urgency(queue.id, slot.item_id, audit=slot.audit, priority=urgent[slot.output_id])
            safe = threshold is not None and calibrated and risk < threshold
            slot.state = PASSED if safe and not slot.audit else OPEN
        session.flush()
    return len(moving)


def _untouched(queue: Queue) -> Select[*tuple[Any, ...]]:
    """Waiting slots of items that nobody holds or finished, with the risk of their outputs."""
    waiting = Assignment.state.in_((OPEN, PASSED))
    touched = select(Assignment.item_id).where(Assignment.queue_id == queue.id, ~waiting)
    return (
        select(Assignment, Risk.value, Risk.calibrated)
        .outerjoin(Risk, Risk.output_id == Assignment.output_id)
        .where(Assignment.queue_id == queue.id, waiting, Assignment.item_id.not_in(touched))
        .order_by(Assignment.id)
    )


def lane_counts(session: Session, project_id: int) -> dict[str, int]:
    """Slots of the annotate queue that wait: ``risky`` and ``audit`` ones for people, ``passed`` ones for nobody."""
    queue = queue_of(session, project_id)
    query = (
        select(Assignment.state, Assignment.audit, func.count())
        .where(Assignment.queue_id == queue.id, Assignment.state.in_((OPEN, PASSED)))
        .group_by(Assignment.state, Assignment.audit)
    )
    found = {"risky": 0, "audit": 0, "passed": 0}
    for state, audit, count in session.execute(query):
        found["passed" if state == PASSED else "audit" if audit else "risky"] += count
    return found
