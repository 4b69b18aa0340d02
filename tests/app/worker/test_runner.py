"""Jobs from enqueueing to their end, on both databases, with a real engine and a worker inside the test."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.worker import jobs
from app.worker.runner import Context
from core.generators.base import GeneratorError
from core.types import JobPriority, JobState
from store import jobs as rows
from store import workers
from store.tables import Job
from tests.app.worker.conftest import Bench, Count, no_work, until


def test_a_job_runs_and_leaves_its_result(bench: Bench) -> None:
    bench.start({"echo": no_work})
    job = bench.wait(bench.enqueue("echo", payload={"n": 7}))
    assert (job.state, job.result, job.attempts, job.error) == (JobState.DONE, {"n": 7}, 1, "")
    assert job.worker_id == bench.runner.id and job.finished_at is not None


def test_a_rollback_takes_the_job_back(bench: Bench) -> None:
    ran: list[int] = []

    def note(context: Context, payload: Count) -> dict[str, Any]:
        ran.append(payload.n)
        return {}

    bench.start({"note": note})
    with pytest.raises(ZeroDivisionError), bench.db.write() as session:
        jobs.enqueue(session, "note", {"n": 1})
        raise ZeroDivisionError
    bench.wait(bench.enqueue("note", payload={"n": 2}))
    assert ran == [2]


def test_an_unfinished_job_with_the_key_is_returned_and_made_more_urgent(bench: Bench) -> None:
    first = bench.enqueue("echo", dedupe_key="k", priority=JobPriority.BATCH)
    assert bench.enqueue("echo", dedupe_key="k", priority=JobPriority.PERSON_WAITING) == first
    assert bench.job(first).priority == JobPriority.PERSON_WAITING
    bench.start({"echo": no_work})
    assert bench.wait(first).attempts == 1  # two deliveries, one run
    second = bench.enqueue("echo", dedupe_key="k")
    assert second != first
    bench.wait(second)


def test_urgent_jobs_run_first(bench: Bench) -> None:
    order: list[int] = []

    def note(context: Context, payload: Count) -> dict[str, Any]:
        order.append(payload.n)
        return {}

    bench.settings.worker_threads = 1
    bench = Bench(bench.db, bench.settings, bench._patch)
    ids = [bench.enqueue("note", payload={"n": n}, priority=JobPriority.BATCH) for n in range(3)]
    ids += [bench.enqueue("note", payload={"n": n}, priority=JobPriority.NORMAL) for n in range(3, 6)]
    bench.start({"note": note})
    for job_id in ids:
        bench.wait(job_id)
    bench.stop()
    assert order == [3, 4, 5, 0, 1, 2]


def test_a_person_does_not_wait_for_threads_that_batches_hold(bench: Bench) -> None:
    free = threading.Event()

    def hold(context: Context, payload: Count) -> dict[str, Any]:
        free.wait(20)
        return {}

    bench.start({"hold": hold, "echo": no_work})
    held = [bench.enqueue("hold", priority=JobPriority.BATCH) for _ in range(3)]
    until(lambda: len(bench.runner.running) == 2)
    assert bench.wait(bench.enqueue("echo", priority=JobPriority.PERSON_WAITING)).state == JobState.DONE
    assert bench.job(held[2]).state == JobState.QUEUED
    free.set()
    bench.wait(held[2])


class Flaky:
    """Fails with each problem in turn, then works."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)

    def __call__(self, context: Context, payload: Count) -> dict[str, Any]:
        if self.problems:
            raise self.problems.pop(0)
        return {"attempt": context.job.attempts}


@pytest.mark.parametrize(
    "problem",
    [GeneratorError("The server is busy.", retryable=True), OperationalError("SELECT 1", {}, Exception("locked"))],
)
def test_a_passing_failure_is_tried_again_later(bench: Bench, problem: Exception) -> None:
    bench.start({"flaky": Flaky(problem)})
    job_id = bench.enqueue("flaky")
    until(lambda: bool(bench.job(job_id).error))
    waiting = bench.job(job_id)
    assert waiting.state == JobState.QUEUED and waiting.attempts == 1
    done = bench.wait(job_id)
    assert (done.state, done.result, done.error) == (JobState.DONE, {"attempt": 2}, "")
    assert (done.started_at - waiting.started_at).total_seconds() > 1.5


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (ValueError("the column “q” is not in the file"), "the column “q” is not in the file"),
        (GeneratorError("The prompt is too long."), "The prompt is too long."),
        (AttributeError("x"), "AttributeError: x"),
    ],
)
def test_a_lasting_failure_ends_the_job_with_words(bench: Bench, problem: Exception, says: str) -> None:
    bench.start({"flaky": Flaky(problem)})
    job = bench.wait(bench.enqueue("flaky"))
    assert (job.state, job.error, job.attempts) == (JobState.FAILED, says, 1)


