"""What every test may ask for: a fresh migrated database of either kind, a clock to move, the public files, and no network.

Databases are copies of a template that is made once per run, with the job engine's tables: a file copy for SQLite, CREATE
DATABASE ... TEMPLATE for PostgreSQL, where a copy whose tables a test left as they were is emptied (20 ms) and used again. In CI
(``CI=true``) a missing server or missing files are failures, elsewhere they are skips that say why.
"""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import ipaddress
import itertools
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from store import clock as store_clock
from store import migrate, visibility
from store.engine import Database
from store.tables import Base

_IN_CI = os.environ.get("CI", "").lower() == "true"
_numbers = itertools.count(1)


def missing(why: str) -> NoReturn:
    """Skip, or fail in CI."""
    if _IN_CI:
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


# --- no network


class OutsideCall(AssertionError):
    """A test tried to reach another host."""


class Outside:
    """Which calls to other hosts were tried; each was refused. A test fails at its end for those it did not ``forgive``."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def refuse(self, host: Any) -> None:
        if not _is_here(host):
            self.tried.append(str(host))
            raise OutsideCall(f"a test tried to reach {host!r}: only this machine is allowed")

    def forgive(self) -> list[str]:
        tried, self.tried = self.tried, []
        return tried


def _is_here(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session", autouse=True)
def _guard_network() -> Iterator[Outside]:
    outside = Outside()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded_method(outside, getattr(socket.socket, name)))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
            patch.setattr(socket, name, _guarded_function(outside, getattr(socket, name)))
        yield outside


def _guarded_method(outside: Outside, original: Any) -> Any:
    def call(self: socket.socket, *args: Any) -> Any:
        address = args[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            outside.refuse(address[0])
        return original(self, *args)

    return call


def _guarded_function(outside: Outside, original: Any) -> Any:
    def call(host: Any, *args: Any, **kwargs: Any) -> Any:
        outside.refuse(host[0] if isinstance(host, tuple) else host)
        return original(host, *args, **kwargs)

    return call


@pytest.fixture(autouse=True)
def outside(_guard_network: Outside) -> Iterator[Outside]:
    """Calls to other hosts are refused, and fail the test even when the code under test swallowed the refusal."""
    _guard_network.forgive()
    yield _guard_network
    tried = _guard_network.forgive()
    assert not tried, f"a test tried to reach {tried}"


# --- files beside the project


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public files: CORRIGENDA_SHARED, or ``shared`` beside the project."""
    folder = Path(os.environ.get("CORRIGENDA_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "data").is_dir():
        missing(f"no public files at {folder}: set CORRIGENDA_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(autouse=True)
def _sight() -> Iterator[None]:
    """A handler that a test called on its own thread must not narrow what later sessions of that thread show."""
    visibility.see(None)
    yield
    visibility.see(None)


# --- the clock


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The store's time, moved by ``clock.forward(seconds)``."""
    made = Clock()
    store_clock.use(made)
    yield made
    store_clock.use(None)


# --- databases


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server on which databases can be made: the one named, the local one, or one started for this run."""
    named = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL")
    for url in [named] if named else ["postgresql://postgres@127.0.0.1:5432/postgres"]:
        if _answers(url):
            yield url
            return
    if named:
        missing(f"no PostgreSQL answers at CORRIGENDA_TEST_POSTGRES_URL ({make_url(named).host})")
    programs = _postgres_programs()
    if programs is None:
        missing("no PostgreSQL: set CORRIGENDA_TEST_POSTGRES_URL, or install the server's programs (initdb, pg_ctl)")
    with tempfile.TemporaryDirectory(prefix="corrigenda-pg-") as folder:
        yield from _private_cluster(programs, Path(folder))


def _answers(url: str) -> bool:
    try:
        psycopg.connect(_plain(url), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _plain(url: str) -> str:
    """The URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _postgres_programs() -> Path | None:
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return versions[-1].parent if versions else None


def _private_cluster(programs: Path, folder: Path) -> Iterator[str]:
    """initdb refuses to run as root: the system's user ``postgres`` then owns the folder."""
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, options = folder / "data", f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {folder}"
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, timeout=120)
    pg_ctl = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    # Its output goes to a file: the server keeps an inherited pipe open, and waiting for its end would wait for ever.
    subprocess.run([*pg_ctl, "-l", folder / "log", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=True, capture_output=True, timeout=60)


def _run_on(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _database_name(what: str) -> str:
    return f"corrigenda_{what}_{os.getpid()}_{next(_numbers)}"


def _at(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _make(url: str) -> None:
    """Our tables and those of the job engine, whose hundred migrations take seconds in each test that begins a worker otherwise."""
    from app.worker import engine

    migrate.upgrade(url, None)
    engine.prepare(url)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    _make(f"sqlite:///{path}")
    return migrate.backup(f"sqlite:///{path}", path.with_name("copy.sqlite"))  # one file, without a -wal beside it


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> Iterator[str]:
    name = _database_name("template")
    _run_on(postgres_url, "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    try:
        _make(_at(postgres_url, name))
        yield name
    finally:
        _run_on(postgres_url, "DROP DATABASE {} WITH (FORCE)", name)


class Reusable:
    """One PostgreSQL database for test after test: emptied in between, made anew when a test changed more than rows."""

    def __init__(self, server: str, template: str) -> None:
        self.server, self.template = server, template
        self.name: str | None = None
        self.shape: list[Any] = []

    def take(self) -> str:
        if self.name is None:
            self.name = _database_name("test")
            _run_on(self.server, "CREATE DATABASE {} TEMPLATE {}", self.name, self.template)
            with psycopg.connect(_plain(_at(self.server, self.name))) as connection:
                self.shape = self._shape(connection)
        return _at(self.server, self.name)

    def give_back(self) -> None:
        assert self.name is not None
        try:
            with psycopg.connect(_plain(_at(self.server, self.name))) as connection:
                clean = self._empty(connection)
        except psycopg.Error:
            clean = False
        if not clean:
            self.drop()

    def _empty(self, connection: psycopg.Connection) -> bool:
        """Delete every row and count from one again; ``False`` when there is more to undo than that."""
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if self._shape(connection) != self.shape:
            return False
        connection.execute("SET LOCAL lock_timeout = '5s'")
        connection.execute("SET LOCAL session_replication_role = replica")  # no cascades, and no append-only triggers
        for table in Base.metadata.sorted_tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        theirs = "SELECT tablename FROM pg_tables WHERE schemaname = 'dbos' AND tablename NOT LIKE '%migrations'"
        for (name,) in connection.execute(theirs).fetchall():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("dbos", name)))
        connection.execute("SELECT setval(seqrelid, 1, false) FROM pg_sequence")
        return True

    def _shape(self, connection: psycopg.Connection) -> list[Any]:
        columns = (
            "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3"
        )
        triggers = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        version = "SELECT version_num FROM alembic_version"
        return [connection.execute(query).fetchall() for query in (columns, triggers, indexes, version)]

    def drop(self) -> None:
        if self.name is not None:
            _run_on(self.server, "DROP DATABASE {} WITH (FORCE)", self.name)
            self.name = None


@pytest.fixture(scope="session")
def _postgres_database(postgres_url: str, _postgres_template: str) -> Iterator[Reusable]:
    database = Reusable(postgres_url, _postgres_template)
    yield database
    database.drop()


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh migrated SQLite database."""
    path = tmp_path / "corrigenda.sqlite"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """A fresh PostgreSQL database without tables."""
    name = _database_name("empty")
    _run_on(postgres_url, "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    yield _at(postgres_url, name)
    _run_on(postgres_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh migrated database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    database: Reusable = request.getfixturevalue("_postgres_database")
    yield database.take()
    database.give_back()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, open."""
    made = Database(database_url)
    yield made
    made.dispose()


# --- models


@pytest.fixture(scope="session")
def models_dir(request: pytest.FixtureRequest) -> Path:
    """Where the bundled language model is kept ready from one run to the next; the first run converts it (half a minute)."""
    return Path(request.config.cache.mkdir("models"))


@pytest.fixture(scope="session")
def generator(models_dir: Path) -> Any:
    """The bundled language model, loaded once per run. Tests that use it are marked ``models``."""
    from core.generators.transformers_local import TransformersGenerator

    return TransformersGenerator(models_dir=models_dir, batch_size=8)


@pytest.fixture(scope="session")
def embedder() -> Any:
    """The bundled sentence encoder. Tests that use it are marked ``models``."""
    from core.embedding import Embedder

    return Embedder()
