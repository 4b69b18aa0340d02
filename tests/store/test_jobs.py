"""Jobs: one unfinished job per key, attempts that end, cancels that are obeyed, and results that are written once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from core.types import JobState
from store import jobs, tables, workers
from store.engine import Database
from tests.conftest import Clock
from tests.factories import scene


def create(db: Database, **options: object) -> int:
    with db.write() as session:
        return jobs.create(session, "generate", {"item_ids": [1]}, **{"priority": 50, **options})[0].id  # type: ignore[arg-type]


def state(db: Database, job_id: int) -> str:
    with db.read() as session:
        return jobs.get(session, job_id).state


def start(db: Database, job_id: int, worker: str = "w") -> bool:
    with db.write() as session:
        return jobs.start(session, job_id, worker) is not None


def test_a_job_from_start_to_end(db: Database, clock: Clock) -> None:
    job_id = create(db)
    with db.write() as session:
        job = jobs.start(session, job_id, "w")
        assert job is not None and (job.state, job.attempts, job.worker_id) == ("running", 1, "w")
        assert jobs.progress(session, job_id, 3, 10, "3 of 10 answers")
        assert jobs.finish(session, job_id, {"ids": [1]})
        assert not jobs.finish(session, job_id, {"ids": [2]}), "finished twice"
        assert not jobs.progress(session, job_id, 9, 10)
    with db.read() as session:
        job = jobs.get(session, job_id)
        assert (job.state, job.done, job.total, job.result) == ("done", 3, 10, {"ids": [1]})
        assert job.finished_at == clock.moment
    assert not start(db, job_id)


def test_one_unfinished_job_per_key(db: Database) -> None:
    first = create(db, dedupe_key="analyse:1")
    with db.write() as session:
        again, created = jobs.create(session, "analyse", {}, priority=1, dedupe_key="analyse:1")
        assert (again.id, created) == (first, False)
        other, created = jobs.create(session, "analyse", {}, priority=1, dedupe_key="analyse:2")
        assert created and other.id != first
    start(db, first)
    assert create(db, dedupe_key="analyse:1") == first
    with db.write() as session:
        jobs.finish(session, first, {})
    assert create(db, dedupe_key="analyse:1") != first
    assert create(db) != create(db), "jobs without a key are all kept"


def test_many_threads_with_one_key_make_one_job(db: Database) -> None:
    made: list[int] = []
    threads = [threading.Thread(target=lambda: made.append(create(db, dedupe_key="k"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 12 and len(set(made)) == 1
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Job)) == 1


def test_failures_are_retried_until_the_attempts_are_used_up(db: Database) -> None:
    job_id = create(db, max_attempts=2)
    for wanted in (JobState.QUEUED, JobState.FAILED):
        assert start(db, job_id)
        with db.write() as session:
            assert jobs.fail(session, job_id, "no\0 memory", True) == wanted
    assert not start(db, job_id)
    with db.read() as session:
        assert jobs.get(session, job_id).error == "no memory"
    once = create(db)
    start(db, once)
    with db.write() as session:
        assert jobs.fail(session, once, "bad file", False) == JobState.FAILED
        assert jobs.fail(session, once, "late", True) == JobState.FAILED


def test_a_job_that_kills_its_worker_every_time_ends(db: Database) -> None:
    job_id = create(db, max_attempts=3)
    assert [start(db, job_id, f"w{n}") for n in range(5)] == [True, True, True, False, False]
    with db.read() as session:
        job = jobs.get(session, job_id)
        assert job.state == "failed" and "worker" in job.error


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(db: Database) -> None:
    waiting, running = create(db), create(db)
    start(db, running)
    with db.write() as session:
        assert jobs.cancel(session, waiting, None) == JobState.CANCELLED
        assert jobs.cancel(session, running, None) == JobState.RUNNING
        assert jobs.cancel(session, running, None) == JobState.RUNNING
        assert not jobs.progress(session, running, 1, 2), "the worker must hear of it"
        assert jobs.cancelled(session, running)
        jobs.stopped(session, running)
    assert (state(db, waiting), state(db, running)) == ("cancelled", "cancelled")
    assert not start(db, waiting) and not start(db, running)
    with db.read() as session:
        events = session.scalars(select(tables.AuditEvent).where(tables.AuditEvent.action == "job.cancel")).all()
        assert sorted(event.subject_id or 0 for event in events) == [waiting, running]


@pytest.mark.parametrize("how", ["fails", "dies"])
def test_a_cancelled_job_is_not_tried_again(db: Database, how: str) -> None:
    job_id = create(db)
    start(db, job_id)
    with db.write() as session:
        jobs.cancel(session, job_id, None)
    if how == "fails":
        with db.write() as session:
            assert jobs.fail(session, job_id, "x", True) == JobState.CANCELLED
    else:
        assert not start(db, job_id, "other")
    assert state(db, job_id) == "cancelled"


def test_a_cancel_that_comes_too_late_changes_nothing(db: Database) -> None:
    job_id = create(db)
    start(db, job_id)
    with db.write() as session:
        jobs.finish(session, job_id, {})
        assert jobs.cancel(session, job_id, None) == JobState.DONE


def test_lists(db: Database) -> None:
    with db.write() as session:
        project = scene(session, n_items=0).project_id
    batch, urgent = create(db, project_id=project, priority=100), create(db, project_id=project, priority=1)
    done, foreign = create(db, project_id=project), create(db)
    start(db, done)
    with db.write() as session:
        jobs.finish(session, done, {})
    with db.read() as session:
        assert [job.id for job in jobs.open_for(session, project)] == [urgent, batch]
        assert [job.id for job in jobs.recent(session, project)] == [done, urgent, batch]
        assert [job.id for job in jobs.recent(session, limit=1)] == [foreign]
        for ask in (jobs.get, jobs.cancelled):
            with pytest.raises(LookupError):
                ask(session, 9999)
    for act in (lambda s: jobs.cancel(s, 9999, None), lambda s: jobs.fail(s, 9999, "", True)):
        with pytest.raises(LookupError), db.write() as session:
            act(session)


def test_stranded_jobs_are_those_whose_worker_is_silent(db: Database, clock: Clock) -> None:
    ids = [create(db) for _ in range(4)]
    for job_id, worker in zip(ids, ("alive", "silent", "stopped", "never seen"), strict=True):
        start(db, job_id, worker)
    with db.write() as session:
        for worker in ("alive", "silent", "stopped"):
            workers.beat(session, worker, host="h", pid=1, url=None)
    clock.forward(20)
    with db.write() as session:
        workers.beat(session, "alive", host="h", pid=1, url=None)
        workers.beat(session, "stopped", host="h", pid=1, url=None)
        workers.stop(session, "stopped")
    with db.read() as session:
        assert [job.id for job in jobs.stranded(session, 15)] == ids[1:]


def test_workers_come_and_go(db: Database, clock: Clock) -> None:
    with db.read() as session:
        assert workers.last_seen(session) is None
        assert workers.alive(session, 15) == []
    with db.write() as session:
        workers.beat(session, "a", host="h", pid=1, url="http://127.0.0.1:1", note="idle")
    begun = clock.moment
    clock.forward(10)
    with db.write() as session:
        workers.beat(session, "a", host="h", pid=1, url="http://127.0.0.1:1", note="answering")
    with db.read() as session:
        (worker,) = workers.alive(session, 15)
        assert (worker.note, worker.started_at, worker.seen_at) == ("answering", begun, clock.moment)
    seen = clock.moment
    clock.forward(16)
    with db.read() as session:
        assert workers.alive(session, 15) == []
        assert workers.last_seen(session) == seen
    with db.write() as session:
        workers.beat(session, "a", host="h", pid=1, url=None)
        workers.stop(session, "a")
        assert workers.alive(session, 15) == []
        workers.beat(session, "a", host="h", pid=2, url=None)
        assert [w.pid for w in workers.alive(session, 15)] == [2], "a worker that comes back lives"
