"""Projects over the API: list, look at, add, change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app import choosing
from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, LongText, Name, Page, Paging, State, once
from app.api.problems import Problem, documented
from core.scopes import Scope
from core.types import ItemType, Role
from store import listing, projects
from store.tables import Project

router = APIRouter(tags=["projects"], prefix="/projects")
Reader = Annotated[Caller, needs(Scope.PROJECTS_READ)]
Writer = Annotated[Caller, needs(Scope.PROJECTS_WRITE)]


class ProjectOut(BaseModel):
    id: int
    slug: str
    name: str
    item_type: ItemType
    labels: list[str]
    guidelines: str
    settings: dict[str, Any]
    licence: str
    created_at: datetime


class NewProject(Body):
    """``settings`` are those of the page *Projects*; what is left out gets its default."""

    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
    name: Name
    item_type: ItemType = ItemType.REASONING
    labels: Annotated[list[Name], Field(max_length=200)] = Field(default_factory=list)
    guidelines: LongText = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    licence: Annotated[str, StringConstraints(max_length=200)] = ""


class Changes(Body):
    """What is left out stays. ``settings`` are merged into those that are there, by their first level."""

    name: Name | None = None
    guidelines: LongText | None = None
    labels: Annotated[list[Name], Field(max_length=200)] | None = None
    settings: dict[str, Any] | None = None
    licence: Annotated[str, StringConstraints(max_length=200)] | None = None


def told(row: Project) -> ProjectOut:
    return ProjectOut.model_validate(row, from_attributes=True)


@router.get("", responses=documented())
def list_projects(state: State, caller: Reader, where: Paging) -> Page[ProjectOut]:
    """Projects in use."""
    with state.db.read() as session:
        rows = listing.projects(session, only=caller.project_id, after=where.after, limit=where.limit + 1)
    return Page[ProjectOut](**where.page([told(row) for row in rows], [row.id for row in rows]))


@router.post("", status_code=201, response_model=ProjectOut, responses=documented(409))
def add_project(request: Request, new: NewProject, caller: Writer, key: Key = None) -> Response:
    """A new project with its queues. 409 for a slug that is taken."""
    if caller.project_id is not None:
        raise Problem(403, "other_project", "This token opens one project only.")
    if not caller.person.may(Role.ADMIN):
        raise Problem(403, "missing_role", "This needs the role admin. Ask an admin.")

    def act(session: Any) -> ProjectOut:
        if projects.by_slug(session, new.slug) is not None:
            raise Problem(409, "slug_taken", f"There is a project {new.slug!r} already: choose another slug.")
        return told(projects.create(session, **new.model_dump(), user_id=caller.person.id))

    return once(request, caller, key, new, act)


@router.get("/{project_id}", responses=documented(404))
def get_project(project_id: Id, state: State, caller: Reader) -> ProjectOut:
    caller.in_project(project_id)
    with state.db.read() as session:
        return told(projects.get(session, project_id))


@router.patch("/{project_id}", responses=documented(404))
def change_project(project_id: Id, changes: Changes, state: State, caller: Writer) -> ProjectOut:
    caller.in_project(project_id)
    wanted = changes.model_dump(exclude_none=True)
    with state.db.write() as session:
        if "settings" in wanted:
            wanted["settings"] = {**projects.get(session, project_id).settings, **wanted["settings"]}
        return told(choosing.change_project(session, project_id, caller.person.id, **wanted))
