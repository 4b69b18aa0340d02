"""Exports for programs and for the page's download: start one, follow it, fetch the file; refused when a source was taken back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field, StringConstraints

from app import exporting
from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from core.exporters.containers import MEDIA, Container
from core.quality.indicators import NAMES
from core.scopes import Scope
from core.types import Verdict
from store import audit, evaluation_sets, exports, jobs, listing, projects, training_runs
from store.tables import Export, TrainingRun

router = APIRouter(tags=["exports"])
Reader = Annotated[Caller, needs(Scope.EXPORTS_READ)]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$")]


class QualityGate(Body):
    """Which rows go in. ``rule``: ``default``, ``fitted`` (from 12 training runs on) or an indicator; ``keep`` the best; leave out rows
    as near to a better one as ``near_duplicates`` (cosine), those that the evaluation set ``held`` holds, and those of authors with
    more wrong steps than ``max_step_error``."""

    rule: Literal["default", "fitted", *NAMES] | None = None  # type: ignore[valid-type]
    keep: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    near_duplicates: Annotated[float, Field(ge=0.5, le=1)] | None = None
    held: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    max_step_error: Annotated[float, Field(ge=0, le=1)] | None = None


class Filters(Body):
    """Bounds of the time of a review, in ISO 8601; ``verdict`` keeps items of which an output was judged so."""

    verdict: Verdict | None = None
    since: Moment | None = None
    until: Moment | None = None
    quality: QualityGate | None = None


class NewExport(Body):
    """``format`` is one of the exporters of REFERENCE.md; ``container`` the kind of file."""

    format: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    container: Container = "jsonl"
    filters: Filters = Filters()


class ExportOut(BaseModel):
    """``stale`` says why the file must not be used any more; ``error`` why it was not written."""

    id: int
    project_id: int
    format: str
    schema_version: int
    filters: dict[str, Any]
    state: Literal["waiting", "running", "ready", "stale", "failed"]
    rows: int
    sha256: str | None
    stale: str | None
    error: str
    job_id: int | None
    created_at: datetime
    finished_at: datetime | None


class NewSet(Body):
    """Texts of an evaluation set, as its items ask them."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    texts: Annotated[
        list[Annotated[str, StringConstraints(max_length=100_000)]],
        Field(min_length=1, max_length=evaluation_sets.MOST_TEXTS),
    ]


class SetOut(BaseModel):
    """``sha256`` names the set in the filters of an export."""

    sha256: str


class SetKept(SetOut):
    name: str
    count: int


class NewRun(Body):
    """``loss`` of the tuned model on your fixed evaluation set. ``means`` of the indicators are those of the export's rows where it was
    written with a quality gate."""

    loss: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    means: dict[Literal[*NAMES], Annotated[float, Field(allow_inf_nan=False)]] | None = None  # type: ignore[valid-type]
    note: Annotated[str, StringConstraints(max_length=500)] = ""


class RunOut(BaseModel):
    id: int
    export_id: int | None
    loss: float
    means: dict[str, float]
    note: str
    created_at: datetime


class Runs(BaseModel):
    """``rule``: coefficients of log loss, their leave-one-out ``r2`` and more, or ``why_not`` there is none yet."""

    runs: list[RunOut]
    rule: dict[str, Any] | None
    why_not: str


@router.post(
    "/projects/{project_id}/evaluation-sets", status_code=201, response_model=SetOut, responses=documented(404, 409)
)
def add_evaluation_set(
    request: Request,
    project_id: Id,
    new: NewSet,
    caller: Annotated[Caller, needs(Scope.EXPORTS_WRITE)],
    key: Key = None,
) -> Response:
    """Keep an evaluation set, so that exports can leave out what it holds. The same texts are kept once."""
    caller.in_project(project_id)

    def act(session: Any) -> SetOut:
        projects.get(session, project_id)
        return SetOut(sha256=evaluation_sets.add(session, project_id, new.name, new.texts, user_id=caller.person.id))

    return once(request, caller, key, new, act)


@router.get("/projects/{project_id}/evaluation-sets", responses=documented(404))
def list_evaluation_sets(project_id: Id, state: State, caller: Reader) -> list[SetKept]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = evaluation_sets.list_all(session, project_id)
    return [SetKept(sha256=row.sha256, name=row.name, count=row.count) for row in rows]


