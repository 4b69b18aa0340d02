"""A page that closes its stream of answers does not lose the answer to an event that is on its way."""

from __future__ import annotations

import asyncio

import gradio as gr
import pytest

from app.pages import streams


def _queue() -> gr.queueing.Queue:
    with gr.Blocks() as blocks:
        pass
    blocks.queue()
    streams.keep_answers(blocks)
    return blocks._queue


def test_a_closed_stream_keeps_answers_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "GONE_SECONDS", 0.05)

    async def page_closes() -> None:
        queue = _queue()
        messages: asyncio.Queue[str] = asyncio.Queue()
        queue.pending_messages_per_session["page"] = messages  # type: ignore[assignment]
        queue.pending_event_ids_session["page"] = {"vote"}
        await queue.clean_events(session_hash="page")  # what Gradio does when a stream is closed
        del queue.pending_messages_per_session["page"]
        await messages.put("the vote is stored")
        assert queue.pending_messages_per_session["page"] is messages and messages.qsize() == 1
        assert queue.pending_event_ids_session["page"] == {"vote"}
        queue.pending_event_ids_session["page"].add("later")
        await asyncio.sleep(0.15)
        assert queue.pending_event_ids_session["page"] == {"later"}, "ids that nobody fetched are forgotten, others not"

    asyncio.run(page_closes())


def test_only_the_oldest_pages_are_dropped() -> None:
    async def many() -> None:
        queue = _queue()
        most = queue.pending_messages_per_session.max_size
        for n in range(most + 5):
            queue.pending_messages_per_session[str(n)] = asyncio.Queue()
        assert len(queue.pending_messages_per_session) == most and "4" not in queue.pending_messages_per_session

    asyncio.run(many())
