"""One person at the review page without a browser, and what its tests share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app import auth
from app.auth import Person
from app.pages import review
from app.pages.review_reply import Wanted, Watch
from app.settings import Settings
from app.state import AppState
from app.worker import engine
from core.types import Role
from store import workers
from store.engine import Database
from tests.browser import seeding


class Desk:
    """One person at the review page, without a browser: sends what ``review.js`` would send."""

    def __init__(self, state: AppState, name: str, role: Role) -> None:
        self.state = state
        self.person = Person(auth.make_user(state.db, name, None, role), name, role)
        self.watch = Watch()
        self.shown: dict[str, Any] = {}
        self.query = ""

    def open(self, query: str = "") -> dict[str, Any]:
        self.query = query
        wanted = Wanted.of({name: [value] for name, _, value in (part.partition("=") for part in query.split("&"))})
        return self._see(review._open(self.state, wanted, self.person))

    def act(self, action: str, form: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        form = {"output": self.output, **(form or {})}
        data = {
            "action": action,
            "query": f"?{self.query}",
            "assignment": self.assignment,
            "output": self.output,
            "token": self.token,
        }
        return self._see(review._act(self.state, {**data, "form": form, **more}, self.person, self.watch))

    def look(self) -> dict[str, Any]:
        return self._see(review._look(self.state, self.person, self.watch))

    def _see(self, reply: dict[str, Any]) -> dict[str, Any]:
        self.watch = reply.get("watch") or self.watch
        self.shown.update(reply)
        return reply

    def _data(self, name: str) -> str:
        found = re.search(rf'data-{name}="([^"]*)"', self.shown.get("composer", ""))
        return found.group(1) if found else ""

    @property
    def assignment(self) -> int:
        return int(self._data("assignment") or 0)

    @property
    def output(self) -> int:
        return int(self._data("output") or 0)

    @property
    def token(self) -> str:
        return self._data("token")

    @property
    def outcome(self) -> str:
        found = re.search(r'data-outcome="(\w*)"', self.shown["notice"])
        return found.group(1) if found else ""

    @property
    def says(self) -> str:
        return re.sub(r"<[^>]*>", "", self.shown["notice"])


@pytest.fixture
def job_tables(database_url: str) -> None:
    """The job engine's own tables, for tests that enqueue."""
    engine.prepare(database_url)


@pytest.fixture
def state(db: Database, database_url: str, tmp_path: Any) -> AppState:
    return AppState(Settings(data_dir=tmp_path, database_url=database_url), db)


@pytest.fixture
def desk(state: AppState) -> Callable[..., Desk]:
    return lambda name="bob", role=Role.ANNOTATOR: Desk(state, name, role)


@pytest.fixture
def seeded(state: AppState) -> seeding.Seeded:
    return seeding.project(state.db, [seeding.ANSWER] * 3)


def rows(state: AppState, table: Any) -> list[Any]:
    with state.db.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


@pytest.fixture
def live_worker(state: AppState) -> Iterator[None]:
    with state.db.write() as session:
        workers.beat(session, "w1", host="here", pid=1, url=None)
    yield
