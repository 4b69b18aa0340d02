"""The fixtures themselves: other hosts are refused in every way Python has, and no test sees what another left behind."""

from __future__ import annotations

import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from threading import Thread

import psycopg
import pytest
from sqlalchemy import func, select

from store import tables
from store.engine import Database
from tests.conftest import Outside, OutsideCall, Reusable
from tests.factories import ALL, build


@pytest.mark.parametrize(
    "call",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.getaddrinfo("example.invalid", 80),
        lambda: socket.gethostbyname("example.invalid"),
        lambda: _udp().sendto(b"x", ("192.0.2.1", 9)),
        lambda: _udp().connect(("2001:db8::1", 9)),
    ],
)
def test_other_hosts_are_refused(outside: Outside, call: Callable[[], object]) -> None:
    with pytest.raises(OutsideCall):
        call()
    assert len(outside.forgive()) == 1


def _udp() -> socket.socket:
    class Closing(socket.socket):
        def __del__(self) -> None:
            self.close()

    return Closing(socket.AF_INET, socket.SOCK_DGRAM)


def test_a_swallowed_refusal_is_remembered(outside: Outside) -> None:
    with contextlib.suppress(urllib.error.URLError, OutsideCall):
        urllib.request.urlopen("http://example.invalid/", timeout=1)
    assert outside.forgive() == ["example.invalid"]


def _greet(server: socket.socket) -> None:
    server.accept()[0].close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]
        thread = Thread(target=_greet, args=(server,))
        thread.start()
        socket.create_connection((name, port), timeout=5).close()
        thread.join(5)


# --- one PostgreSQL database for many tests


@pytest.mark.postgres
def test_a_database_is_given_back_empty(_postgres_database: Reusable) -> None:
    url = _postgres_database.take()
    for _ in range(2):
        db = Database(url)
        with db.write() as session:
            ids = [build(session, table) for table in ALL]
            assert session.scalar(select(func.max(tables.Item.id))) == len(session.scalars(select(tables.Item)).all())
        db.dispose()
        assert ids
        _postgres_database.give_back()
        assert _postgres_database.take() == url


@pytest.mark.postgres
def test_the_job_engines_rows_do_not_reach_the_next_test(_postgres_database: Reusable) -> None:
    url = _postgres_database.take()
    with psycopg.connect(url) as connection:
        row = "INSERT INTO dbos.queues (queue_id, name) VALUES ('x', 'left-over')"
        connection.execute(row)
    _postgres_database.give_back()
    assert _postgres_database.take() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM dbos.queues").fetchall() == []
        (version,) = connection.execute("SELECT count(*) FROM dbos.dbos_migrations").fetchone() or (0,)
    assert version == 1
    _postgres_database.give_back()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE left_over (id int)",
        "CREATE TABLE dbos.left_over (id int)",
        "CREATE SCHEMA other CREATE TABLE left_over (id int)",
        "ALTER TABLE item ADD COLUMN more text",
        "UPDATE alembic_version SET version_num = 'x'",
        "DROP TRIGGER review_append_only ON review",
        "DROP INDEX ix_assignment_claim",
    ],
)
def test_a_changed_database_is_made_anew(_postgres_database: Reusable, statement: str) -> None:
    url = _postgres_database.take()
    with psycopg.connect(url) as connection:
        connection.execute(statement)
    _postgres_database.give_back()
    assert _postgres_database.take() != url
