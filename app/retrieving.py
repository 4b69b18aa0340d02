"""Lessons for a prompt from the web process: a worker's local service at once, and the job queue where none can be reached."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.settings import Settings
from app.worker import client
from app.worker.client import LookedUp
from core.lessons.prompt import keep_within, render_slots, slot_of
from core.projects import ProjectSettings
from core.types import JobPriority, JobState, LessonKind, PromptSlot
from store import jobs, lessons, lookups, projects
from store.engine import Database

JOB_SECONDS = 20.0
LOOK_EVERY = 0.1


class NoWorker(RuntimeError):
    """Nobody can look lessons up now."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson of a prompt: which form of it, in which slot, with which score."""

    id: int
    kind: LessonKind
    slot: PromptSlot
    text: str
    applicability: str
    name: str | None
    score: float
    revision: int


@dataclass(frozen=True, slots=True)
class Retrieved:
    """In slot order; ``prompt`` is what a model should read of them. ``log``: how they were found; ``lookup``: its row, once kept."""

    lessons: tuple[Lesson, ...] = ()
    prompt: str = ""
    log: Mapping[str, Any] | None = None
    lookup: int | None = None


def retrieve(db: Database, settings: Settings, project_id: int, prompt: str, context: str = "") -> Retrieved:
    """What applies, within the project's budget of tokens; kept in the log of look-ups, without the program's words.

    Raises ``NoWorker``, ``LookupError`` for no such project.
    """
    with db.read() as session:
        projects.get(session, project_id)
        none = not lessons.any_active(session, project_id)
    if none:
        return Retrieved()
    found = client.retrieve(db, settings, project_id, prompt, context)
    if found is None:
        found = _by_job(db, project_id, prompt, context)
    shown = confirmed(db, project_id, found)
    with db.write() as session:
        return replace(shown, lookup=lookups.add(session, project_id, shown.log, asked_by="api"))


def confirmed(db: Database, project_id: int, found: LookedUp) -> Retrieved:
    """The lessons as they stand at this moment; what is not active any more is left out."""
    scores = found.scores
    with db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
        active = lessons.active_texts(session, [lesson_id for lesson_id, _ in scores])
        revisions = lessons.revisions_of(session, list(active))
    texts = [replace(active[lesson_id], score=score) for lesson_id, score in scores if lesson_id in active]
    kept = keep_within(texts, options.lesson_tokens)
    rows = tuple(
        Lesson(x.id, x.kind, slot_of(x.kind), x.text, x.applicability, x.name, x.score, revisions[x.id]) for x in kept
    )
    return Retrieved(rows, render_slots(kept), found.log)


def _by_job(db: Database, project_id: int, prompt: str, context: str) -> LookedUp:
    from app.worker.jobs import enqueue

    payload = {"project_id": project_id, "prompt": prompt, "context": context}
    with db.write() as session:
        job_id = enqueue(session, "retrieve", payload, priority=JobPriority.PERSON_WAITING, project_id=project_id).id
    limit = time.monotonic() + JOB_SECONDS
    while time.monotonic() < limit:
        with db.read() as session:
            job = jobs.get(session, job_id)
        if job.state == JobState.DONE:
            return LookedUp.of(job.result)
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            raise NoWorker(f"The look-up failed: {job.error or job.state}")
        time.sleep(LOOK_EVERY)
    with db.write() as session:
        jobs.cancel(session, job_id, None)
    raise NoWorker("No worker answered. Start one with: corrigenda worker")
