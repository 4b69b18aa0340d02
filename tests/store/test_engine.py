"""The two kinds of transaction, and what they do when things go wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from store import projects, tables
from store.engine import Database, KeptAnyway, NestedWrite, make_engine
from tests.factories import build

ROOT = Path(__file__).parents[2]


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """A second engine on the same database, as another process would have."""
    made = Database(database_url)
    yield made
    made.dispose()


def count(db: Database) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(tables.Item)) or 0


def test_write_commits(db: Database) -> None:
    with db.write() as session:
        build(session, tables.Item)
    assert count(db) == 1


def test_an_error_rolls_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.write() as session:
        build(session, tables.Item)
        raise ZeroDivisionError
    assert count(db) == 0


def test_kept_anyway_commits_and_is_raised(db: Database) -> None:
    with pytest.raises(KeptAnyway), db.write() as session:
        build(session, tables.Item)
        raise KeptAnyway
    assert count(db) == 1


def test_reading_cannot_write(db: Database) -> None:
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), db.read() as session:
        build(session, tables.User)
    with db.write() as session:  # and the connection is good for writing afterwards
        build(session, tables.User)


def test_a_read_sees_one_state(db: Database, other: Database) -> None:
    with db.read() as session:
        query = select(func.count()).select_from(tables.Item)
        before = session.scalar(query)
        with other.write() as writer:
            build(writer, tables.Item)
        assert session.scalar(query) == before == 0
    assert count(db) == 1


def test_rows_stay_readable_after_their_transaction(db: Database) -> None:
    with db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text")
    assert (project.name, project.settings["risk"]) == ("P", "polar")


def test_a_write_inside_a_write_is_refused_on_sqlite(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    second = Database(sqlite_url)
    with db.write(), pytest.raises(NestedWrite, match="pass the session on"), second.write():
        pass
    with db.write() as session:
        build(session, tables.Item)
    db.dispose()
    second.dispose()


def test_writers_of_two_engines_and_many_threads_all_get_through(db: Database, other: Database) -> None:
    """Each reads before it writes, the pattern that fails at once with "database is locked" in a deferred transaction."""
    problems: list[BaseException] = []

    def work(mine: Database) -> None:
        try:
            for _ in range(10):
                with mine.write() as session:
                    session.scalar(select(func.count()).select_from(tables.Item))
                    build(session, tables.Item)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(db if n % 2 else other,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert count(db) == 80


WRITER = """
import sys
from sqlalchemy import func, select
from store import tables
from store.engine import Database
from tests.factories import build
db = Database(sys.argv[1])
for _ in range(25):
    with db.write() as session:
        session.scalar(select(func.count()).select_from(tables.Item))
        build(session, tables.Worker, id=f"{sys.argv[2]}-{_}")
        session.flush()
db.dispose()
"""


def test_writers_of_several_processes_all_get_through(db: Database, database_url: str) -> None:
    """Each reads before it writes: without BEGIN IMMEDIATE one of them fails at once, whatever the time-out."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url, str(n)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    complaints = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], complaints
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Worker)) == 75


def test_sqlite_is_set_up(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "busy_timeout": 15000, "synchronous": 1, "foreign_keys": 1}


def test_times_are_aware_and_in_utc(db: Database) -> None:
    with db.write() as session:
        item = build(session, tables.Item)
    with db.read() as session:
        kept = session.get_one(tables.Item, item.id).created_at
    assert kept == item.created_at
    assert kept.utcoffset() is not None and not kept.utcoffset()


def test_postgresql_reads_are_repeatable(db: Database) -> None:
    if db.dialect != "postgresql":
        pytest.skip("SQLite has no isolation levels to set")
    with db.read() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
    with db.write() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///path"):
        make_engine(url)
