"""Tokens of programs: kept as hashes, found, expired, revoked, and never wider than their owner's role."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from core.types import Role
from store import audit, tokens, users
from store.engine import Database
from tests.conftest import Clock
from tests.factories import build


def test_a_token_is_found_by_its_text_alone_and_kept_nowhere(db: Database) -> None:
    with db.write() as session:
        ada = users.create(session, "ada", "admin").id
        row, said = tokens.create(session, ada, "ci", ["items:write", "jobs:read"])
        kept = str(list(session.execute(text("SELECT * FROM api_token"))))
        events = audit.page(session, action="token.create")
    secret = said.split("_", 2)[2]
    assert secret not in kept and secret not in str([event.new for event in events])
    with db.read() as session:
        holder = tokens.find(session, said)
        assert holder is not None and (holder.user_id, holder.role) == (ada, Role.ADMIN)
        assert holder.scopes == {"items:write", "jobs:read"} and holder.token_id == row.id
        for wrong in (said[:-1], said + "x", said.replace("corr", "corx"), f"corr_{row.key}_", "corr__", "", "x" * 999):
            assert tokens.find(session, wrong) is None, wrong


def test_a_token_ends_when_it_expires_is_revoked_or_its_owner_goes(db: Database, clock: Clock) -> None:
    with db.write() as session:
        build(session, tokens.User, name="root", role="admin")
        ada = users.create(session, "ada", "admin").id
        (_, short), (long, lasting), (_, third) = (
            tokens.create(session, ada, "t", ["admin"], days=days) for days in (1, None, 30)
        )
    clock.forward(86_401)
    with db.write() as session:
        assert tokens.find(session, short) is None and tokens.find(session, lasting) is not None
        with pytest.raises(LookupError):
            tokens.revoke(session, long.id, by=ada + 1)
        tokens.revoke(session, long.id, by=ada)
        assert tokens.find(session, lasting) is None and tokens.find(session, third) is not None
        users.set_role(session, ada, "annotator")
        holder = tokens.find(session, third)
        assert holder is not None and holder.role is Role.ANNOTATOR, "a token falls with its owner"
        users.deactivate(session, ada)
        assert tokens.find(session, third) is None


def test_use_is_noted_about_once_a_minute(db: Database, clock: Clock) -> None:
    with db.write() as session:
        ada = users.create(session, "ada", "admin").id
        _, said = tokens.create(session, ada, "ci", ["admin"])

    def last_used() -> object:
        with db.read() as session:
            return tokens.list_of(session, ada)[0][0].last_used_at

    assert last_used() is None
    tokens.present(db, said)
    first = last_used()
    clock.forward(30)
    tokens.present(db, said)
    assert last_used() == first == clock.moment.replace(second=0)
    clock.forward(31)
    tokens.present(db, said)
    assert last_used() == clock.moment


@pytest.mark.parametrize(
    ("name", "scopes", "days", "says"),
    [
        ("", ["lessons:read"], None, "name"),
        ("x", [], None, "at least one"),
        ("x", ["lessons:reed"], None, "No such scope"),
        ("x", ["items:write"], None, "Your role annotator"),
        ("x", ["lessons:read"], 0, "between 1 and"),
    ],
)
def test_what_cannot_be_a_token(db: Database, name: str, scopes: list[str], days: int | None, says: str) -> None:
    with db.write() as session:
        bob = users.create(session, "bob", "annotator").id
        with pytest.raises(ValueError, match=says):
            tokens.create(session, bob, name, scopes, days=days)
