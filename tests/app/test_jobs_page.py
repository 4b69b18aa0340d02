"""The jobs page: what runs, waits and has failed; a failed job is begun anew as the same row, and nobody but an admin does so."""

from __future__ import annotations

from typing import Any

import pytest

from app import auth
from app.pages import jobs as page
from app.view import jobs as view
from app.worker import engine
from app.worker import jobs as worker_jobs
from core.types import JobState, Role
from store import audit, jobs, workers
from store.engine import Database
from store.tables import Job
from tests.app.conftest import Web


def _failed(db: Database, **how: Any) -> int:
    with db.write() as session:
        job = worker_jobs.enqueue(session, "embed", {"project_id": 1}, max_attempts=1, **how)
        jobs.start(session, job.id, "w1")
        jobs.fail(session, job.id, "Out of memory <script>.", retry=False)
        return job.id


def test_what_has_failed_is_told_with_its_reason_and_begun_anew(web: Web) -> None:
    engine.prepare(web.settings.url)
    ada = auth.make_user(web.db, "ada", None, Role.ADMIN)
    id_ = _failed(web.db)
    with web.db.read() as session:
        html = view.parts(session, 15)
    assert "Out of memory &lt;script&gt;." in html["failed"] and "No worker runs" in html["workers"]
    assert page._act(web.state, ada, "again", id_) == "Embed lessons waits for a worker again."
    with web.db.read() as session:
        job = session.get_one(Job, id_)
        assert (job.state, job.attempts, job.error, job.finished_at) == (JobState.QUEUED, 0, "", None)
        (event,) = audit.page(session, action="job.try_again")
        assert event.subject_id == id_ and "Out of memory" in event.old["error"]
        html = view.parts(session, 15)
    assert "Embed lessons (1)" in html["running"] and "Nothing has failed" in html["failed"]
    with pytest.raises(ValueError, match="neither failed nor"):
        page._act(web.state, ada, "again", id_)
    assert page._act(web.state, ada, "cancel", id_) == "It is cancelled."
    with pytest.raises(LookupError):
        page._act(web.state, ada, "again", 999)


def test_the_same_work_is_not_done_twice_at_once(web: Web) -> None:
    engine.prepare(web.settings.url)
    id_ = _failed(web.db, dedupe_key="embed:1")
    with web.db.write() as session:
        other = worker_jobs.enqueue(session, "embed", {"project_id": 1}, dedupe_key="embed:1").id
    with pytest.raises(ValueError, match=f"as job {other}"):
        page._act(web.state, 0, "again", id_)


def test_a_running_job_shows_how_far_it_is_and_stops(web: Web) -> None:
    engine.prepare(web.settings.url)
    ada = auth.make_user(web.db, "ada", None, Role.ADMIN)
    with web.db.write() as session:
        id_ = worker_jobs.enqueue(session, "embed", {"project_id": 1}).id
        workers.beat(session, "w1", host="here", pid=7, url=None, note="loading the model")
        jobs.start(session, id_, "w1")
        jobs.progress(session, id_, 3, 9, "embedding")
    with web.db.read() as session:
        html = view.parts(session, 15)
    assert 'aria-valuemax="9" aria-valuenow="3"' in html["running"] and "loading the model" in html["workers"]
    assert page._act(web.state, ada, "cancel", id_) == "It stops at its next safe point."


def test_only_admins_see_and_press(web: Web) -> None:
    assert web.client("eve", Role.EXPERT).get("/admin/jobs", headers={"accept": "text/html"}).status_code == 403
    assert web.client("ada", Role.ADMIN).get("/admin/jobs").status_code == 200
