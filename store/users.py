"""People who can sign in, and their sessions. Tokens and passwords come here hashed; nothing here can turn them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core import permissions
from core.permissions import Grant, Standing
from core.types import Role
from store import audit, visibility
from store.clock import now
from store.engine import Database
from store.tables import Project, ProjectMember, TeamMember, User, UserSession
from store.text import clean

TOUCH_SECONDS = 60.0


def create(session: Session, name: str, role: str, password_hash: str | None = None, *, by: int | None = None) -> User:
    """A new person. Raises ``ValueError`` on an empty or taken name, or an unknown role."""
    name = clean(name).strip()
    if not 0 < len(name) <= 80:
        raise ValueError("a name has between 1 and 80 characters")
    if by_name(session, name) is not None:
        raise ValueError(f"somebody is called {name} already: choose another name")
    user = User(name=name, role=Role(role).value, password_hash=password_hash)
    session.add(user)
    session.flush()
    audit.record(session, "user.create", "user_account", user.id, user_id=by, new={"name": name, "role": user.role})
    return user


def by_name(session: Session, name: str) -> User | None:
    """Names are compared without regard to case."""
    return session.scalar(select(User).where(func.lower(User.name) == func.lower(clean(name).strip())))


def get(session: Session, user_id: int) -> User:
    """Raises ``LookupError``."""
    user = session.get(User, user_id)
    if user is None:
        raise LookupError(f"there is no user {user_id}")
    return user


def standing(session: Session, user_id: int, role: Role) -> Standing:
    """What the person holds now, in one statement; of an admin nothing is asked, who may do all."""
    if role is Role.ADMIN:
        return Standing(role)
    teams = select(TeamMember.team_id).where(TeamMember.user_id == user_id)
    theirs = (ProjectMember.user_id == user_id) | ProjectMember.team_id.in_(teams)
    rows = session.execute(
        select(Project.id, Project.restricted, ProjectMember.role)
        .outerjoin(ProjectMember, (ProjectMember.project_id == Project.id) & theirs)
        .where(Project.restricted.is_(True) | ProjectMember.id.is_not(None))
    ).all()
    restricted = {project_id for project_id, closed, _ in rows if closed}
    grants = [Grant(project_id, Role(held), user_id) for project_id, _, held in rows if held is not None]
    return permissions.standing(user_id, role, (), restricted, grants)


def list_all(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(User.name)).all()


def set_role(session: Session, user_id: int, role: str, *, by: int | None = None) -> None:
    """Change what a person may do and end their sessions. Raises ``ValueError`` when it would leave no admin."""
    user = get(session, user_id)
    if user.role == Role.ADMIN and Role(role) != Role.ADMIN:
        _keep_an_admin(session, user_id)
    audit.record(session, "user.role", "user_account", user_id, user_id=by, old={"role": user.role}, new={"role": role})
    user.role = Role(role).value
    end_all(session, user_id)


def set_password(session: Session, user_id: int, password_hash: str, *, by: int | None = None) -> None:
    """Replace the password's hash and end every session of the person."""
    get(session, user_id).password_hash = password_hash
    audit.record(session, "user.password", "user_account", user_id, user_id=by)
    end_all(session, user_id)


def deactivate(session: Session, user_id: int, *, by: int | None = None) -> None:
    """Refuse a person from now on; what they did stays. Raises ``ValueError`` for oneself, or when it would leave no admin."""
    user = get(session, user_id)
    if user_id == by:
        raise ValueError("you cannot deactivate yourself: ask another admin")
    if user.role == Role.ADMIN:
        _keep_an_admin(session, user_id)
    user.active = False
    audit.record(session, "user.deactivate", "user_account", user_id, user_id=by)
    end_all(session, user_id)


def activate(session: Session, user_id: int, *, by: int | None = None) -> None:
    """Let a deactivated person sign in again, with the password they had."""
    get(session, user_id).active = True
    audit.record(session, "user.activate", "user_account", user_id, user_id=by)


def another_admin(session: Session, but: int) -> bool:
    """Whether somebody else is an admin who can sign in."""
    others = select(func.count()).where(User.role == Role.ADMIN, User.active.is_(True), User.id != but)
    return bool(session.scalar(others))


def _keep_an_admin(session: Session, leaving: int) -> None:
    if not another_admin(session, leaving):
        raise ValueError("somebody must stay admin: make another person admin first")


def new_session(session: Session, user_id: int, token_sha256: str, expires_at: datetime) -> None:
    """Sign a browser in; sessions that have ended meanwhile are cleared away."""
    session.execute(delete(UserSession).where(UserSession.expires_at <= now()))
    session.add(UserSession(token_sha256=token_sha256, user_id=user_id, expires_at=expires_at))
    session.execute(update(User).where(User.id == user_id).values(seen_at=now()))
    session.flush()


def session_user(session: Session, token_sha256: str, idle_hours: float) -> User | None:
    """Who is signed in with this token, if the session is neither over nor idle for too long.

    Notes the visit at most once a minute, and only where the session can write: ``signed_in`` opens one when it is due.
    """
    found = _live(session, token_sha256, idle_hours)
    if found is None:
        return None
    row, user = found
    if _due(row) and not session.info.get("readonly"):
        row.seen_at = user.seen_at = now()
        session.flush()
    return user


def signed_in(db: Database, token_sha256: str, idle_hours: float) -> tuple[User, Standing] | None:
    """As ``session_user``, with what they hold: a read in the common case, and a short write about once a minute."""
    with visibility.everything(), db.read() as session:
        found = _live(session, token_sha256, idle_hours)
        held = standing(session, found[1].id, Role(found[1].role)) if found is not None else None
    if found is None or held is None:
        return None
    if not _due(found[0]):
        return found[1], held
    with db.write() as session:
        user = session_user(session, token_sha256, idle_hours)
        return (user, held) if user is not None else None


def _live(session: Session, token_sha256: str, idle_hours: float) -> tuple[UserSession, User] | None:
    moment = now()
    row = session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_sha256 == token_sha256,
            UserSession.expires_at > moment,
            UserSession.seen_at > moment - timedelta(hours=idle_hours),
            User.active.is_(True),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def _due(row: UserSession) -> bool:
    return row.seen_at <= now() - timedelta(seconds=TOUCH_SECONDS)


def end_session(session: Session, token_sha256: str) -> None:
    """Sign one browser out."""
    session.execute(delete(UserSession).where(UserSession.token_sha256 == token_sha256))


def end_sessions(session: Session, user_id: int, *, by: int | None) -> int:
    """Sign somebody else out everywhere; returns how many browsers that were. Raises ``LookupError``."""
    get(session, user_id)
    count = sessions_of(session).get(user_id, 0)
    audit.record(session, "user.sessions", "user_account", user_id, user_id=by, old={"sessions": count})
    end_all(session, user_id)
    return count


def sessions_of(session: Session) -> dict[int, int]:
    """How many browsers each person is signed in with; people with none are left out."""
    query = select(UserSession.user_id, func.count()).where(UserSession.expires_at > now())
    return {user_id: count for user_id, count in session.execute(query.group_by(UserSession.user_id))}


def end_all(session: Session, user_id: int) -> None:
    """Sign a person out everywhere."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))
    session.flush()
