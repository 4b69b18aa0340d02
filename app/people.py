"""What is done to people beyond a row: a new password that is shown once, and nobody shuts themselves out of a project."""

from __future__ import annotations

import secrets

from sqlalchemy.orm import Session

from app import auth
from core.types import Role
from store import users
from store.engine import Database


def new_password() -> tuple[str, str]:
    """One that can be read out, and its hash. Slow on purpose: make it before the transaction that keeps it."""
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    return password, auth.hash_password(password)


def reset_password(db: Database, user_id: int, by: int) -> tuple[str, str]:
    """The person's name and the new password, which is kept nowhere; their sessions end. Raises ``LookupError``."""
    password, hashed = new_password()
    with db.write() as session:
        name = users.get(session, user_id).name
        users.set_password(session, user_id, hashed, by=by)
    return name, password


def stay_in(session: Session, project_id: int, person: auth.Person) -> None:
    """Raises ``ValueError`` when the person could not undo what they just did."""
    held = users.standing(session, person.id, person.role)
    if not auth.Person(person.id, person.name, person.role, held).may(Role.LEAD, project_id):
        raise ValueError("you would lose the project yourself: make yourself lead of it first, or ask an admin")