def test_attempts_run_out(bench: Bench) -> None:
    busy = [GeneratorError(f"busy {n}", retryable=True) for n in range(5)]
    bench.start({"flaky": Flaky(*busy)})
    job = bench.wait(bench.enqueue("flaky", max_attempts=2))
    assert (job.state, job.error, job.attempts) == (JobState.FAILED, "busy 1", 2)


def test_a_failed_job_is_tried_again_as_the_same_row(bench: Bench) -> None:
    broken = [True]

    def mended_later(context: Context, payload: Count) -> dict[str, Any]:
        if broken:
            raise ValueError("the disk is full")
        return {"done": payload.n}

    bench.start({"mended": mended_later})
    job_id = bench.enqueue("mended", payload={"n": 4})
    assert bench.wait(job_id).state == JobState.FAILED
    broken.clear()
    with bench.db.write() as session:
        assert jobs.try_again(session, job_id, None).id == job_id
    job = bench.wait(job_id, JobState.DONE)
    assert (job.result, job.attempts, job.error) == ({"done": 4}, 1, "")


def test_a_waiting_job_is_cancelled_at_once_and_never_runs(bench: Bench) -> None:
    job_id = bench.enqueue("echo")
    with bench.db.write() as session:
        assert rows.cancel(session, job_id, None) == JobState.CANCELLED
    bench.start({"echo": no_work})
    bench.wait(bench.enqueue("echo"))
    assert (bench.job(job_id).state, bench.job(job_id).attempts) == (JobState.CANCELLED, 0)


def test_a_running_job_ends_at_its_next_step_when_cancelled(bench: Bench) -> None:
    def steps(context: Context, payload: Count) -> dict[str, Any]:
        for n in range(10_000):
            context.progress(n, 10_000, "counting")
        return {}

    bench.start({"steps": steps})
    job_id = bench.enqueue("steps")
    until(lambda: bench.job(job_id).done > 2)
    with bench.db.write() as session:
        assert rows.cancel(session, job_id, None) == JobState.RUNNING
    job = bench.wait(job_id)
    assert job.state == JobState.CANCELLED and 2 < job.done < 10_000 and job.message == "counting"


def test_what_a_job_enqueues_inherits_its_urgency(bench: Bench) -> None:
    def parent(context: Context, payload: Count) -> dict[str, Any]:
        with context.db.write() as session:
            return {"child": context.enqueue(session, "echo", {"n": 2}).id}

    bench.start({"parent": parent, "echo": no_work})
    job = bench.wait(bench.enqueue("parent", priority=JobPriority.PERSON_WAITING))
    child = bench.wait(job.result["child"])
    assert (child.state, child.priority) == (JobState.DONE, JobPriority.PERSON_WAITING)


def test_stopping_hands_the_job_back_without_counting_the_attempt(bench: Bench) -> None:
    begun = threading.Event()

    def steps(context: Context, payload: Count) -> dict[str, Any]:
        begun.set()
        while True:
            context.check()

    bench.start({"steps": steps})
    job_id = bench.enqueue("steps")
    assert begun.wait(10)
    gone = bench.runner.id
    assert bench.stop()
    job = bench.job(job_id)
    assert (job.state, job.attempts, job.worker_id) == (JobState.QUEUED, 0, None)
    with bench.db.read() as session:
        assert gone not in [worker.id for worker in workers.alive(session, 60)]
    bench.start({"steps": no_work})
    assert bench.wait(job_id).attempts == 1


