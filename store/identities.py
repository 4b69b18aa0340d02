"""Accounts at a sign-in provider and the people that they belong to: by issuer and subject, which never change hands."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.permissions import includes
from core.types import Role
from store import audit, users
from store.tables import User, UserIdentity
from store.text import clean


def person_of(session: Session, issuer: str, subject: str) -> User | None:
    """Who this account belongs to."""
    query = select(User).join(UserIdentity, UserIdentity.user_id == User.id)
    return session.scalar(query.where(UserIdentity.issuer == issuer, UserIdentity.subject == subject))


def link(session: Session, user_id: int, issuer: str, subject: str) -> None:
    """Let the account sign in as this person from now on."""
    session.add(UserIdentity(user_id=user_id, issuer=issuer, subject=subject))
    new = {"issuer": issuer, "subject": subject}
    audit.record(session, "user.link", "user_account", user_id, user_id=None, new=new)
    session.flush()


def create(session: Session, issuer: str, subject: str, name: str) -> User:
    """A new annotator for an account that belongs to nobody. Where the name is taken, a number follows it: it is somebody else."""
    base = clean(name).strip()[:70] or "unnamed"
    free, number = base, 2
    while users.by_name(session, free) is not None:
        free, number = f"{base} ({number})", number + 1
    user = users.create(session, free, Role.ANNOTATOR.value)
    link(session, user.id, issuer, subject)
    return user


def follow(session: Session, user: User, role: Role) -> None:
    """Give a person the role that the provider's groups say. The last admin stays one, lest nobody can put the mapping right."""
    if user.role == role:
        return
    if includes(Role(user.role), Role.ADMIN) and not users.another_admin(session, user.id):
        return
    users.set_role(session, user.id, role.value)
