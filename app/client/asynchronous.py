"""The client for programs that await."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from app.client import admin_operations, operations, queue_operations
from app.client.admin_values import Claim, Decided, NewRule, Person, Rule, RuleTried, Webhook
from app.client.errors import ConnectionFailed
from app.client.operations import Call, Operation, Sleep
from app.client.queue_values import Case, DecidedReview, QueueProgress
from app.client.transport import TIMEOUT, base_url, body_of, error_of, headers, may_repeat, pause, request_of
from app.client.values import (
    Export,
    Import,
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

    async def import_file(
        self, project_id: int, path: str | Path, mapping: Mapping[str, Any] | None = None, *, back: bool = False
    ) -> Import:
        """Send a JSONL, JSON, CSV, TSV or Parquet file; wait for its ``job``, then ask for the ``import_report``.

        ``mapping`` says which column holds what (prompt, answer and so on). ``back``: it was exported here, and its reviews and
        corrections come back.
        """
        return await self._run(operations.import_file(project_id, Path(path), mapping or {}, back))

    async def import_report(self, job_id: int) -> Import:
        return await self._run(operations.import_report(job_id))

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

    async def rules(self, project_id: int) -> list[Rule]:
        """The project's rules, with how each does."""
        return await self._run(admin_operations.rules(project_id))

    async def add_rule(self, project_id: int, rule: NewRule) -> Rule:
        return await self._run(admin_operations.add_rule(project_id, rule))

    async def check_rule(self, project_id: int, rule: NewRule) -> RuleTried:
        """What it would say of the newest answers; nothing is kept."""
        return await self._run(admin_operations.check_rule(project_id, rule))

    async def change_rule(self, rule_id: int, **changes: Any) -> Rule:
        """``changes``: the fields of ``NewRule``, and ``enabled``."""
        return await self._run(admin_operations.change_rule(rule_id, changes))

    async def remove_rule(self, rule_id: int) -> None:
        await self._run(admin_operations.remove_rule(rule_id))

    async def people(self) -> list[Person]:
        return await self._run(admin_operations.people())

    async def add_person(self, name: str, password: str, role: str = "annotator") -> Person:
        return await self._run(admin_operations.add_person(name, password, role))

    async def change_person(self, person_id: int, **changes: Any) -> Person:
        """``changes``: role, active."""
        return await self._run(admin_operations.change_person(person_id, changes))

    async def webhooks(self) -> list[Webhook]:
        return await self._run(admin_operations.webhooks())

    async def add_webhook(self, url: str, events: Sequence[str], project_id: int | None = None) -> Webhook:
        """Its ``secret`` comes this once; ``verify_webhook`` needs it where messages are received."""
        return await self._run(admin_operations.add_webhook(url, events, project_id))

    async def change_webhook(self, webhook_id: int, **changes: Any) -> Webhook:
        """``changes``: url, events, active."""
        return await self._run(admin_operations.change_webhook(webhook_id, changes))

    async def remove_webhook(self, webhook_id: int) -> None:
        await self._run(admin_operations.remove_webhook(webhook_id))

    async def propose_lesson(
        self, project_id: int, kind: str, text: str, applicability: str, *, why: str = ""
    ) -> Lesson:
        """It waits for an expert."""
        return await self._run(admin_operations.propose_lesson(project_id, kind, text, applicability, why))

    async def accept_lesson(self, lesson_id: int, **changes: Any) -> Lesson:
        """``changes`` of the wording: text, applicability, kind."""
        return await self._run(admin_operations.accept_lesson(lesson_id, changes))

    async def reject_lesson(self, lesson_id: int, why: str = "") -> Lesson:
        return await self._run(admin_operations.reject_lesson(lesson_id, why))

    async def retire_lesson(self, lesson_id: int, why: str) -> int:
        """Out of search, prompts and exports at once; returns the number of the retraction."""
        return await self._run(admin_operations.retire_lesson(lesson_id, why))

    async def claim(
        self, project_id: int, queue: str = "annotate", item_id: int | None = None, *, ahead: bool = False
    ) -> Claim | None:
        """The next item for the token's owner to review, with ``ahead`` the one after it, or ``None`` where there is none."""
        return await self._run(admin_operations.claim(project_id, queue, item_id, ahead))

    async def submit(self, held: Claim, action: str = "submit", **form: Any) -> Decided:
        """``action``: submit, accept, cannot_judge; ``form``: text, rewrite, first_wrong_step, label and so on."""
        return await self._run(admin_operations.submit(held, action, form))

    async def skip(self, held: Claim, reason: str) -> None:
        await self._run(admin_operations.leave(held, "skip", reason))

    async def flag(self, held: Claim, reason: str) -> None:
        """Hand it to the experts."""
        await self._run(admin_operations.leave(held, "flag", reason))

    async def release(self, held: Claim) -> None:
        await self._run(admin_operations.leave(held, "release", None))

    async def report(self, project_id: int, name: str) -> dict[str, Any]:
        """The figures of a page: quality, calibration, critics, self-correction, lessons, loop."""
        return await self._run(admin_operations.report(project_id, name))

    async def try_again(self, job_id: int) -> Job:
        """Start a failed or cancelled job again."""
        return await self._run(admin_operations.try_again(job_id))

    async def queue_progress(self, project_id: int, queue: str = "annotate") -> QueueProgress:
        """How far a queue is, hour by hour and person by person."""
        return await self._run(queue_operations.progress(project_id, queue))

    async def assign(
        self,
        project_id: int,
        people: Sequence[int],
        queue: str = "annotate",
        *,
        words: str = "",
        least_risk: float | None = None,
        limit: int = 100,
    ) -> int:
        """Give what waits and is nobody's to people in turn; returns how many places."""
        return await self._run(queue_operations.assign(project_id, people, queue, words, least_risk, limit))

    async def force_release(self, assignment_id: int) -> int:
        """Take an item out of its holder's hands; returns whose."""
        return await self._run(queue_operations.force_release(assignment_id))

    async def add_gold(
        self,
        project_id: int,
        output_id: int,
        verdict: str,
        queue: str = "annotate",
        *,
        first_wrong_step: int | None = None,
    ) -> int:
        """Mix an answer of known verdict in among the others; returns how many there are."""
        return await self._run(queue_operations.add_gold(project_id, output_id, verdict, queue, first_wrong_step))

    async def split(self, held: Claim, prompts: Sequence[str]) -> list[int]:
        """Make sub-tasks of an item of the expert queue; returns their items."""
        return await self._run(queue_operations.split(held, prompts))

    async def cases(self, project_id: int) -> list[Case]:
        """Answers that people judged differently, the newest first, those that are decided too."""
        return await self._run(queue_operations.cases(project_id))

    async def case(self, assignment_id: int) -> Case:
        """With ``reviews`` side by side, by letters."""
        return await self._run(queue_operations.case(assignment_id))

    async def decide(
        self, assignment_id: int, reason: str, *, takes: int | None = None, action: str = "submit", **form: Any
    ) -> Decided:
        """Say the same as the review that it ``takes``, or what ``action`` and ``form`` say, as in ``submit``."""
        return await self._run(queue_operations.decide(assignment_id, reason, takes, action, form))

    async def decisions(self, *, unseen: bool = True) -> list[DecidedReview]:
        """What was decided about the token's owner's reviews, the newest first."""
        return await self._run(queue_operations.decisions(unseen))

    async def mark_seen(self, ids: Sequence[int] | None = None) -> int:
        """Of decisions, all of them without ids; returns how many were new."""
        return await self._run(queue_operations.mark_seen(ids))

    async def set_member(
        self, project_id: int, role: str | None, *, person_id: int | None = None, team_id: int | None = None
    ) -> None:
        """Give a person or a team (one of them) a role in a project, or with ``None`` none any more."""
        return await self._run(admin_operations.set_member(project_id, role, person_id, team_id))

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
        with request_of(call) as given:
            return await self._try(call, given)

    async def _try(self, call: Call, given: dict[str, Any]) -> Any:
        tried = 0
        while True:
            tried += 1
            answer: httpx.Response | None = None
            try:
                answer = await self._http.request(**given)
            except httpx.TransportError as problem:
                if not may_repeat(call, None, tried):
                    raise ConnectionFailed(f"The server could not be reached: {problem}") from problem
            if answer is not None and not may_repeat(call, answer, tried):
                return body_of(answer)
            await asyncio.sleep(pause(answer, tried))
