"""The worker's local service over a real socket, and the client that the web process uses."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.worker import client, texts
from app.worker.models import Models
from app.worker.secret import shared_secret
from app.worker.service import MAX_BODY, ServiceThread, create_service
from app.worker.texts import PartialTexts
from core.types import JobState
from store import jobs, workers
from store.engine import Database
from store.tables import Job
from tests.factories import build


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path, database_url=sqlite_url)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    yield made
    made.dispose()


@pytest.fixture
def said() -> PartialTexts:
    return PartialTexts()


@pytest.fixture
def url(db: Database, settings: Settings, said: PartialTexts) -> Iterator[str]:
    """A running service whose worker beats."""
    thread = ServiceThread("127.0.0.1", 0)
    thread.start(create_service(db, Models(settings, db), said, shared_secret(settings)))
    with db.write() as session:
        workers.beat(session, "w", host="here", pid=1, url=thread.url)
    yield thread.url
    thread.stop()


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"authorization": "Basic x"}, bearer("é")])
def test_without_the_secret_every_path_is_closed(url: str, headers: dict[str, str]) -> None:
    given = {name: value.encode() for name, value in headers.items()}
    for path in ("/health", "/jobs/1/text", "/nothing", "/docs", "/openapi.json"):
        assert httpx.get(url + path, headers=given).status_code == 401


def test_health_with_the_secret(url: str, settings: Settings) -> None:
    answer = httpx.get(url + "/health", headers=bearer(shared_secret(settings)))
    assert answer.json() == {"state": "ok", "note": ""}


def test_large_requests_and_those_of_unknown_length_are_refused(url: str, settings: Settings) -> None:
    headers = bearer(shared_secret(settings))
    assert httpx.post(url + "/embed", headers=headers, content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert httpx.post(url + "/embed", headers=headers, content=iter([b"{}"])).status_code == 413


def test_bad_bodies_are_refused(url: str, settings: Settings) -> None:
    headers = bearer(shared_secret(settings))
    bad = [{"texts": ["x"] * 257}, {"texts": ["x" * 100_001]}, {"texts": [], "more": 1}]
    assert [httpx.post(url + "/embed", headers=headers, json=body).status_code for body in bad] == [422] * 3


def test_the_partial_text_of_a_job_reaches_the_page(
    db: Database, settings: Settings, said: PartialTexts, url: str
) -> None:
    with db.write() as session:
        job = build(session, Job, state=JobState.RUNNING.value, worker_id="w").id
    assert client.partial_text(db, settings, job) is None  # nothing said yet
    said.say(job, "First, <b>add</b>")
    assert client.partial_text(db, settings, job) == "First, <b>add</b>"


def test_an_unreachable_worker_is_none_and_soon(db: Database, settings: Settings) -> None:
    with db.write() as session:
        job = build(session, Job, state=JobState.RUNNING.value, worker_id="w").id
        workers.beat(session, "w", host="here", pid=1, url="http://127.0.0.1:9")
    assert client.partial_text(db, settings, job) is None
    assert client.search(db, settings, 1, ["rule"], "text", 5) is None
    with db.read() as session:
        assert jobs.get(session, job).state == JobState.RUNNING


def test_texts_are_kept_for_a_minute_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr(texts.time, "monotonic", lambda: moment)
    said = PartialTexts()
    said.say(1, "a")
    said.say(2, "b")
    said.end(1)
    said.end(3)  # a job that said nothing
    moment = 59.0
    assert (said.get(1), said.get(2)) == ("a", "b")
    moment = 61.0
    assert (said.get(1), said.get(2)) == (None, "b")


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "new")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(shared_secret(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 8 and len(found[0]) >= 40
    path = settings.data_dir / "worker.secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in settings.data_dir.iterdir()] == ["worker.secret"]


def test_a_secret_of_the_settings_wins(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, worker_secret="from the environment")
    assert shared_secret(settings) == "from the environment"
    assert not list(tmp_path.iterdir())
