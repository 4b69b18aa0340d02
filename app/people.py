"""What admins do to people beyond a row: a new password that is shown once."""

from __future__ import annotations

import secrets

from app import auth
from store import users
from store.engine import Database


def reset_password(db: Database, user_id: int, by: int) -> tuple[str, str]:
    """The person's name and the new password, which is kept nowhere; their sessions end. Raises ``LookupError``."""
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    hashed = auth.hash_password(password)
    with db.write() as session:
        name = users.get(session, user_id).name
        users.set_password(session, user_id, hashed, by=by)
    return name, password
