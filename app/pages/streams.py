"""Answers of two events that overlap all arrive: a page that closes its stream after the first keeps what the second has to say.

Gradio's page closes its stream of answers when it knows of no event that waits. One that was sent in that moment, whose id has not
come back yet, is not known. Gradio's server then takes the page for gone, ends the event and throws its answer away: a vote that was
stored is not shown, a button does nothing. Here a closed stream throws nothing away; the page opens the next one a moment later.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr
from gradio.utils import LRUCache

GONE_SECONDS = 60.0  # after which a page that has not come back will not


class _Kept(LRUCache[str, Any]):
    """Answers by page, of which only the oldest pages are dropped."""

    def __delitem__(self, key: str) -> None:
        return


def keep_answers(blocks: gr.Blocks) -> None:
    """For Blocks that have their queue, before they are served."""
    queue: Any = blocks._queue
    end = queue.clean_events
    waiting: set[asyncio.Task[None]] = set()
    queue.pending_messages_per_session = _Kept(queue.pending_messages_per_session.max_size)

    async def clean_events(*, session_hash: str | None = None, event_id: str | None = None) -> None:
        if session_hash is None:
            await end(event_id=event_id)
            return
        task = asyncio.create_task(
            _forget(queue, session_hash, set(queue.pending_event_ids_session.get(session_hash, ())))
        )
        waiting.add(task)
        task.add_done_callback(waiting.discard)

    queue.clean_events = clean_events


async def _forget(queue: Any, session_hash: str, event_ids: set[str]) -> None:
    """Ids of events whose answers nobody has fetched by then, lest they pile up."""
    await asyncio.sleep(GONE_SECONDS)
    left = queue.pending_event_ids_session.get(session_hash)
    if left is not None:
        left -= event_ids
        if not left:
            queue.pending_event_ids_session.pop(session_hash, None)
