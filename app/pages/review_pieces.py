"""Sub-tasks on the review page: an expert splits a hard item, and sees what came of its pieces (paper 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import answering
from app.view import review as view
from app.view.words import words
from core.types import JobPriority
from store import queue, subtasks
from store.tables import Assignment, Item, Job

BETWEEN = re.compile(r"\n[ \t]*\n")  # an empty line separates two pieces


def shown(session: Session, item_id: int) -> tuple[view.PieceView, ...]:
    return tuple(
        view.PieceView(one.external_id, one.prompt, one.answer or "", words(one.verdict) if one.verdict else "")
        for one in subtasks.pieces(session, item_id)
    )


def split(session: Session, slot: Assignment, token: str, text: str, user_id: int) -> int:
    """As ``split_into``, of what was written with empty lines between; returns how many there are."""
    return len(split_into(session, slot, token, BETWEEN.split(text.replace("\r\n", "\n")), user_id)[0])


def split_into(
    session: Session, slot: Assignment, token: str, prompts: Sequence[str], user_id: int
) -> tuple[list[int], Job]:
    """Make sub-tasks, let the model answer them, and give the whole back to the end of its line.

    Returns their ids and the job that answers them. Raises ``ValueError``, ``LostClaim``.
    """
    queue.release(session, slot.id, token)  # first: where it is lost nothing is made, although the transaction is kept
    ids = subtasks.split(session, slot.item_id, prompts, user_id)
    session.refresh(slot)
    subtasks.put_off(session, slot, len(subtasks.pieces(session, slot.item_id)))
    project_id = session.get_one(Item, slot.item_id).project_id
    return ids, answering.answer(session, project_id, ids, user_id, JobPriority.NORMAL)
