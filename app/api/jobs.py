"""Jobs for programs: how far long work is, and stopping it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.access import Caller, needs
from app.api.common import Id, Page, Paging, State
from app.api.problems import Problem, documented
from core.scopes import Scope
from core.types import JobState
from store import jobs, listing, projects
from store.tables import Job

router = APIRouter(tags=["jobs"])


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


@router.post("/jobs/{job_id}/cancel", responses=documented(404))
def cancel_job(job_id: Id, state: State, caller: Annotated[Caller, needs(Scope.ADMIN)]) -> JobOut:
    """A waiting job ends at once, a running one at its next step; a finished one stays as it is."""
    with state.db.write() as session:
        _check(caller, jobs.get(session, job_id))
        jobs.cancel(session, job_id, caller.person.id)
        return told(jobs.get(session, job_id))


def _check(caller: Caller, row: Job) -> None:
    """A token of one project sees nothing of jobs without a project."""
    if caller.project_id is not None and row.project_id is None:
        raise Problem(403, "other_project", "This token opens another project only.")
    if row.project_id is not None:
        caller.in_project(row.project_id)
