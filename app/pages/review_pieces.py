"""Sub-tasks on the review page: an expert splits a hard item, and sees what came of its pieces (paper 7)."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.view import review as view
from app.view.words import words
from app.worker import jobs as worker_jobs
from core.types import JobPriority
from store import queue, subtasks
from store.tables import Assignment, Item

BETWEEN = re.compile(r"\n[ \t]*\n")  # an empty line separates two pieces


def shown(session: Session, item_id: int) -> tuple[view.PieceView, ...]:
    return tuple(
        view.PieceView(one.external_id, one.prompt, one.answer or "", words(one.verdict) if one.verdict else "")
        for one in subtasks.pieces(session, item_id)
    )


def split(session: Session, slot: Assignment, token: str, text: str, user_id: int) -> int:
    """Make sub-tasks of what was written, let the model answer them, and give the whole back to the end of its line.

    Returns how many there are. Raises ``ValueError``, ``LostClaim``.
    """
    ids = subtasks.split(session, slot.item_id, BETWEEN.split(text.replace("\r\n", "\n")), user_id)
    queue.release(session, slot.id, token)
    session.refresh(slot)
    subtasks.put_off(session, slot, len(subtasks.pieces(session, slot.item_id)))
    project_id = session.get_one(Item, slot.item_id).project_id
    worker_jobs.enqueue(
        session,
        "generate",
        {"item_ids": ids},
        priority=JobPriority.NORMAL,
        dedupe_key=f"generate:{project_id}:{ids[0]}:{ids[-1]}",
        project_id=project_id,
        user_id=user_id,
    )
    return len(ids)
