"""Migrations: there and back with rows in every table, on both databases; a backup first; no difference from the tables."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from store import migrate, tables
from store.engine import Database, make_engine
from tests.factories import ALL, build


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables; on SQLite not even a file."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'corrigenda.sqlite'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def names(url: str) -> set[str]:
    engine = make_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def fill(url: str) -> dict[str, int]:
    """Rows in every table; returns how many."""
    db = Database(url)
    with db.write() as session:
        for table in ALL:
            build(session, table)
    found = count(db)
    db.dispose()
    assert all(found.values())
    return found


def count(db: Database) -> dict[str, int]:
    with db.read() as session:
        return {table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0 for table in ALL}


def test_up_down_and_up_again_with_rows_in_every_table(empty_url: str, tmp_path: Path) -> None:
    assert migrate.current(empty_url) is None
    assert migrate.upgrade(empty_url, tmp_path) is None, "nothing was there to back up"
    assert migrate.current(empty_url) == migrate.head()
    first = fill(empty_url)
    migrate.downgrade(empty_url, "base")
    assert names(empty_url) <= {"alembic_version"}
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url, tmp_path)
    assert fill(empty_url) == first


def test_no_difference_between_tables_and_migrations(empty_url: str) -> None:
    migrate.upgrade(empty_url, None)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        command.check(migrate.config(connection))
        connection.execute(text("CREATE TABLE workflow_status (id INTEGER)"))  # the job engine's are not ours
        command.check(migrate.config(connection))
    engine.dispose()


def test_a_missing_column_would_be_noticed(empty_url: str) -> None:
    migrate.upgrade(empty_url, None)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE item DROP COLUMN context"))
        with pytest.raises(Exception, match="New upgrade operations detected"):
            command.check(migrate.config(connection))
    engine.dispose()


@pytest.mark.parametrize("name", ["ix_assignment_claim", "ix_assignment_assignee"])
def test_the_index_that_cannot_be_compared_is_as_the_tables_have_it(sqlite_url: str, name: str) -> None:
    engine = make_engine(sqlite_url)
    with engine.connect() as connection:
        text_of = f"SELECT sql FROM sqlite_master WHERE name = '{name}'"
        kept = connection.exec_driver_sql(text_of).scalar_one()
        connection.exec_driver_sql(f"DROP INDEX {name}")
        index = next(i for i in tables.Assignment.__table__.indexes if i.name == name)
        index.create(connection)
        wanted = connection.exec_driver_sql(text_of).scalar_one()
    engine.dispose()
    assert kept == wanted and "DESC" in kept


def test_upgrading_an_up_to_date_database_does_nothing(sqlite_url: str, tmp_path: Path) -> None:
    assert migrate.upgrade(sqlite_url, tmp_path) is None
    assert not (tmp_path / "backups").exists()


def test_two_processes_that_start_at_once_migrate_once(empty_url: str, tmp_path: Path) -> None:
    kept: list[Path | None] = []
    problems: list[BaseException] = []

    def start() -> None:
        try:
            kept.append(migrate.upgrade(empty_url, tmp_path))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert migrate.current(empty_url) == migrate.head()
    assert [path for path in kept if path] == [], "there was nothing to back up"


# --- an older file


def older(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let this version have one more revision than the database: it adds a column to ``item``, by copying the table."""
    folder = tmp_path / "revisions"
    shutil.copytree(migrate.folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_more.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        "revision, down_revision = '9999', '"
        + migrate.head()
        + "'\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('item', recreate='always') as batch:\n"
        "        batch.add_column(sa.Column('more', sa.String(), nullable=False, server_default='x'))\n"
        "    FAIL\n"
        "def downgrade():\n"
        "    with op.batch_alter_table('item', recreate='always') as batch:\n"
        "        batch.drop_column('more')\n".replace("FAIL", "pass")
    )
    monkeypatch.setattr(migrate, "folder", lambda: folder)
    assert migrate.current(url) != migrate.head() == "9999"


