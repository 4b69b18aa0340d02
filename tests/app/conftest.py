"""The whole web application in the test's own process, on a fresh database, with a client per person."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from app import auth
from app.cli.setup import ready
from app.settings import Settings
from app.state import AppState
from app.web import create_app
from core.types import Role
from store.engine import Database

PASSWORD = "correct horse battery"


@dataclass
class Web:
    app: FastAPI
    settings: Settings
    db: Database

    @property
    def state(self) -> AppState:
        state: AppState = self.app.state.corrigenda
        return state

    def client(self, name: str | None = None, role: Role = Role.ANNOTATOR) -> TestClient:
        """A client that is signed in as a new person of that role, or anonymous without a name."""
        client = TestClient(self.app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000), follow_redirects=False)
        if name is not None:
            user = auth.make_user(self.db, name, None, role)
            client.cookies.set(auth.COOKIE, auth.open_session(self.state, user))
        return client


def open_web(folder: Path, **changes: object) -> Web:
    """An application of its own, for tests of settings that count when it is built."""
    settings = Settings(data_dir=folder, **changes)  # type: ignore[arg-type]
    ready(settings)
    db = Database(settings.url)
    return Web(create_app(settings, db), settings, db)


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    made = open_web(tmp_path_factory.mktemp("web") / "data")
    made.db.dispose()
    yield made


@pytest.fixture
def web(_built: Web, tmp_path: Path) -> Iterator[Web]:
    """The application with a database and a data directory that only this test has; it is built once, for speed."""
    shutil.copytree(_built.settings.data_dir, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data")
    db = Database(settings.url)
    object.__setattr__(_built.state, "db", db)
    object.__setattr__(_built.state, "settings", settings)
    _built.app.state.attempts = None
    for route in (
        _built.app.routes
    ):  # an event of a test before has left its loop, and Gradio takes that for the end of the server
        if isinstance(route, Mount) and hasattr(route.app, "get_blocks"):
            route.app.get_blocks()._queue.stopped = False
    yield Web(_built.app, settings, db)
    db.dispose()


@pytest.fixture
def demo_web(tmp_path: Path) -> Iterator[Web]:
    made = open_web(tmp_path / "data", demo_sign_in=True)
    yield made
    made.db.dispose()
