"""The client for programs that await."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from app.client import operations
from app.client.errors import ConnectionFailed
from app.client.operations import Call, Operation, Sleep
from app.client.transport import TIMEOUT, base_url, body_of, error_of, headers, may_repeat, pause, request_of
from app.client.values import (
    Export,
    Item,
    ItemsPushed,
    Job,
    Lesson,
    Output,
    OutputsPushed,
    Page,
    Project,
    Retrieved,
    Review,
)

T = TypeVar("T")


class AsyncClient:
    """As ``Client``, with methods that are awaited. Use it in an ``async with`` block."""

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url(url), headers=headers(token), timeout=TIMEOUT, transport=transport
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def projects(self) -> list[Project]:
        return await self._run(operations.projects())

    async def project(self, slug: str) -> Project:
        """The project of that slug; raises ``CorrigendaError`` listing those that there are."""
        return await self._run(operations.project(slug))

    async def push_items(self, project_id: int, items: Sequence[Item], *, answer: bool = False) -> ItemsPushed:
        """Add items, or change those that carry their external ids; ``answer`` lets the server's model answer new ones."""
        return await self._run(operations.push_items(project_id, items, answer))

    async def put_images(self, item_id: int, images: Sequence[bytes], captions: Sequence[str] = ()) -> bool:
        """Make these PNG, JPEG, WebP or GIF files the pictures of an item; false where they are already."""
        return await self._run(operations.put_images(item_id, images, captions))

    async def push_outputs(self, project_id: int, outputs: Sequence[Output]) -> OutputsPushed:
        """Bring answers of a model of yours; they are judged and queued for people."""
        return await self._run(operations.push_outputs(project_id, outputs))

    async def reviews(self, project_id: int, cursor: str | None = None, limit: int = 100) -> Page[Review]:
        """What people decided since ``cursor``; keep ``next_cursor`` for the next time."""
        return await self._run(operations.reviews(project_id, cursor, limit))

    async def wait_for_reviews(
        self, project_id: int, output_ids: Sequence[int], *, seconds: float = 3600.0, every: float = 5.0
    ) -> list[Review]:
        """The newest review of each output, in the order given. Raises ``WaitedTooLong`` with those that came."""
        return await self._run(operations.wait_for_reviews(project_id, output_ids, seconds, every))

    async def lessons(
        self, project_id: int, cursor: str | None = None, limit: int = 100, *, status: str | None = "active"
    ) -> Page[Lesson]:
        """Lessons, the newest first."""
        return await self._run(operations.lessons(project_id, cursor, limit, status))

    async def retrieve(self, project_id: int, prompt: str, context: str = "") -> Retrieved:
        """The active lessons that apply to a prompt, and the text to put before a model."""
        return await self._run(operations.retrieve(project_id, prompt, context))

    async def start_export(self, project_id: int, format: str, container: str = "jsonl", **filters: str) -> Export:
        """Queue an export; ``filters``: verdict, since, until."""
        return await self._run(operations.start_export(project_id, format, container, filters))

    async def export(self, export_id: int) -> Export:
        return await self._run(operations.export(export_id))

    async def wait_for_export(self, export_id: int, *, seconds: float = 3600.0, every: float = 1.0) -> Export:
        """The export when its file is there. Raises ``CorrigendaError`` when it failed."""
        return await self._run(operations.wait_for_export(export_id, seconds, every))

    async def job(self, job_id: int) -> Job:
        return await self._run(operations.job(job_id))

    async def wait_for_job(self, job_id: int, *, seconds: float = 3600.0, every: float = 1.0) -> Job:
        """The job at its end: done, failed or cancelled."""
        return await self._run(operations.wait_for_job(job_id, seconds, every))

    @asynccontextmanager
    async def download(self, export_id: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a written export, as they come: ``async with client.download(3) as chunks: ...``."""
        async with self._http.stream("GET", f"/exports/{export_id}/file") as answer:
            if answer.is_error:
                await answer.aread()
                raise error_of(answer)
            yield answer.aiter_bytes()

    async def pull_export(
        self, project_id: int, format: str, *, seconds: float = 3600.0, **filters: str
    ) -> AsyncIterator[Any]:
        """Write an export as JSON lines, wait for it, and give its rows one by one; it is never whole in memory."""
        started = await self.start_export(project_id, format, **filters)
        ready = await self.wait_for_export(started.id, seconds=seconds)
        async with self._http.stream("GET", f"/exports/{ready.id}/file") as answer:
            if answer.is_error:
                await answer.aread()
                raise error_of(answer)
            async for line in answer.aiter_lines():
                if line:
                    yield json.loads(line)

    async def _run(self, operation: Operation[T]) -> T:
        sent: Any = None
        while True:
            try:
                wanted = operation.send(sent)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(wanted, Sleep):
                await asyncio.sleep(wanted.seconds)
                sent = None
            else:
                sent = await self._send(wanted)

    async def _send(self, call: Call) -> Any:
        tried = 0
        while True:
            tried += 1
            answer: httpx.Response | None = None
            try:
                answer = await self._http.request(**request_of(call))
            except httpx.TransportError as problem:
                if not may_repeat(call, None, tried):
                    raise ConnectionFailed(f"The server could not be reached: {problem}") from problem
            if answer is not None and not may_repeat(call, answer, tried):
                return body_of(answer)
            await asyncio.sleep(pause(answer, tried))
