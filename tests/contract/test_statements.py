"""How many statements a claim and a submission send over the API, which is what they cost when many people work at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from app.settings import Settings
from app.web import create_app
from app.worker import engine
from core.types import Role
from store import tokens, users
from store.engine import Database
from tests.benchmarks.web_fleet import decision
from tests.factories import scene

A_CLAIM, A_SUBMISSION = 13, 23


@pytest.fixture
def counted(db: Database) -> Callable[[Callable[[], Any]], tuple[Any, list[str]]]:
    """Calls something and tells the statements that it sent; what only brackets a transaction is none."""

    def count(call: Callable[[], Any]) -> tuple[Any, list[str]]:
        seen: list[str] = []

        def listener(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if not statement.startswith(("PRAGMA", "BEGIN")):
                seen.append(statement)

        event.listen(Engine, "before_cursor_execute", listener)
        try:
            return call(), seen
        finally:
            event.remove(Engine, "before_cursor_execute", listener)

    return count


@pytest.fixture
def program(db: Database, tmp_path: Path) -> tuple[TestClient, int]:
    """A program of an annotator, and a project with twenty answers."""
    url = db.engine.url.render_as_string(hide_password=False)
    engine.prepare(url)
    with db.write() as session:
        made = scene(session, n_items=20)
        person = users.create(session, "bea", Role.ANNOTATOR).id
        token = tokens.create(session, person, "program", ["reviews:write"])[1]
    app = create_app(Settings(data_dir=tmp_path / "data", database_url=url), db)
    client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
    client.headers["authorization"] = f"Bearer {token}"
    return client, made.project_id


def test_a_claim_and_a_submission_are_few_statements(
    program: tuple[TestClient, int], counted: Callable[[Callable[[], Any]], tuple[Any, list[str]]]
) -> None:
    client, project = program
    claims, submissions = [], []
    for turn in range(9):  # the first ones note that the token was used; the fifth enqueues a job more
        held, seen = counted(lambda: client.post(f"/api/v1/projects/{project}/claims", json={}))
        assert held.status_code == 200, held.text
        claims.append(seen)
        found = held.json()
        body = decision(found, f"The sum of turn {turn} is wrong.")
        path = f"/api/v1/claims/{found['assignment_id']}/submit"
        done, seen = counted(lambda path=path, body=body: client.post(path, json=body))
        assert done.status_code == 200 and done.json()["distil_job_id"], done.text
        submissions.append(seen)
    assert len(claims[-1]) <= A_CLAIM, "\n".join(claims[-1])
    assert len(submissions[-1]) <= A_SUBMISSION, "\n".join(submissions[-1])
