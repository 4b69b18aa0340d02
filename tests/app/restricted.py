"""A restricted project whose every row has one number and whose every free text has one mark, so that a walk can ask for all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import tables
from store.engine import Database
from store.tables.base import Text
from tests.factories import ALL, build

NUMBER = 777
MARK = "kept-from-strangers"
# What belongs to people, machines or nobody, and not to a project.
ELSEWHERE = {
    tables.ApiToken,
    tables.AuditEvent,
    tables.IdempotencyKey,
    tables.Team,
    tables.TeamMember,
    tables.ProjectMember,
    tables.User,
    tables.UserIdentity,
    tables.UserSession,
    tables.Worker,
}
TEMPLATES = Path(__file__).parents[2] / "assets" / "templates"


def actions() -> list[str]:
    """Every button of our own HTML."""
    return sorted({name for text in _templates() for name in re.findall(r'data-action="([a-z-]+)"', text)})


def attributes() -> list[str]:
    """Every value that such a button can carry."""
    return sorted({name for text in _templates() for name in re.findall(r'data-([a-z]+)="\{\{', text)})


def _templates() -> list[str]:
    return [path.read_text("utf-8") for path in TEMPLATES.rglob("*.html")]


def fill(session: Session, user_id: int) -> None:
    """A row in every table that can hang below a project, all of the restricted project; ``user_id`` holds and wrote them."""
    order = {table: place for place, table in enumerate(tables.Base.metadata.sorted_tables)}
    for table in sorted(set(ALL) - ELSEWHERE, key=lambda one: order[one.__table__]):  # type: ignore[index]
        build(session, table, **_values(table, user_id))


def _values(table: Any, user_id: int) -> dict[str, Any]:
    values: dict[str, Any] = {"restricted": True, "slug": MARK, "name": MARK} if table is tables.Project else {}
    if table is tables.Assignment:
        values |= {"state": "claimed", "token": "t" * 64}
    for name, column in table.__mapper__.columns.items():
        targets = {key.column.table.name for key in column.foreign_keys}
        if name == "id" or (targets and "user_account" not in targets and _made_before(table, targets)):
            values[name] = NUMBER
        elif "user_account" in targets:
            values[name] = user_id
        elif isinstance(column.type, Text) and column.type.impl_instance.length is None:  # type: ignore[attr-defined]
            values.setdefault(name, f"{MARK} {name}")
    return values


def _made_before(table: Any, targets: set[str]) -> bool:
    names = [one.name for one in tables.Base.metadata.sorted_tables]
    return all(names.index(target) < names.index(table.__tablename__) for target in targets)


def dump(db: Database) -> dict[str, list[Any]]:
    """All rows of all tables but those that note visits."""
    with db.engine.connect() as connection:
        return {
            table.name: sorted(map(str, connection.execute(select(table)).all()))
            for table in tables.Base.metadata.sorted_tables
            if table.name not in ("user_account", "user_session", "api_token")
        }
