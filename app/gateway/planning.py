"""What the gateway does besides passing on: which project, which lessons, and what is kept. A failure of it stops no request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from sqlalchemy import select

from app.api.access import Caller
from app.api.problems import Problem
from app.gateway import keeping
from app.gateway.keeping import Kept
from app.gateway.prompting import asked_in, with_lessons
from app.retrieving import Lesson, Retrieved, confirmed
from app.state import AppState
from app.worker import client
from core.projects import ProjectSettings
from store import lessons, projects
from store.tables import Project

LOG = structlog.get_logger("gateway")
PROJECT, STORE = "x-corrigenda-project", "x-corrigenda-store"  # a program names a project; "no" keeps nothing
NO = frozenset({"no", "0", "false", "off"})
T = TypeVar("T")
_threads: RunVar[CapacityLimiter] = RunVar("threads of the gateway")


@dataclass(frozen=True, slots=True)
class Plan:
    """``messages`` go to the model; ``kept`` is where the answer belongs, ``None`` when it is not to be stored."""

    messages: Sequence[Mapping[str, Any]]
    lessons: tuple[Lesson, ...] = ()
    kept: Kept | None = None
    note: str = ""
    looked_up: tuple[int, Mapping[str, Any]] | None = None  # project, and how the lessons were found

    def headers(self, risk: tuple[float, bool] | None = None) -> dict[str, str]:
        found = {"x-corrigenda-lessons": ",".join(str(lesson.id) for lesson in self.lessons)}
        if self.kept is not None:
            found["x-corrigenda-item"] = self.kept.item.external_id
        if risk is not None:
            found["x-corrigenda-risk"] = f"{risk[0]:.4f}"
        if self.note:
            found["x-corrigenda-note"] = self.note
        return found

    def told(self, risk: tuple[float, bool] | None = None) -> dict[str, Any]:
        """The field ``corrigenda`` of an answer. ``risk`` is that of the same answer, if it was judged before."""
        return {
            "lessons": [lesson.id for lesson in self.lessons],
            "item": self.kept.item.external_id if self.kept is not None else None,
            "risk": {"value": risk[0], "calibrated": risk[1]} if risk is not None else None,
            "note": self.note or None,
        }


async def plan(state: AppState, caller: Caller, headers: Mapping[str, str], body: Mapping[str, Any]) -> Plan:
    """Raises ``Problem`` for a project that is not there or not the caller's; anything else that fails is noted."""
    messages = body["messages"]
    try:
        with anyio.fail_after(state.settings.gateway_lookup_seconds):
            found = await _apart(_project, state, caller, headers.get(PROJECT))
            options = ProjectSettings.model_validate(found.settings)
            asked = asked_in(messages)
            if asked is None:
                return Plan(messages, note="no user message")
            known, note = await _lessons(state, found, options, asked.prompt, asked.context)
            kept = None
            refused = headers.get(STORE, "").strip().lower() in NO or body.get("store") is False
            if not refused and keeping.chosen(options.gateway):
                kept = keeping.prepared(found.id, asked, options.gateway, messages, known)
        looked_up = (found.id, known.log) if known.log is not None and not refused else None
        return Plan(with_lessons(messages, known.prompt), known.lessons, kept, note, looked_up)
    except Problem:
        raise
    except TimeoutError:
        return Plan(messages, note="the look-up took too long")
    except Exception as problem:  # by its kind alone: its words may hold people's texts
        LOG.error("the gateway passes a request on without lessons", why=type(problem).__name__)
        return Plan(messages, note="the look-up failed")


def _project(state: AppState, caller: Caller, named: str | None) -> Project:
    with state.db.read() as session:
        if named is None and caller.project_id is None:
            raise Problem(
                400, "no_project", f"Name the project in the header {PROJECT}, or use a token of one project."
            )
        if named is None:
            caller.in_project(caller.project_id or 0)
            return projects.get(session, caller.project_id or 0)
        by_id = named.isascii() and named.isdecimal() and len(named) < 19
        wanted = Project.id == int(named) if by_id else Project.slug == named
        found = session.scalar(select(Project).where(wanted, Project.archived_at.is_(None)))
    if found is None:
        raise Problem(404, "no_project", f"There is no project {named!r}.")
    caller.in_project(found.id)
    return found


async def _lessons(
    state: AppState, project: Project, options: ProjectSettings, prompt: str, context: str
) -> tuple[Retrieved, str]:
    """What applies now, and a note when it could not be looked up."""

    def look() -> tuple[Retrieved, str]:
        if options.lesson_tokens == 0 or options.lessons_per_slot == 0:
            return Retrieved(), ""
        with state.db.read() as session:
            if not lessons.any_active(session, project.id):
                return Retrieved(), ""
        found = client.retrieve(state.db, state.settings, project.id, prompt, context)
        if found is None:
            return Retrieved(), "no worker to look lessons up"
        return confirmed(state.db, project.id, found), ""

    return await _apart(look)


async def harmless(work: Callable[..., T], *given: Any) -> T | None:
    """``work`` on a thread; what fails there is logged and costs the program nothing."""
    try:
        return await _apart(work, *given)
    except Exception as problem:
        LOG.error("a part of the gateway failed", part=getattr(work, "__name__", ""), why=type(problem).__name__)
        return None


async def _apart(work: Callable[..., T], *given: Any) -> T:
    """On a thread of the gateway's own share, so that a slow look-up holds up no page; left behind when it takes too long."""
    limiter = _threads.get(None)
    if limiter is None:
        limiter = CapacityLimiter(32)
        _threads.set(limiter)
    return await to_thread.run_sync(work, *given, limiter=limiter, abandon_on_cancel=True)
