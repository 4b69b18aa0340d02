"""Bringing a database to this version's tables, and back; an existing SQLite file is backed up first.

Migrations run with SQLite's foreign keys off, because Alembic changes a table by copying it and dropping the old one, and with
foreign keys on that drop would delete every row that points at it. They are checked before the commit instead.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, event, inspect, make_url, text

from store.clock import now
from store.engine import make_engine

log = logging.getLogger(__name__)
_LOCK = 0x0C0442  # PostgreSQL: one process migrates at a time


class MigrationError(RuntimeError):
    """The database cannot be brought to this version; the message says what to do. Nothing was changed."""


def folder() -> Path:
    """Where the revisions are: in the source tree, or beside the installed packages."""
    return Path(str(files("migrations")))


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file; commands on a database need the connection."""
    made = Config()
    made.set_main_option("script_location", str(folder()).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The revision this version of the product works with."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None
    return revision


def current(url: str) -> str | None:
    """The revision the database is at; ``None`` for an empty one. Does not create a missing SQLite file."""
    path = _sqlite_path(url)
    if path is not None and not path.exists():
        return None
    with _connection(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(url: str, data_dir: Path | None, revision: str = "head") -> Path | None:
    """Bring the database to ``revision``; returns the backup that was written before an existing SQLite file was changed.

    Backups go to ``data_dir/backups`` (beside the database file without a ``data_dir``). Raises ``MigrationError``, and then
    nothing has changed. Running it on an up-to-date database does nothing.
    """
    wanted = head() if revision == "head" else revision
    path = _sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    before = current(url)
    if before == wanted:
        return None
    _known(before)
    kept = _backup_before(url, path, data_dir, before)
    with _connection(url, migrating=True) as connection:
        if (
            MigrationContext.configure(connection).get_current_revision() != wanted
        ):  # another process may have been first
            command.upgrade(config(connection), wanted)
            _check_foreign_keys(connection)
    return kept


def _known(revision: str | None) -> None:
    if revision is None:
        return
    try:
        ScriptDirectory.from_config(config()).get_revision(revision)
    except CommandError:
        raise MigrationError(
            f"the database is at revision {revision}, which this version does not know: it was written by a newer "
            "Corrigenda. Install that version, or restore the backup made before the upgrade."
        ) from None


def _backup_before(url: str, path: Path | None, data_dir: Path | None, before: str | None) -> Path | None:
    if path is None:
        if before is not None:
            log.warning("PostgreSQL is migrated from %s without a backup: pg_dump is the operator's to run", before)
        return None
    if before is None and not _has_tables(url):
        return None
    home = data_dir / "backups" if data_dir is not None else path.parent / "backups"
    target = home / f"{path.stem}-{before or 'unversioned'}-{now():%Y%m%dT%H%M%S%f}.sqlite"
    return backup(url, target)


def _has_tables(url: str) -> bool:
    path = _sqlite_path(url)
    if path is not None and not path.exists():
        return False
    with _connection(url) as connection:
        return bool(inspect(connection).get_table_names())


def downgrade(url: str, revision: str) -> None:
    """Take the database back to ``revision`` (``base``: no tables of ours). Rows of dropped tables are lost: back up first."""
    with _connection(url, migrating=True) as connection:
        command.downgrade(config(connection), revision)
        _check_foreign_keys(connection)


def backup(url: str, target: Path) -> Path:
    """Copy a SQLite database to ``target`` while others use it, and check the copy. Raises ``MigrationError``."""
    path = _sqlite_path(url)
    if path is None:
        raise MigrationError(
            "PostgreSQL is backed up with pg_dump, for example: pg_dump --format=custom --file=corrigenda.dump NAME"
        )
    if not path.exists():
        raise MigrationError(f"there is no database at {path}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without a -wal beside it
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise MigrationError(f"the copy of {path} is damaged; is the disk full, or the database?")
    part.replace(target)
    return target


def _sqlite_path(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database:
        raise MigrationError("SQLite needs a file: use sqlite:///path")
    return Path(parsed.database)


@contextmanager
def _connection(url: str, *, migrating: bool = False) -> Iterator[Connection]:
    """One transaction; while migrating on SQLite, the only writer."""
    engine = make_engine(url)
    try:
        sqlite = engine.dialect.name == "sqlite"
        if sqlite and migrating:
            event.listen(engine, "connect", _foreign_keys_off)
            engine = engine.execution_options(corrigenda_access="write")
        with engine.begin() as connection:
            if migrating and not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
    finally:
        engine.dispose()


def _foreign_keys_off(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise MigrationError(f"{len(broken)} rows would point at rows that are gone, the first in {broken[0][0]}")
