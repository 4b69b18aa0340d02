"""People over the API, as on the page *People*: list, add, change role or access, give a new password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints

from app import auth, people
from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from core.scopes import Scope
from core.types import Role
from store import listing, users
from store.tables import User

router = APIRouter(tags=["people"], prefix="/people")
Writer = Annotated[Caller, needs(Scope.PEOPLE_WRITE)]
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00]*\S[^\x00]*$")]
Password = Annotated[str, StringConstraints(min_length=auth.MIN_PASSWORD, max_length=1024)]


class PersonOut(BaseModel):
    """``seen_at`` is the last visit of a page, to about a minute."""

    id: int
    name: str
    role: Role
    active: bool
    created_at: datetime
    seen_at: datetime | None


class NewPerson(Body):
    name: PersonName
    role: Role = Role.ANNOTATOR
    password: Password


class PersonChanges(Body):
    """What is left out stays. A changed role ends the person's sessions; who is not active cannot sign in."""

    role: Role | None = None
    active: bool | None = None


class SignedOut(BaseModel):
    """Of how many browsers."""

    sessions: int


class NewPassword(BaseModel):
    """Shown this once."""

    name: str
    password: str


def told(row: User) -> PersonOut:
    return PersonOut.model_validate(row, from_attributes=True)


def everywhere(caller: Caller) -> None:
    """Raises 403 for a token of one project: this is about the whole installation."""
    if caller.project_id is not None:
        raise Problem(403, "other_project", "This token opens one project only.")


@router.get("", responses=documented())
def list_people(state: State, caller: Writer, where: Paging) -> Page[PersonOut]:
    everywhere(caller)
    with state.db.read() as session:
        rows = listing.people(session, after=where.after, limit=where.limit + 1)
    return Page[PersonOut](**where.page([told(row) for row in rows], [row.id for row in rows]))


@router.post("", status_code=201, response_model=PersonOut, responses=documented(409))
def add_person(request: Request, new: NewPerson, caller: Writer, key: Key = None) -> Response:
    """409 for a name that is taken, in whatever case."""
    everywhere(caller)
    hashed = auth.hash_password(new.password)

    def act(session: Any) -> PersonOut:
        if users.by_name(session, new.name) is not None:
            raise Problem(409, "name_taken", f"Somebody is called {new.name.strip()} already: choose another name.")
        return told(users.create(session, new.name, new.role, hashed, by=caller.person.id))

    return once(request, caller, key, new, act)


@router.get("/{person_id}", responses=documented(404))
def get_person(person_id: Id, state: State, caller: Writer) -> PersonOut:
    everywhere(caller)
    with state.db.read() as session:
        return told(users.get(session, person_id))


@router.patch("/{person_id}", responses=documented(404))
def change_person(person_id: Id, changes: PersonChanges, state: State, caller: Writer) -> PersonOut:
    """422 where nobody would stay admin, and for deactivating oneself."""
    everywhere(caller)
    with state.db.write() as session:
        user = users.get(session, person_id)
        if changes.role is not None and changes.role != user.role:
            users.set_role(session, person_id, changes.role, by=caller.person.id)
        if changes.active is not None and changes.active != user.active:
            act = users.activate if changes.active else users.deactivate
            act(session, person_id, by=caller.person.id)
        return told(user)


@router.post("/{person_id}/password", response_model=NewPassword, responses=documented(404, 409))
def reset_password(request: Request, person_id: Id, caller: Writer, key: Key = None) -> Response:
    """A new password, and the end of the person's sessions. 409 for a key that came before: it is shown once."""
    everywhere(caller)
    password, hashed = people.new_password()

    def act(session: Any) -> NewPassword:
        name = users.get(session, person_id).name
        users.set_password(session, person_id, hashed, by=caller.person.id)
        return NewPassword(name=name, password=password)

    return once(request, caller, key, None, act, 200, secret=True)


@router.post("/{person_id}/sign-out", response_model=SignedOut, responses=documented(404, 409))
def sign_out(request: Request, person_id: Id, caller: Writer, key: Key = None) -> Response:
    """Out of every browser; their tokens stay."""
    everywhere(caller)

    def act(session: Any) -> SignedOut:
        return SignedOut(sessions=users.end_sessions(session, person_id, by=caller.person.id))

    return once(request, caller, key, None, act, 200)
