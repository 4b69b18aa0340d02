"""Jobs for programs: how far long work is, and stopping it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app import answering
from app.api.access import Caller, needs
from app.api.common import Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from app.view.critics import too_few
from app.worker import waking
from app.worker.waking import fit_critic
from core.scopes import Scope
from core.types import JobState, Role
from store import jobs, listing, projects
from store.tables import Job

router = APIRouter(tags=["jobs"])
Starter = Annotated[Caller, needs(Scope.JOBS_WRITE)]


class JobOut(BaseModel):
    """``done`` of ``total`` (0 when that is not known); ``error`` says what to do."""

    id: int
    kind: str
    state: JobState
    project_id: int | None
    done: int
    total: int
    message: str
    result: dict[str, Any]
    error: str
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def told(row: Job) -> JobOut:
    return JobOut.model_validate(row, from_attributes=True)


@router.get("/projects/{project_id}/jobs", responses=documented(404))
def list_jobs(
    project_id: Id, state: State, caller: Annotated[Caller, needs(Scope.JOBS_READ)], where: Paging
) -> Page[JobOut]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.jobs(session, project_id, after=where.after, limit=where.limit + 1)
    return Page[JobOut](**where.page([told(row) for row in rows], [row.id for row in rows]))


@router.get("/jobs/{job_id}", responses=documented(404))
def get_job(job_id: Id, state: State, caller: Annotated[Caller, needs(Scope.JOBS_READ)]) -> JobOut:
    with state.db.read() as session:
        row = jobs.get(session, job_id)
    _check(caller, row)
    return told(row)


@router.post("/jobs/{job_id}/cancel", response_model=JobOut, responses=documented(404, 409))
def cancel_job(request: Request, job_id: Id, caller: Starter, key: Key = None) -> Response:
    """A waiting job ends at once, a running one at its next step; a finished one stays as it is."""

    def act(session: Any) -> JobOut:
        _check(caller, jobs.get(session, job_id))
        jobs.cancel(session, job_id, caller.person.id)
        return told(jobs.get(session, job_id))

    return once(request, caller, key, None, act, 200)


@router.post("/jobs/{job_id}/again", response_model=JobOut, responses=documented(404, 409))
def try_again(request: Request, job_id: Id, caller: Starter, key: Key = None) -> Response:
    """Start a failed or cancelled job again, as the same one: what it has done stays done. 422 for any other."""
    from app.worker.jobs import try_again as again

    def act(session: Any) -> JobOut:
        _check(caller, jobs.get(session, job_id))
        return told(again(session, job_id, caller.person.id))

    return once(request, caller, key, None, act, 200)


class Started(BaseModel):
    """How many items are queued, at most 10,000 at once: ask again for the rest."""

    items: int


@router.post("/projects/{project_id}/answers", response_model=Started, responses=documented(404, 409))
def answer_missing(request: Request, project_id: Id, caller: Starter, key: Key = None) -> Response:
    """Let the model answer every item that has no answer; asking twice queues nothing twice."""
    caller.in_project(project_id)

    def act(session: Any) -> Started:
        return Started(items=answering.answer_missing(session, project_id, caller.person.id))

    return once(request, caller, key, None, act, 200)


@router.post(
    "/projects/{project_id}/critics/train", status_code=201, response_model=JobOut, responses=documented(404, 409)
)
def train_critic(request: Request, project_id: Id, caller: Starter, key: Key = None) -> Response:
    """Train the step critic on people's labels now. 422 where there are too few."""
    caller.in_project(project_id)

    def act(session: Any) -> JobOut:
        projects.get(session, project_id)
        if missing := too_few(session, project_id):
            raise ValueError(missing)
        return told(jobs.get(session, fit_critic(session, project_id, user_id=caller.person.id)))

    return once(request, caller, key, None, act)


@router.post(
    "/projects/{project_id}/lessons/trials", status_code=201, response_model=JobOut, responses=documented(404, 409)
)
def try_lessons(request: Request, project_id: Id, caller: Starter, key: Key = None) -> Response:
    """Answer a draw of decided items with and without lessons now."""
    caller.in_project(project_id)

    def act(session: Any) -> JobOut:
        projects.get(session, project_id)
        return told(jobs.get(session, waking.try_lessons(session, project_id, user_id=caller.person.id)))

    return once(request, caller, key, None, act)


def _check(caller: Caller, row: Job) -> None:
    """Jobs without a project are for admins, and not for a token of one project."""
    if row.project_id is not None:
        caller.in_project(row.project_id)
    elif caller.project_id is not None:
        raise Problem(403, "other_project", "This token opens another project only.")
    elif not caller.person.may(Role.ADMIN):
        raise Problem(403, "missing_role", "This job belongs to no project: it is for admins.")
