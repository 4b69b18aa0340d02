"""People and their sessions, on a clock that is moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from store import tables, users
from store.engine import Database
from tests.conftest import Clock

TOKEN = "a" * 64


@pytest.fixture
def ann(db: Database, clock: Clock) -> int:
    """Somebody who has just signed in, for seven days at most."""
    with db.write() as session:
        user = users.create(session, "Ann", "annotator", "hash")
        users.new_session(session, user.id, TOKEN, clock.moment + timedelta(days=7))
        return user.id


def seen_at(db: Database) -> object:
    with db.read() as session:
        return session.get_one(tables.UserSession, TOKEN).seen_at


def test_names_are_taken_whatever_their_case(db: Database, ann: int) -> None:
    with db.write() as session:
        found = users.by_name(session, " ann ")
        assert found is not None and found.id == ann
        umlaut = users.create(session, "Änne Ö.", "annotator").id
        found = users.by_name(session, "Änne Ö.")
        assert found is not None and found.id == umlaut
        for name in ("ANN", "", " ", "x" * 81):
            with pytest.raises(ValueError, match=r"name|called"):
                users.create(session, name, "annotator")
        with pytest.raises(ValueError, match="boss"):
            users.create(session, "Bob", "boss")
        assert [user.name for user in users.list_all(session)] == ["Ann", "Änne Ö."]
        with pytest.raises(LookupError):
            users.get(session, 9999)


def test_a_session_ends_when_idle_and_when_over(db: Database, ann: int, clock: Clock) -> None:
    for _ in range(3):  # used every eleven hours it lives on
        clock.forward(11 * 3600)
        found = users.signed_in(db, TOKEN, 12)
        assert found is not None and found[0].id == ann
    clock.forward(12 * 3600)
    assert users.signed_in(db, TOKEN, 12) is None
    assert users.signed_in(db, TOKEN, 13) is not None
    while clock.moment < clock().replace(day=8, hour=8):
        clock.forward(3600)
        users.signed_in(db, TOKEN, 12)
    clock.forward(3600)
    assert users.signed_in(db, TOKEN, 12) is None
    assert users.signed_in(db, "b" * 64, 12) is None


def test_a_visit_is_noted_once_a_minute(db: Database, ann: int, clock: Clock) -> None:
    begun = clock.moment
    clock.forward(59)
    users.signed_in(db, TOKEN, 12)
    assert seen_at(db) == begun
    clock.forward(1)
    users.signed_in(db, TOKEN, 12)
    assert seen_at(db) == clock.moment


def test_a_reading_session_may_ask_too(db: Database, ann: int, clock: Clock) -> None:
    clock.forward(300)
    with db.read() as session:
        user = users.session_user(session, TOKEN, 12)
        assert user is not None and user.id == ann
    with db.write() as session:
        users.session_user(session, TOKEN, 12)
    assert seen_at(db) == clock.moment


@pytest.mark.parametrize("how", ["end_session", "end_all", "set_role", "set_password", "deactivate"])
def test_sessions_end_with_what_they_stood_on(db: Database, ann: int, how: str) -> None:
    arguments = {"end_session": (TOKEN,), "set_role": (ann, "expert"), "set_password": (ann, "other")}.get(how, (ann,))
    with db.write() as session:
        getattr(users, how)(session, *arguments)
    assert users.signed_in(db, TOKEN, 12) is None


def test_who_is_deactivated_cannot_come_back_until_activated(db: Database, ann: int, clock: Clock) -> None:
    with db.write() as session:
        users.deactivate(session, ann, by=None)
        users.new_session(session, ann, "c" * 64, clock.moment + timedelta(days=1))
    assert users.signed_in(db, "c" * 64, 12) is None
    with db.write() as session:
        users.activate(session, ann)
    assert users.signed_in(db, "c" * 64, 12) is not None


def test_somebody_stays_admin(db: Database) -> None:
    with db.write() as session:
        first, second = (users.create(session, name, "admin").id for name in ("a", "b"))
        users.set_role(session, first, "expert", by=second)
        for act in (lambda: users.set_role(session, second, "expert"), lambda: users.deactivate(session, second)):
            with pytest.raises(ValueError, match="another person admin first"):
                act()
    with db.read() as session:
        (event,) = session.scalars(select(tables.AuditEvent).where(tables.AuditEvent.action == "user.role"))
        assert (event.user_id, event.old, event.new) == (second, {"role": "admin"}, {"role": "expert"})


def test_old_sessions_are_cleared_away(db: Database, ann: int, clock: Clock) -> None:
    clock.forward(8 * 24 * 3600)
    with db.write() as session:
        users.new_session(session, ann, "d" * 64, clock.moment + timedelta(days=7))
        assert [row.token_sha256 for row in session.scalars(select(tables.UserSession))] == ["d" * 64]
