"""Files in, over the API: rows of items and answers, and knowledge bases; each is read by a job whose result is its report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel

from app import uploads
from app.api.access import Caller, needs
from app.api.common import Id, Page, Paging, State
from app.api.jobs import JobOut
from app.api.jobs import told as job_told
from app.api.problems import Problem, documented
from app.importing import empty_report, mapping_for
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
MAX_MAPPING = 10_000


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


def _told(row: Job) -> ImportOut:
    known: Mapping[str, Any] = {**empty_report(), **{k: v for k, v in row.result.items() if k in empty_report()}}
    return ImportOut(job=job_told(row), report=ImportReport.model_validate(known))


@router.post("/projects/{project_id}/imports", status_code=201, responses=documented(404))
def import_file(
    project_id: Id,
    state: State,
    caller: Writer,
    file: Upload,
    mapping: Annotated[
        str, Form(max_length=MAX_MAPPING, description="JSON, role to column; guessed where it is empty")
    ] = "",
) -> ImportOut:
    """Queue a file. 422 where no column holds a prompt, with the columns that there are."""
    caller.in_project(project_id)
    suffix = Path(file.filename or "").suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"the file's name ends with one of {', '.join(SUFFIXES)}")
    wanted = _mapping(mapping)
    with state.db.read() as session:
        projects.get(session, project_id)
    kept = _keep(state, file, suffix)
    try:
        mapping_for(kept, wanted)
        known = columns(kept)
        named = [name for role in wanted.values() for name in (role if isinstance(role, list) else [role]) if name]
        if missing := [name for name in named if name not in known]:
            raise ValueError(f"no column {missing[0]!r}; there are: {', '.join(known[:50])}")
        with state.db.write() as session:
            return _told(uploads.import_items(session, project_id, kept, wanted, caller.person.id))
    except Exception:
        kept.unlink(missing_ok=True)
        raise


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


@router.post("/projects/{project_id}/lessons/import", status_code=201, responses=documented(404))
def import_lessons(
    project_id: Id,
    state: State,
    caller: LessonWriter,
    file: Annotated[UploadFile, File(description="a knowledge base as JSONL, or a JSON list")],
    as_they_stand: Annotated[bool, Query(description="active ones are used at once; for admins")] = False,
) -> JobOut:
    """As proposals, or as they stand in the file. A file that is damaged is refused whole, with the line."""
    caller.in_project(project_id)
    if as_they_stand and not caller.person.may(Role.ADMIN):
        raise Problem(403, "missing_role", "Only an admin can take lessons as they stand. Import them as proposals.")
    with state.db.read() as session:
        projects.get(session, project_id)
    kept = _keep(state, file, ".jsonl")
    try:
        knowledge_base.check(kept)
        with state.db.write() as session:
            return job_told(uploads.import_lessons(session, project_id, kept, as_they_stand, caller.person.id))
    except knowledge_base.BadKnowledgeBase as problem:
        kept.unlink(missing_ok=True)
        raise Problem(422, "bad_knowledge_base", str(problem)) from None
    except Exception:
        kept.unlink(missing_ok=True)
        raise


def _keep(state: Any, file: UploadFile, suffix: str) -> Path:
    """In the folder of uploads; what came is on disk already where it is large."""
    with tempfile.NamedTemporaryFile() as copy:
        while part := file.file.read(1 << 20):
            copy.write(part)
        copy.flush()
        return uploads.keep(state.settings, Path(copy.name), suffix)


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
