"""How soon a worker sees a job, and how seldom it looks while there is none."""

from __future__ import annotations

import time

import psycopg
import pytest
from sqlalchemy import text

from app.worker import bells, engine
from app.worker.bells import Bell
from core.types import JobPriority, JobState
from tests.app.worker.conftest import Bench, no_work, until

LANES = [
    ("echo", JobPriority.PERSON_WAITING),
    ("echo", JobPriority.BATCH),
    ("model", JobPriority.PERSON_WAITING),
    ("model", JobPriority.BATCH),
]


def waited(bell: Bell) -> float:
    begun = time.monotonic()
    bell.wait(99)
    return time.monotonic() - begun


def looks_within(bench: Bench, seconds: float) -> int:
    """How often the lanes were looked into."""
    counted = bench.looks  # type: ignore[attr-defined]
    before = len(counted)
    time.sleep(seconds)
    return len(counted) - before


@pytest.fixture
def quiet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A worker that has started, is told of jobs, and would look by itself every two minutes only."""
    bench.looks = []  # type: ignore[attr-defined]
    original = Bell.wait

    def wait(self: Bell, timeout: float | None = None) -> bool:
        ended = original(self, timeout)
        bench.looks.append(time.monotonic())  # type: ignore[attr-defined]
        return ended

    monkeypatch.setattr(Bell, "wait", wait)
    monkeypatch.setattr(bells, "REST", 120.0)
    bench.start({"echo": no_work, "model": no_work})
    until(lambda: looks_within(bench, 0.5) == 0, 60, lambda: "it never came to rest")
    return bench


def test_a_bell_that_rings_ends_the_wait_and_one_that_is_silent_lets_it_be_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bells, "REST", 0.4)
    bell = Bell(0.05)
    assert waited(bell) >= 0.4
    bell.ring()
    assert waited(bell) < 0.2
    assert waited(bell) >= 0.4, "it rang once"


def test_after_a_job_ended_it_is_looked_sooner_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bells, "REST", 5.0)
    bell = Bell(5.0)
    bell.ended()
    assert waited(bell) < 0.5
    assert waited(bell) < 0.5
    time.sleep(bells.WARM)
    bell.ring()  # so that the test need not wait out the rest
    assert waited(bell) < 0.5


def test_a_job_that_nobody_told_of_makes_the_lane_looked_into_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bells, "REST", 0.4)
    monkeypatch.setattr(bells, "WARM", 0.0)
    bell = Bell(0.05)
    bell.ring()
    bell.wait()
    bell.begun()
    assert waited(bell) >= 0.4, "it was told of that one"
    bell.begun()
    assert waited(bell) < 0.3


def test_a_bell_that_is_set_ends_every_wait() -> None:
    bell = Bell(9.0)
    bell.set()
    assert bell.is_set()
    assert bell.wait()
    assert waited(bell) < 0.5


def test_a_job_of_every_lane_begins_at_once_though_nobody_looks(quiet: Bench) -> None:
    for kind, priority in LANES:
        assert quiet.wait(quiet.enqueue(kind, priority=priority), seconds=30).state == JobState.DONE


def test_more_jobs_than_threads_are_done_one_after_the_other(quiet: Bench) -> None:
    jobs = [quiet.enqueue("echo", priority=JobPriority.BATCH) for _ in range(20)]
    assert {quiet.wait(job, seconds=30).state for job in jobs} == {JobState.DONE}


def test_a_worker_without_work_does_not_look(quiet: Bench) -> None:
    quiet.wait(quiet.enqueue("echo"))
    until(lambda: looks_within(quiet, 0.5) == 0, 60)
    assert looks_within(quiet, 2) == 0


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_is_cut_is_made_again(quiet: Bench) -> None:
    with quiet.db.read() as session:
        listens = (
            "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN corrigenda_jobs' AND datname = current_database()"
        )
        (listener,) = session.scalars(text(listens)).all()
    plain = quiet.settings.url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (listener,))
        assert quiet.wait(quiet.enqueue("echo"), seconds=30).state == JobState.DONE
        until(lambda: connection.execute(listens).fetchall() not in ([], [(listener,)]), 30)
    until(lambda: looks_within(quiet, 0.5) == 0, 60)
    assert quiet.wait(quiet.enqueue("echo"), seconds=30).state == JobState.DONE


def test_a_worker_that_nobody_tells_finds_jobs_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.noticing.Notices._ring", lambda self, lanes: None)  # such as behind a pooler
    bench.start({"echo": no_work})
    time.sleep(3.5)  # the time after its start in which it looks anyway
    begun = time.monotonic()
    first = bench.wait(bench.enqueue("echo"), seconds=30)
    assert first.state == JobState.DONE
    assert bench.runner is not None
    assert bench.runner._engine._bells[engine.WORK]._deaf_until > begun


def test_a_draining_worker_does_not_take_the_same_job_again_and_again(bench: Bench) -> None:
    bench.start({"echo": no_work})
    assert bench.runner is not None
    bench.runner._draining.set()
    bench.runner._engine.take_no_more()
    job_id = bench.enqueue("echo")
    time.sleep(1.5)
    table = "dbos.workflow_status" if bench.db.dialect == "postgresql" else "workflow_status"
    with bench.db.read() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table} WHERE workflow_uuid LIKE 'job-{job_id}-%'")) == 1
    assert bench.job(job_id).state == JobState.QUEUED