def test_a_worker_beats_and_says_what_it_does(bench: Bench) -> None:
    free = threading.Event()

    def hold(context: Context, payload: Count) -> dict[str, Any]:
        free.wait(20)
        return {}

    bench.start({"hold": hold})

    def note() -> str:
        with bench.db.read() as session:
            return workers.alive(session, 1)[0].note

    assert note() == "waiting for work"
    job_id = bench.enqueue("hold")
    until(lambda: note() == "1 running")
    free.set()
    bench.wait(job_id)


def run_by_a_dead_worker(bench: Bench, attempts: int = 1) -> int:
    """A job whose row says that it runs, on a worker that nobody has heard of for long."""
    job_id = bench.enqueue("echo", max_attempts=2)
    with bench.db.write() as session:
        for _ in range(attempts):
            assert rows.start(session, job_id, "lost-worker")
    return job_id


def test_a_dead_workers_job_is_run_again(bench: Bench) -> None:
    job_id = run_by_a_dead_worker(bench)
    bench.start({"echo": no_work})
    job = bench.wait(job_id)
    assert (job.state, job.attempts, job.worker_id) == (JobState.DONE, 2, bench.runner.id)


def test_a_job_that_kills_its_worker_every_time_is_given_up(bench: Bench) -> None:
    job_id = run_by_a_dead_worker(bench, attempts=2)
    bench.start({"echo": no_work})
    job = bench.wait(job_id)
    assert (job.state, job.attempts) == (JobState.FAILED, 2)
    assert "died in the middle of attempt 2 of 2" in job.error


def test_a_job_that_runs_is_not_begun_a_second_time(bench: Bench) -> None:
    free, begun = threading.Event(), []

    def hold(context: Context, payload: Count) -> dict[str, Any]:
        begun.append(1)
        free.wait(20)
        return {}

    runner = bench.start({"hold": hold})
    job_id = bench.enqueue("hold")
    until(lambda: bool(begun))
    runner.run_job(job_id)  # the engine delivers at least once
    assert bench.job(job_id).state == JobState.RUNNING and job_id in runner.running
    free.set()
    assert bench.wait(job_id).attempts == 1 and begun == [1]


def test_of_two_that_rescue_at_once_the_slower_does_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has listed the dead worker's job, and meanwhile the faster one has queued it and a third one runs it."""
    job_id = run_by_a_dead_worker(bench)
    listed = bench.job(job_id)
    with bench.db.write() as session:
        assert jobs.rescue(session, 1, "fast", []) == ([job_id], [])
        assert rows.start(session, job_id, "third")
        workers.beat(session, "third", host="here", pid=1, url=None)
    monkeypatch.setattr(rows, "stranded", lambda *_: [listed])
    with bench.db.write() as session:
        assert jobs.rescue(session, 1, "slow", []) == ([], [])
    assert (bench.job(job_id).state, bench.job(job_id).worker_id) == (JobState.RUNNING, "third")


def test_a_job_that_reaches_a_worker_which_ends_is_delivered_again(bench: Bench) -> None:
    """The engine closes its record of the delivery, so another one has to be there."""
    runner = bench.start({"echo": no_work})
    bench.stop()
    job_id = bench.enqueue("echo")
    runner.run_job(job_id)
    assert bench.job(job_id).state == JobState.QUEUED
    table = "dbos.workflow_status" if bench.db.dialect == "postgresql" else "workflow_status"
    with bench.db.read() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table} WHERE workflow_uuid LIKE 'job-{job_id}-%'")) == 2


def test_a_worker_that_was_taken_for_dead_writes_nothing(bench: Bench) -> None:
    job_id = run_by_a_dead_worker(bench)
    stale = bench.job(job_id)
    with bench.db.write() as session:
        jobs.rescue(session, 1, "me", [])
        taken = jobs.begin(session, job_id, "me", 1)
    with bench.db.write() as session:
        assert not jobs.finish(session, stale, {"by": "the dead"})
        assert jobs.fail(session, stale, "late", retry=True) is None
        jobs.hand_back(session, stale)
    assert (bench.job(job_id).state, bench.job(job_id).result) == (JobState.RUNNING, {})
    with bench.db.write() as session:
        assert jobs.finish(session, taken, {"by": "me"})
    assert bench.job(job_id).result == {"by": "me"}


