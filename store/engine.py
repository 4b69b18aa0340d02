"""The database: one engine, and two kinds of transaction.

``read()`` sees one consistent state and cannot write. ``write()`` is BEGIN IMMEDIATE on SQLite, where a transaction that
first reads and then writes would fail with "database is locked" whatever the time-out; in this process writers also queue
at one lock, so that they wait in order instead of polling. Keep both short, and never hold one across a model call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from store.visibility import SightedSession

BUSY_SECONDS = 15.0
_ACCESS = "corrigenda_access"


class KeptAnyway(Exception):
    """Raised after work that must not be lost: ``Database.write`` commits and then lets it through."""


class NestedWrite(RuntimeError):
    """A second ``write()`` inside one of the same thread would wait for itself: pass the session on instead."""


def make_engine(url: str) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://...``; raises ``ValueError`` for any other kind of database."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite_engine(parsed)
    if backend == "postgresql":
        named = parsed.set(drivername="postgresql+psycopg")
        return create_engine(named, pool_pre_ping=True, pool_size=8, max_overflow=24)
    raise ValueError(f"no such database here: {backend}. Use sqlite:///path or postgresql://host/name")


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: use sqlite:///path")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=8, max_overflow=24)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    """SQLite's own knows only the letters of ASCII; searching in any case means in any script."""
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    access = connection.get_execution_options().get(_ACCESS)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(access == 'read')}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if access == "write" else "BEGIN")


class _Writer:
    """The turn to write of one SQLite file in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise NestedWrite("write() inside write(): pass the session on instead of opening a second one")
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(self, *problem: object) -> None:
        self._owner = None
        self._lock.release()


_writers: dict[str, _Writer] = {}
_writers_guard = threading.Lock()


def _writer_of(engine: Engine) -> _Writer:
    with _writers_guard:
        return _writers.setdefault(str(engine.url), _Writer())


class Database:
    """An engine with its two kinds of transaction. Rows read or made in one stay readable after it ends."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        reading: dict[str, Any] = {_ACCESS: "read"}
        if self.dialect == "postgresql":
            reading |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self.engine.execution_options(**reading)
        self._writer = self.engine.execution_options(**{_ACCESS: "write"})
        self._turn = _writer_of(self.engine) if self.dialect == "sqlite" else nullcontext()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database; a write in it raises ``sqlalchemy.exc.DBAPIError``."""
        with SightedSession(self._reader, expire_on_commit=False, info={"readonly": True}) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end and rolls back on an error, except ``KeptAnyway``, which commits and is raised."""
        with self._turn, SightedSession(self._writer, expire_on_commit=False) as session:
            try:
                yield session
            except KeptAnyway:
                session.commit()
                raise
            session.commit()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
