"""Files in, over the API: rows of items and answers, and knowledge bases; each is read by a job whose result is its report."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel

from app import uploads
from app.api.access import Caller, needs
from app.api.common import Id, Key, Page, Paging, State, once
from app.api.jobs import JobOut
from app.api.jobs import told as job_told
from app.api.problems import Problem, documented
from app.importing import empty_report, mapping_for
from core.exporters.reading import recognised
from core.importing import columns
from core.lessons import knowledge_base
from core.scopes import Scope
from core.types import Role
from store import jobs, listing, projects
from store.tables import Job

router = APIRouter(tags=["imports"])
Writer = Annotated[Caller, needs(Scope.ITEMS_WRITE)]
LessonWriter = Annotated[Caller, needs(Scope.LESSONS_WRITE)]
Upload = Annotated[UploadFile, File(description="JSONL, JSON, CSV, TSV or Parquet, by the end of its name")]
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
FOLDER = ".zip"  # an exported data set
MAX_MAPPING = 10_000
T = TypeVar("T")


class RowProblem(BaseModel):
    """``row`` counts from 1."""

    row: int
    message: str


class ImportReport(BaseModel):
    """What became of the rows so far; ``errors`` are the first ones of ``error_count``."""

    rows: int
    added: int
    updated: int
    unchanged: int
    images: int
    answers: int
    error_count: int
    errors: list[RowProblem]


class ImportOut(BaseModel):
    """``job`` is done when all rows were read; a row that was refused does not stop the others."""

    job: JobOut
    report: ImportReport


class Sent(BaseModel):
    """What an upload is told by when it comes again under its key."""

    name: str
    sha256: str
    mapping: dict[str, Any] = {}
    back: bool = False


def _told(row: Job) -> ImportOut:
    known: Mapping[str, Any] = {**empty_report(), **{k: v for k, v in row.result.items() if k in empty_report()}}
    return ImportOut(job=job_told(row), report=ImportReport.model_validate(known))


@router.post(
    "/projects/{project_id}/imports", status_code=201, response_model=ImportOut, responses=documented(404, 409)
)
def import_file(
    request: Request,
    project_id: Id,
    state: State,
    caller: Writer,
    file: Upload,
    mapping: Annotated[
        str, Form(max_length=MAX_MAPPING, description="JSON, role to column; guessed where it is empty")
    ] = "",
    back: Annotated[
        bool, Form(description="a file that was exported here: reviews and corrections come back too")
    ] = False,
    key: Key = None,
) -> Response:
    """Queue a file. 422 where no column holds a prompt, with the columns that there are.

    With ``back`` its format is recognised, a zip file may be an exported data set, and only an admin may: it holds what people said.
    """
    caller.in_project(project_id)
    suffix = Path(file.filename or "").suffix.lower()
    if suffix not in (*SUFFIXES, *((FOLDER,) if back else ())):
        raise ValueError(f"the file's name ends with one of {', '.join(SUFFIXES)}")
    if back and not caller.person.may(Role.ADMIN):
        raise Problem(403, "missing_role", "Only an admin can bring back what people said. Import the file as items.")
    wanted = _mapping(mapping)
    with state.db.read() as session:
        projects.get(session, project_id)

    def queue(session: Any, kept: Path, format: str | None) -> ImportOut:
        return _told(uploads.import_items(session, project_id, kept, wanted, caller.person.id, format))

    with _kept(state, file, suffix) as (kept, sha256, taken):
        format = _exported_as(kept) if back else None
        if format is None:
            _fits(kept, wanted)
        sent = Sent(name=file.filename or "", sha256=sha256, mapping=wanted, back=back)
        return once(request, caller, key, sent, lambda session: taken(queue(session, kept, format)))


def _exported_as(kept: Path) -> str:
    """The exporter that wrote the file. Raises ``ValueError``."""
    format = recognised(kept)
    if format is None:
        raise ValueError("this is no file that was exported here, or of a format that cannot come back")
    return format


def _fits(kept: Path, wanted: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` where the mapping names no prompt, or a column that is not there."""
    mapping_for(kept, wanted)
    known = columns(kept)
    named = [name for role in wanted.values() for name in (role if isinstance(role, list) else [role]) if name]
    if missing := [name for name in named if name not in known]:
        raise ValueError(f"no column {missing[0]!r}; there are: {', '.join(known[:50])}")


@router.get("/projects/{project_id}/imports", responses=documented(404))
def list_imports(project_id: Id, state: State, caller: Writer, where: Paging) -> Page[ImportOut]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.jobs(session, project_id, kind="import", after=where.after, limit=where.limit + 1)
    return Page[ImportOut](**where.page([_told(row) for row in rows], [row.id for row in rows]))


@router.get("/imports/{job_id}", responses=documented(404))
def get_import(job_id: Id, state: State, caller: Writer) -> ImportOut:
    """How far it is, and which rows were refused why."""
    with state.db.read() as session:
        row = jobs.get(session, job_id)
    if row.kind != "import" or row.project_id is None:
        raise LookupError(f"there is no import {job_id}")
    caller.in_project(row.project_id)
    return _told(row)


@router.post(
    "/projects/{project_id}/lessons/import", status_code=201, response_model=JobOut, responses=documented(404, 409)
)
def import_lessons(
    request: Request,
    project_id: Id,
    state: State,
    caller: LessonWriter,
    file: Annotated[UploadFile, File(description="a knowledge base as JSONL, or a JSON list")],
    as_they_stand: Annotated[bool, Query(description="active ones are used at once; for admins")] = False,
    key: Key = None,
) -> Response:
    """As proposals, or as they stand in the file. A file that is damaged is refused whole, with the line."""
    caller.in_project(project_id)
    if as_they_stand and not caller.person.may(Role.ADMIN):
        raise Problem(403, "missing_role", "Only an admin can take lessons as they stand. Import them as proposals.")
    with state.db.read() as session:
        projects.get(session, project_id)

    def queue(session: Any, kept: Path) -> JobOut:
        return job_told(uploads.import_lessons(session, project_id, kept, as_they_stand, caller.person.id))

    with _kept(state, file, ".jsonl") as (kept, sha256, taken):
        try:
            knowledge_base.check(kept)
        except knowledge_base.BadKnowledgeBase as problem:
            raise Problem(422, "bad_knowledge_base", str(problem)) from None
        sent = Sent(name=file.filename or "", sha256=sha256)
        return once(request, caller, key, sent, lambda session: taken(queue(session, kept)))


@contextmanager
def _kept(state: Any, file: UploadFile, suffix: str) -> Iterator[tuple[Path, str, Callable[[T], T]]]:
    """A copy in the folder of uploads with its hash; it goes again unless its job was ``taken`` down: for a refusal or a replay."""
    digest, jobs_made = hashlib.sha256(), []
    with tempfile.NamedTemporaryFile() as copy:
        while part := file.file.read(1 << 20):
            copy.write(part)
            digest.update(part)
        copy.flush()
        kept = uploads.keep(state.settings, Path(copy.name), suffix)

    def taken(answer: T) -> T:
        jobs_made.append(answer)
        return answer

    try:
        yield kept, digest.hexdigest(), taken
    except BaseException:
        jobs_made.clear()
        raise
    finally:
        if not jobs_made:
            kept.unlink(missing_ok=True)


def _mapping(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError("mapping is a JSON object, role to column") from None
    fits = isinstance(found, dict) and all(
        isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        for value in found.values()
    )
    if not fits:
        raise ValueError("mapping is a JSON object, role to column; meta to a list of columns")
    return dict(found)
