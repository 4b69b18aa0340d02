"""Puts a queue in the order of its policy, and deals what nobody's turn was set for, while people go on claiming from it.

Each batch is a short transaction; a batch that a kill interrupts is simply done again. What the policy lacks is counted in words.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy.orm import Session

from app.worker.payloads import OrderQueue
from app.worker.runner import Context
from core import queues
from store import projects, queue
from store.queue import access, ordering
from store.tables import Queue


def order_queue(context: Context, payload: OrderQueue) -> dict[str, Any]:
    """Result: ``slots`` looked at, how many ``changed`` place, how many were ``dealt``, and what the policy ``lacks`` of how many."""
    done: Counter[str] = Counter()
    lacks: Counter[str] = Counter()
    with context.db.read() as session:
        line = projects.queue_of(session, payload.project_id, payload.kind)
        settings, around = _settings(line), ordering.surroundings(session, line)
        found = queue.counts(session, payload.project_id, payload.kind)
    total, after = found["open"] + found["passed"], ordering.START
    while True:
        context.progress(min(done["slots"], total), total, "putting the queue in order")
        with context.db.read() as session:
            line = projects.queue_of(session, payload.project_id, payload.kind)
            if (
                _settings(line) != settings
            ):  # changed meanwhile: from the beginning, since a second such job would not be queued
                settings, around, after = _settings(line), ordering.surroundings(session, line), ordering.START
                done.clear()
                lacks.clear()
            part = ordering.batch(session, line, after)
            urgent = _urgent(session, line, part, around, lacks) if part else {}
        if part is None:
            break
        with context.db.write() as session:
            done["changed"] += queue.set_priority(session, payload.project_id, urgent, kind=payload.kind)
            line = projects.queue_of(session, payload.project_id, payload.kind)
            if line.access == queues.ROUND_ROBIN:
                done["dealt"] += access.deal(session, line, sorted(part.slots))
        done["slots"] += len(part.slots)
        after = part.after
    context.progress(total, total)
    return {"slots": done["slots"], "changed": done["changed"], "dealt": done["dealt"], "lacks": dict(lacks)}


def _settings(line: Queue) -> tuple[str, str]:
    return line.order_policy, line.access


def _urgent(
    session: Session, line: Queue, part: ordering.Batch, around: ordering.Surroundings, lacks: Counter[str]
) -> dict[int, float]:
    policy = ordering.policy_of(line)
    found = ordering.candidates(session, line, sorted(set(part.slots.values())), around)
    lacks.update(word for one in found.values() if (word := policy.lacks(one)))
    return {output_id: policy.priority(one) for output_id, one in found.items()}
