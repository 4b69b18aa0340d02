"""Teams, and the members of projects. What membership means is in ``core.permissions``; every change is in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.permissions import IN_PROJECT
from core.types import Role
from store import audit, projects, users
from store.tables import ProjectMember, Team, TeamMember, User
from store.text import clean


@dataclass(frozen=True, slots=True)
class Member:
    """A line of a project's members: ``id`` of the person or team, its name, and the role in the project."""

    kind: str  # person, team
    id: int
    name: str
    role: Role


def create(session: Session, name: str, *, by: int | None) -> Team:
    """A team without members. Raises ``ValueError`` on an empty or taken name."""
    team = Team(name=_free_name(session, name))
    session.add(team)
    session.flush()
    audit.record(session, "team.create", "team", team.id, user_id=by, new={"name": team.name})
    return team


def rename(session: Session, team_id: int, name: str, *, by: int | None) -> Team:
    """Raises ``LookupError``; ``ValueError`` on an empty or taken name."""
    team = get(session, team_id)
    new = _free_name(session, name, but=team_id)
    audit.record(session, "team.rename", "team", team_id, user_id=by, old={"name": team.name}, new={"name": new})
    team.name = new
    session.flush()
    return team


def remove(session: Session, team_id: int, *, by: int | None) -> None:
    """The team and what was granted to it; its people stay. Raises ``LookupError``."""
    team = get(session, team_id)
    names = [user.name for user in people_of(session).get(team_id, [])]
    audit.record(session, "team.remove", "team", team_id, user_id=by, old={"name": team.name, "people": names})
    session.delete(team)
    session.flush()


def get(session: Session, team_id: int) -> Team:
    """Raises ``LookupError``."""
    team = session.get(Team, team_id)
    if team is None:
        raise LookupError(f"there is no team {team_id}")
    return team


def list_all(session: Session) -> Sequence[Team]:
    return session.scalars(select(Team).order_by(Team.name)).all()


def people_of(session: Session) -> dict[int, list[User]]:
    """The people of every team, by team and by name; teams without anybody are left out."""
    rows = session.execute(
        select(TeamMember.team_id, User).join(User, User.id == TeamMember.user_id).order_by(User.name)
    ).all()
    found: dict[int, list[User]] = {}
    for team_id, user in rows:
        found.setdefault(team_id, []).append(user)
    return found


def set_people(session: Session, team_id: int, user_ids: Sequence[int], *, by: int | None) -> None:
    """Make these the people of the team. Raises ``LookupError`` for a team or person that is not there."""
    get(session, team_id)
    wanted = {users.get(session, user_id).id for user_id in user_ids}
    there = set(session.scalars(select(TeamMember.user_id).where(TeamMember.team_id == team_id)))
    if wanted == there:
        return
    gone = TeamMember.user_id.in_(there - wanted)
    session.execute(delete(TeamMember).where(TeamMember.team_id == team_id, gone))
    session.add_all(TeamMember(team_id=team_id, user_id=user_id) for user_id in sorted(wanted - there))
    old, new = {"people": sorted(there)}, {"people": sorted(wanted)}
    audit.record(session, "team.people", "team", team_id, user_id=by, old=old, new=new)
    session.flush()


def _free_name(session: Session, name: str, but: int | None = None) -> str:
    name = clean(name).strip()
    if not 0 < len(name) <= 80:
        raise ValueError("a team's name has between 1 and 80 characters")
    taken = session.scalar(select(Team.id).where(func.lower(Team.name) == func.lower(name)))
    if taken not in (None, but):
        raise ValueError(f"there is a team {name} already: choose another name")
    return name


def restrict(session: Session, project_id: int, restricted: bool, *, by: int | None) -> None:
    """Close a project to everybody but its members, or open it. Raises ``store.projects.UnknownProject``."""
    project = projects.get(session, project_id)
    if project.restricted != restricted:
        old, new = {"restricted": project.restricted}, {"restricted": restricted}
        audit.record(session, "project.restrict", "project", project_id, user_id=by, old=old, new=new)
        project.restricted = restricted
        session.flush()


def members(session: Session, project_id: int) -> list[Member]:
    """Teams first, then people, by name."""
    rows = session.execute(
        select(ProjectMember, Team.name, User.name)
        .outerjoin(Team, Team.id == ProjectMember.team_id)
        .outerjoin(User, User.id == ProjectMember.user_id)
        .where(ProjectMember.project_id == project_id)
    ).all()
    found = [
        Member("team", row.team_id, team, Role(row.role))
        if row.team_id is not None
        else Member("person", row.user_id or 0, person, Role(row.role))
        for row, team, person in rows
    ]
    return sorted(found, key=lambda one: (one.kind == "person", one.name.lower()))


def set_member(
    session: Session,
    project_id: int,
    role: str | None,
    *,
    by: int | None,
    user_id: int | None = None,
    team_id: int | None = None,
) -> None:
    """Give a person or a team (one of them) a role in the project, another one, or with ``None`` none any more.

    Raises ``ValueError`` for a role that nobody has in a project, ``LookupError`` for what is not there.
    """
    projects.get(session, project_id)
    if (user_id is None) == (team_id is None):
        raise ValueError("a member is a person or a team")
    if role is not None and role not in IN_PROJECT:
        raise ValueError(f"the role in a project is one of {', '.join(IN_PROJECT)}")
    who = {"person": users.get(session, user_id).name} if user_id is not None else {}
    who |= {"team": get(session, team_id).name} if team_id is not None else {}
    row = session.scalar(
        select(ProjectMember).where(
            ProjectMember.project_id == project_id,
            ProjectMember.user_id == user_id if user_id is not None else ProjectMember.team_id == team_id,
        )
    )
    before = row.role if row is not None else None
    if before == role:
        return
    if row is None:
        session.add(ProjectMember(project_id=project_id, user_id=user_id, team_id=team_id, role=str(role)))
    elif role is None:
        session.delete(row)
    else:
        row.role = role
    old, new = {**who, "role": before}, {**who, "role": role}
    audit.record(session, "project.member", "project", project_id, user_id=by, old=old, new=new)
    session.flush()