@router.post("/exports/{export_id}/runs", status_code=201, response_model=RunOut, responses=documented(404, 409))
def add_run(
    request: Request,
    export_id: Id,
    new: NewRun,
    caller: Annotated[Caller, needs(Scope.EXPORTS_WRITE)],
    key: Key = None,
) -> Response:
    """Record that a model was trained on an export; from twelve on, they give a rule."""

    def act(session: Any) -> RunOut:
        export = exports.get(session, export_id)
        caller.in_project(export.project_id)
        try:
            run = training_runs.add(
                session, export, loss=new.loss, means=new.means, note=new.note, user_id=caller.person.id
            )
        except training_runs.NoMeans as problem:
            raise Problem(409, "not_scored", str(problem)) from problem
        return _run(run)

    return once(request, caller, key, new, act)


@router.get("/projects/{project_id}/runs", responses=documented(404))
def list_runs(project_id: Id, state: State, caller: Reader) -> Runs:
    """All training runs, the oldest first, and the rule that they give."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rule, why = training_runs.rule_or_why(session, project_id)
        rows = [_run(row) for row in training_runs.list_all(session, project_id)]
    return Runs(runs=rows, rule=rule.to_json() if rule else None, why_not=why)


def _run(row: TrainingRun) -> RunOut:
    return RunOut(**{name: getattr(row, name) for name in RunOut.model_fields})


@router.post(
    "/projects/{project_id}/exports", status_code=201, response_model=ExportOut, responses=documented(404, 409)
)
def start_export(
    request: Request,
    project_id: Id,
    new: NewExport,
    caller: Annotated[Caller, needs(Scope.EXPORTS_WRITE)],
    key: Key = None,
) -> Response:
    """Queue an export; ask for it until its state is ``ready``."""
    caller.in_project(project_id)

    def act(session: Any) -> ExportOut:
        from core.exporters import REGISTRY
        from core.lessons.knowledge_base import FORMAT

        if new.format not in {FORMAT, *(member.name for member in REGISTRY)}:
            raise Problem(422, "no_such_format", f"There is no format {new.format!r}. REFERENCE.md lists them.")
        projects.get(session, project_id)
        row = exporting.enqueue(
            session,
            project_id,
            format=new.format,
            container=new.container,
            filters=new.filters.model_dump(mode="json", exclude_none=True),
            user_id=caller.person.id,
        )
        return _told(session, row)

    return once(request, caller, key, new, act)


@router.get("/projects/{project_id}/exports", responses=documented(404))
def list_exports(project_id: Id, state: State, caller: Reader, where: Paging) -> Page[ExportOut]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.exports(session, project_id, after=where.after, limit=where.limit + 1)
        told = [_told(session, row) for row in rows]
    return Page[ExportOut](**where.page(told, [row.id for row in rows]))


@router.get("/exports/{export_id}", responses=documented(404))
def get_export(export_id: Id, state: State, caller: Reader) -> ExportOut:
    with state.db.read() as session:
        row = exports.get(session, export_id)
        caller.in_project(row.project_id)
        return _told(session, row)


@router.get(
    "/exports/{export_id}/file",
    response_class=FileResponse,
    responses={
        **documented(404, 409, 410),
        200: {
            "description": "The file",
            "content": {media: {} for media in sorted({*MEDIA.values(), "application/octet-stream"})},
        },
    },
)
def download(export_id: Id, state: State, caller: Reader) -> Response:
    """The file, as a stream. 404 unknown or unwritten, 409 stale, 410 deleted."""
    with state.db.read() as session:
        export = exports.get(session, export_id)
    caller.in_project(export.project_id)
    if export.path is None:
        raise Problem(404, "not_written", "There is no such file yet. See the Exports page for its progress.")
    if export.stale_why:
        raise Problem(409, "stale", f"This export is out of date: {export.stale_why}. Make a new one.")
    path = state.settings.exports_dir.resolve() / Path(export.path).name  # the worker may see the folder elsewhere
    if not path.is_file():
        raise Problem(410, "gone", "The file is no longer on disk. Make a new export.")
    with state.db.write() as session:
        audit.record(session, "export.download", "export", export_id, user_id=caller.person.id)
    return FileResponse(
        path,
        media_type=MEDIA.get(path.suffix, "application/octet-stream"),
        filename=path.name,
        headers={"cache-control": "no-store", "content-security-policy": "sandbox"},
    )


def _told(session: Any, row: Export) -> ExportOut:
    job = jobs.get(session, row.job_id) if row.job_id is not None else None
    state: Any = "ready" if row.path is not None else "waiting"
    if row.stale_why:
        state = "stale"
    elif row.path is None and job is not None:
        state = {"running": "running", "failed": "failed", "cancelled": "failed"}.get(job.state, "waiting")
    own = {name: getattr(row, name) for name in ExportOut.model_fields if name not in ("state", "stale", "error")}
    return ExportOut(**own, state=state, stale=row.stale_why, error=job.error if job is not None else "")
