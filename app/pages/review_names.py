"""How near in meaning the names beside a transcript are: the worker embeds the spans, after the page has been shown without it."""

from __future__ import annotations

from app.auth import Person
from app.pages import review_board
from app.state import AppState
from app.view.review_steps import percent
from app.worker import client
from core.types import LessonKind
from store import reviews
from store.tables import Assignment

LOOKED_AT = 50  # entities near a span


def meanings(state: AppState, assignment: int, person: Person) -> dict[int, int]:
    """Percent by lesson, of the names that the person sees; empty for other items, when blind, and without a worker."""
    with state.db.read() as session:
        slot = session.get(Assignment, assignment)
        if slot is None or slot.holder_id != person.id or reviews.is_blind(session, slot, person.id):
            return {}
        shown = review_board.transcript(session, review_board.current_output(session, slot))
        project_id = slot.queue.project_id
    if shown is None or not shown.names:
        return {}
    found: dict[int, int] = {}
    for span in dict.fromkeys(name.span for name in shown.names):
        hits = client.search(state.db, state.settings, project_id, [LessonKind.ENTITY.value], span, LOOKED_AT)
        if hits is None:
            break
        scores = {hit.owner_id: hit.score for hit in hits}
        found |= {
            name.lesson_id: percent(max(0.0, scores[name.lesson_id]))
            for name in shown.names
            if name.span == span and name.lesson_id in scores
        }
    return found