def test_an_older_file_is_backed_up_and_upgraded_with_its_data(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(sqlite_url)
    old = migrate.current(sqlite_url)
    older(sqlite_url, monkeypatch, tmp_path)
    kept = migrate.upgrade(sqlite_url, tmp_path / "data")
    assert kept is not None and kept.parent == tmp_path / "data" / "backups"
    db = Database(sqlite_url)
    assert count(db) == before, "copying item must not delete what points at it"
    with db.read() as session:
        assert session.scalar(text("SELECT more FROM item LIMIT 1")) == "x"
    db.dispose()
    copy = Database(f"sqlite:///{kept}")
    assert count(copy) == before
    copy.dispose()
    assert migrate.current(f"sqlite:///{kept}") == old
    migrate.downgrade(sqlite_url, str(old))
    again = Database(sqlite_url)
    assert count(again) == before
    again.dispose()


def test_a_migration_that_fails_changes_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(sqlite_url)
    old = migrate.current(sqlite_url)
    older(sqlite_url, monkeypatch, tmp_path)
    broken = migrate.folder() / "versions" / "9999_more.py"
    broken.write_text(broken.read_text().replace("    pass\n", "    raise RuntimeError('half way')\n", 1))
    with pytest.raises(RuntimeError, match="half way"):
        migrate.upgrade(sqlite_url, tmp_path / "data")
    assert migrate.current(sqlite_url) == old
    db = Database(sqlite_url)
    assert count(db) == before
    with db.read() as session:
        assert "more" not in {column["name"] for column in inspect(session.connection()).get_columns("item")}
    db.dispose()


def test_a_migration_that_would_break_references_changes_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(sqlite_url)
    older(sqlite_url, monkeypatch, tmp_path)
    broken = migrate.folder() / "versions" / "9999_more.py"
    broken.write_text(broken.read_text().replace("    pass\n", "    op.execute('DELETE FROM item')\n", 1))
    with pytest.raises(migrate.MigrationError, match="rows that are gone"):
        migrate.upgrade(sqlite_url, tmp_path / "data")
    db = Database(sqlite_url)
    assert count(db) == before
    db.dispose()


def test_a_newer_database_is_left_alone(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'tomorrow'"))
    engine.dispose()
    with pytest.raises(migrate.MigrationError, match="newer"):
        migrate.upgrade(database_url, tmp_path)
    assert not (tmp_path / "backups").exists()


# --- backups


def test_a_backup_opens_while_others_write(sqlite_url: str, tmp_path: Path) -> None:
    before = fill(sqlite_url)
    db = Database(sqlite_url)
    with db.write() as session:
        build(session, tables.Item)
        kept = migrate.backup(sqlite_url, tmp_path / "deep" / "copy.sqlite")
    db.dispose()
    with closing(sqlite3.connect(kept)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM item").fetchone() == (before["item"],)
    assert sorted(path.name for path in kept.parent.iterdir()) == ["copy.sqlite"]


def test_backups_that_cannot_be_made_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(migrate.MigrationError, match="pg_dump"):
        migrate.backup("postgresql://host/name", tmp_path / "x")
    with pytest.raises(migrate.MigrationError, match="no database"):
        migrate.backup(f"sqlite:///{tmp_path / 'none.sqlite'}", tmp_path / "x")


# --- append-only


@pytest.mark.parametrize("table", ["audit_event", "review", "correction", "lesson_revision"])
def test_the_database_refuses_to_change_records(db: Database, table: str) -> None:
    cls = next(t for t in ALL if t.__tablename__ == table)
    with db.write() as session:
        build(session, cls)
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        with pytest.raises(DBAPIError, match="append-only"), db.write() as session:
            session.execute(text(statement))
    with db.read() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_no_audit_row_is_replaced_by_another(db: Database) -> None:
    with db.write() as session:
        event = build(session, tables.AuditEvent)
    columns = "id, at, action, subject, old, new"
    replace = (
        f"INSERT OR REPLACE INTO audit_event ({columns}) SELECT id, at, 'forged', subject, old, new FROM audit_event"
        if db.dialect == "sqlite"
        else f"INSERT INTO audit_event ({columns}) SELECT id, at, 'forged', subject, old, new FROM audit_event "
        "ON CONFLICT (id) DO UPDATE SET action = 'forged'"
    )
    with pytest.raises(DBAPIError, match="append-only"), db.write() as session:
        session.execute(text(replace))
    with db.read() as session:
        assert session.get_one(tables.AuditEvent, event.id).action == event.action


# --- installed


def test_revisions_are_found_from_an_installed_copy(tmp_path: Path) -> None:
    """A copy of the packages, as a wheel would install them, migrates from another folder without the source tree."""
    root = Path(migrate.__file__).parents[1]
    site = tmp_path / "site"
    for package in ("core", "store", "migrations"):
        shutil.copytree(root / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        f"import sys; sys.path = [{str(site)!r}] + [p for p in sys.path if p not in ('', {str(root)!r})]\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        "from store import migrate\n"
        "url = 'sqlite:///here.sqlite'\n"
        "migrate.upgrade(url, None)\n"
        "print(migrate.folder(), migrate.current(url))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(site / "migrations"), migrate.head()]