def test_a_row_that_could_not_be_closed_is_found_and_run_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away just when the job ends."""
    close, failures = jobs.finish, [OperationalError("UPDATE", {}, Exception("gone"))]

    def broken(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return close(*args)

    monkeypatch.setattr(jobs, "finish", broken)
    bench.start({"echo": no_work})
    job = bench.wait(bench.enqueue("echo", payload={"n": 3}))
    assert (job.state, job.attempts, job.result) == (JobState.DONE, 2, {"n": 3})


def test_unknown_kinds_and_bad_payloads_are_refused(bench: Bench) -> None:
    with bench.db.write() as session:
        with pytest.raises(jobs.UnknownKind, match=r"there are: .*generate"):
            jobs.enqueue(session, "no such kind", {})
        with pytest.raises(ValueError, match="item_ids"):
            jobs.enqueue(session, "generate", {"item_ids": []})
        with pytest.raises(ValueError, match="1 or more"):
            jobs.enqueue(session, "embed", {"project_id": 1}, priority=0)
        assert session.query(Job).count() == 0


def test_no_more_jobs_of_a_project_run_at_once_than_it_wants(bench: Bench) -> None:
    """Those beyond wait aside and come in their order; other projects, and what a person waits for, do not."""
    running, most, gate = [0], [0], threading.Lock()

    def hold(context: Context, payload: Count) -> dict[str, Any]:
        with gate:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with gate:
            running[0] -= 1
        return {}

    limited = bench.project(jobs_at_once=2)
    bench.start({"note": hold})
    ids = [bench.enqueue("note", project_id=limited) for _ in range(12)]
    assert [bench.wait(job).state for job in ids] == [JobState.DONE] * 12
    assert most[0] == 2
    assert not any(bench.job(job).parked for job in ids)
    free = [bench.enqueue("note") for _ in range(6)]
    urgent = [bench.enqueue("note", project_id=limited, priority=JobPriority.PERSON_WAITING) for _ in range(6)]
    assert {bench.wait(job).state for job in [*free, *urgent]} == {JobState.DONE}
    assert most[0] > 2


def test_a_parked_job_comes_when_the_limit_is_lifted_or_its_holder_dies(bench: Bench) -> None:
    limited = bench.project(jobs_at_once=1)
    waits = [bench.enqueue("note", project_id=limited) for _ in range(3)]
    with bench.db.write() as session:
        assert jobs.begin(session, waits[0], "gone", 60) is not None
        assert jobs.begin(session, waits[1], "here", 60) is None
        assert jobs.begin(session, waits[2], "here", 60) is None
    assert [bench.job(job).parked for job in waits] == [False, True, True]
    with bench.db.write() as session:
        again, _ = jobs.rescue(session, 0.0, "here", set())
    assert again == [waits[0]]
    bench.start({"note": no_work})  # the engine's own deliveries have been used up or find the row taken
    assert {bench.wait(job).state for job in waits} == {JobState.DONE}


def test_a_worker_that_drains_lets_its_jobs_end_and_begins_none(bench: Bench) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(context: Context, payload: Count) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(30)
        context.check()  # nobody asks it to stop
        return {"ended": True}

    bench.start({"note": slow})
    first = bench.enqueue("note")
    assert begun.wait(30)
    stopping = threading.Thread(target=bench.runner.stop, kwargs={"drain_seconds": 30})
    stopping.start()
    until(bench.runner._draining.is_set)
    second = bench.enqueue("note")
    time.sleep(0.5)
    assert bench.job(second).state == JobState.QUEUED
    go_on.set()
    stopping.join(30)
    assert bench.job(first).result == {"ended": True}
    assert (bench.job(second).state, bench.job(second).attempts) == (JobState.QUEUED, 0)


@pytest.mark.parametrize(("takes", "runs", "waits"), [("model", "model", "echo"), ("rest", "echo", "model")])
def test_a_worker_takes_the_jobs_it_is_for(bench: Bench, takes: str, runs: str, waits: str) -> None:
    bench.settings.worker_takes = takes  # type: ignore[assignment]
    bench.start({"echo": no_work, "model": no_work})
    left, taken = bench.enqueue(waits), bench.enqueue(runs)
    urgent = bench.enqueue(runs, priority=JobPriority.PERSON_WAITING)
    assert {bench.wait(job).state for job in (taken, urgent)} == {JobState.DONE}
    time.sleep(0.5)
    assert bench.job(left).state == JobState.QUEUED
