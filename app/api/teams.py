"""Teams and the members of projects over the API, as on the pages *People* and *Projects*."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlalchemy.orm import Session

from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.people import everywhere
from app.api.problems import documented
from app.people import stay_in
from core.scopes import Scope
from core.types import Role
from store import listing, projects, teams
from store.tables import Team

router = APIRouter(tags=["people"])
Admin = Annotated[Caller, needs(Scope.PEOPLE_WRITE)]
Lead = Annotated[Caller, needs(Scope.PROJECTS_WRITE)]
TeamName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00]*\S[^\x00]*$")]
People = Annotated[list[Annotated[int, Field(ge=1, le=LARGEST)]], Field(max_length=1000)]


class TeamOut(BaseModel):
    id: int
    name: str
    people: list[int]


class NewTeam(Body):
    name: TeamName
    people: People = Field(default_factory=list)


class TeamChanges(Body):
    """What is left out stays; ``people`` are all of them from now on."""

    name: TeamName | None = None
    people: People | None = None


class MemberOut(BaseModel):
    """``id`` is that of the person or the team."""

    kind: Literal["person", "team"]
    id: int
    name: str
    role: Role


class MembersOut(BaseModel):
    """``restricted``: nobody but these and admins sees the project; else members may have a higher role in it than elsewhere."""

    restricted: bool
    members: list[MemberOut]


class MemberChange(Body):
    """A person or a team, and their role in the project; null takes it away."""

    person_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    team_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    role: Literal["annotator", "expert", "lead"] | None

    @model_validator(mode="after")
    def one(self) -> MemberChange:
        if (self.person_id is None) == (self.team_id is None):
            raise ValueError("give person_id or team_id, one of them")
        return self


class Restriction(Body):
    restricted: bool


@router.get("/teams", responses=documented())
def list_teams(state: State, caller: Admin, where: Paging) -> Page[TeamOut]:
    everywhere(caller)
    with state.db.read() as session:
        rows = listing.teams(session, after=where.after, limit=where.limit + 1)
        told = _told(session, *rows)
    return Page[TeamOut](**where.page(told, [row.id for row in rows]))


@router.post("/teams", status_code=201, response_model=TeamOut, responses=documented(404, 409))
def add_team(request: Request, new: NewTeam, caller: Admin, key: Key = None) -> Response:
    """422 for a name that is taken, in whatever case."""
    everywhere(caller)

    def act(session: Session) -> TeamOut:
        team = teams.create(session, new.name, by=caller.person.id)
        teams.set_people(session, team.id, new.people, by=caller.person.id)
        return _told(session, team)[0]

    return once(request, caller, key, new, act)


@router.get("/teams/{team_id}", responses=documented(404))
def get_team(team_id: Id, state: State, caller: Admin) -> TeamOut:
    everywhere(caller)
    with state.db.read() as session:
        return _told(session, teams.get(session, team_id))[0]


@router.patch("/teams/{team_id}", responses=documented(404))
def change_team(team_id: Id, changes: TeamChanges, state: State, caller: Admin) -> TeamOut:
    """What the team may do, its people may do from now on."""
    everywhere(caller)
    with state.db.write() as session:
        team = teams.get(session, team_id)
        if changes.name is not None and changes.name.strip() != team.name:
            teams.rename(session, team_id, changes.name, by=caller.person.id)
        if changes.people is not None:
            teams.set_people(session, team_id, changes.people, by=caller.person.id)
        return _told(session, team)[0]


@router.delete("/teams/{team_id}", status_code=204, responses=documented(404))
def remove_team(team_id: Id, state: State, caller: Admin) -> Response:
    """What was granted to it goes with it; its people stay."""
    everywhere(caller)
    with state.db.write() as session:
        teams.remove(session, team_id, by=caller.person.id)
    return Response(status_code=204)


@router.get("/projects/{project_id}/members", responses=documented(404))
def list_members(project_id: Id, state: State, caller: Lead) -> MembersOut:
    """All of them, teams first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        return _members(session, project_id)


@router.put("/projects/{project_id}/members", responses=documented(404))
def set_member(project_id: Id, change: MemberChange, state: State, caller: Lead) -> MembersOut:
    """Give somebody a role in the project, another one, or none any more. 422 where one would lose the project oneself."""
    caller.in_project(project_id)
    who = {"user_id": change.person_id, "team_id": change.team_id}
    with state.db.write() as session:
        teams.set_member(session, project_id, change.role, by=caller.person.id, **who)
        stay_in(session, project_id, caller.person)
        return _members(session, project_id)


@router.put("/projects/{project_id}/access", responses=documented(404))
def restrict(project_id: Id, wanted: Restriction, state: State, caller: Lead) -> MembersOut:
    """Close the project to everybody but its members, or open it. 422 where one would lose it oneself."""
    caller.in_project(project_id)
    with state.db.write() as session:
        teams.restrict(session, project_id, wanted.restricted, by=caller.person.id)
        stay_in(session, project_id, caller.person)
        return _members(session, project_id)


def _told(session: Session, *rows: Team) -> list[TeamOut]:
    inside = teams.people_of(session)
    return [TeamOut(id=row.id, name=row.name, people=[one.id for one in inside.get(row.id, [])]) for row in rows]


def _members(session: Any, project_id: int) -> MembersOut:
    project = projects.get(session, project_id)
    found = [MemberOut.model_validate(one, from_attributes=True) for one in teams.members(session, project_id)]
    return MembersOut(restricted=project.restricted, members=found)
