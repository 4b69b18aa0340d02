"""People and a program at work while web processes and workers are killed at random, on PostgreSQL: what was answered is there once.

Three web processes and two workers, one of which is killed every two to five seconds and begun again, for ``SECONDS``. People claim
and submit through the API, send again what got no answer, and walk away from one item in twenty; a program pushes outputs under
Idempotency-Keys. Then everything is let run out. Workers have a named fake instead of a language model; all else is the product.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select

from app.worker import engine
from core.types import JobState, Role
from store import migrate, projects, queue
from store.engine import Database
from store.tables import Assignment, Correction, Draft, Item, Job, Output, Review
from tests.benchmarks import queue_rows
from tests.benchmarks.bench_claims import SERVER
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.web_fleet import Program, Webs, decision, until

SECONDS, RUN_OUT = 180.0, 600.0
WEBS, WORKERS, PEOPLE, ITEMS, LEASE = 3, 2, 16, 1000, 20
PAUSE = 2.5  # of a person between two requests
PUSHED_AT_ONCE, PUSH_PAUSE = 3, 3.0
BETWEEN_KILLS = (2.0, 5.0)


def run() -> dict[str, object]:
    try:
        with tempfile.TemporaryDirectory() as folder, database(SERVER) as url:
            return _measure(url, Path(folder))
    except psycopg.OperationalError as problem:
        return {"postgresql": f"not measured: {problem}".strip()}


class Workers:
    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        own = self.folder / f"worker-{time.monotonic_ns()}"
        own.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.app.worker.slow_worker", self.url, str(own), "0.1"]
        with (own / "log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def kill(self, which: int) -> None:
        gone = self.processes.pop(which)
        gone.send_signal(signal.SIGKILL)
        gone.wait()

    def end(self) -> None:
        while self.processes:
            self.kill(0)


class Told:
    """What people and the program know: what was answered, and how often something was sent again."""

    def __init__(self) -> None:
        self.submitted: list[tuple[int, str]] = []  # assignment, words
        self.lost: list[str] = []  # words that were refused because the lease had run out
        self.pushed: list[int] = []  # ids of outputs
        self.again = self.walked_away = 0
        self.problems: list[BaseException] = []
        self.ended = threading.Event()  # of the killing
        self.nothing_left = threading.Event()


def person(number: int, program: Program, project: int, told: Told) -> None:
    draw, said = random.Random(number), 0
    try:
        while True:
            held, again = program.until_it_answers(f"/projects/{project}/claims", {})
            told.again += again
            assert held.status == 200, held
            time.sleep(PAUSE if not told.ended.is_set() else 0.05)
            if held.body["assignment_id"] is None:
                if told.nothing_left.is_set():
                    return
                time.sleep(0.5)
                continue
            if draw.random() < 0.05 and not told.ended.is_set():
                told.walked_away += 1
                time.sleep(LEASE * 1.5)
                continue
            said += 1
            words = f"person {number} says for the time {said} that the sum is wrong"
            _submit(program, held.body, words, told)
    except BaseException as problem:
        told.problems.append(problem)


def _submit(program: Program, held: dict[str, Any], words: str, told: Told) -> None:
    body = decision(held, words)
    path = f"/claims/{held['assignment_id']}/submit"
    done, again = program.until_it_answers(path, body, key=held["token"])
    told.again += again
    if done.status == 409:
        told.lost.append(words)
    else:
        assert done.status == 200, done
        told.submitted.append((held["assignment_id"], words))


def push(program: Program, project: int, told: Told) -> None:
    """Outputs that come from outside meanwhile, each request under a key."""
    try:
        number = 0
        while not told.ended.is_set():
            number += 1
            rows = [
                {
                    "item": {"external_id": f"p{number}-{n}", "prompt": "2 + 2?"},
                    "text": f"{number} + {n} = 4.",
                    "model": "m",
                }
                for n in range(PUSHED_AT_ONCE)
            ]
            done, again = program.until_it_answers(
                f"/projects/{project}/outputs", {"outputs": rows}, key=f"push-{number}"
            )
            assert done.status == 201, done
            told.again += again
            told.pushed += [row["id"] for row in done.body["data"]]
            told.ended.wait(PUSH_PAUSE)
    except BaseException as problem:
        told.problems.append(problem)


def _measure(url: str, folder: Path) -> dict[str, object]:
    migrate.upgrade(url, None)
    engine.prepare(url, 2)
    db = Database(url)
    workers, told = Workers(url, folder), Told()
    try:
        project = queue_rows.make_project(db)
        queue_rows.fill(db, project, ITEMS)
        with db.write() as session:
            projects.set_queue(session, project, "annotate", user_id=None, lease_seconds=LEASE)
        tokens = queue_rows.people(db, PEOPLE)
        (lead,) = queue_rows.people(db, 1, scope="outputs:write", role=Role.ADMIN)
        with Webs(url, folder, WEBS) as webs:
            for _ in range(WORKERS):
                workers.start()
            jobs = [(person, (n, Program(webs.ports, token, n), project, told)) for n, token in enumerate(tokens)]
            threads = [threading.Thread(target=work, args=args) for work, args in jobs]
            threads.append(threading.Thread(target=push, args=(Program(webs.ports, lead), project, told)))
            for thread in threads:
                thread.start()
            killed = _kill(webs, workers)
            during = len(told.submitted)
            told.ended.set()
            begun = time.monotonic()
            until(lambda: bool(told.problems) or _all_done(db, project), RUN_OUT)
            told.nothing_left.set()
            for thread in threads:
                thread.join(60)
            if told.problems:
                raise told.problems[0]
            figures = {"killed": killed, "submitted_meanwhile": during, "ran_out_s": round(time.monotonic() - begun, 1)}
        return figures | _verdict(db, project, told) | {"load": round(os.getloadavg()[0], 1)}
    finally:
        workers.end()
        db.dispose()


def _kill(webs: Webs, workers: Workers) -> dict[str, int]:
    draw, end = random.Random(0), time.monotonic() + SECONDS
    killed = Counter[str]()
    while time.monotonic() < end:
        time.sleep(draw.uniform(*BETWEEN_KILLS))
        which = draw.randrange(WEBS + WORKERS)
        if which < WEBS:
            webs.kill(webs.ports[which])
            webs.start(webs.ports[which])
        else:
            workers.kill(which - WEBS)
            workers.start()
        killed["web" if which < WEBS else "worker"] += 1
    return dict(killed)


def _all_done(db: Database, project: int) -> bool:
    """No slot waits or is held, and no job that could bring another slot is left."""
    time.sleep(0.5)
    unfinished = select(func.count(Job.id)).where(Job.state.in_((JobState.QUEUED.value, JobState.RUNNING.value)))
    with db.read() as session:
        left = queue.counts(session, project)
        return not (left["open"] or left["claimed"] or left["expired"] or session.scalar(unfinished))


def _verdict(db: Database, project: int, told: Told) -> dict[str, object]:
    """Whether each answer that was confirmed is there once, and nothing is there that nobody said."""
    with db.read() as session:
        rows = session.execute(
            select(Review.assignment_id, Correction.text).join(
                Correction, Correction.assignment_id == Review.assignment_id
            )
        ).all()
        reviews = session.scalar(select(func.count(Review.id))) or 0
        kept = " ".join(str(body) for body in session.scalars(select(Draft.body).where(Draft.stale.is_(True))))
        slots = Counter(session.scalars(select(Assignment.state)).all())
        states = Counter(session.scalars(select(Job.state)).all())
        items = Counter(session.scalars(select(Output.item_id)).all())
        failed = session.scalars(select(Job.error).where(Job.state == JobState.FAILED.value)).all()
        pushed = session.scalar(select(func.count(Item.id)).where(Item.external_id.like("p%"))) or 0
    there, confirmed = Counter((slot, words) for slot, words in rows), Counter(told.submitted)
    return {
        "submissions_confirmed": len(told.submitted),
        "of_these_missing": (confirmed - there).total(),
        "there_twice": sum(times - 1 for times in there.values()) + reviews - len(rows),
        "there_unconfirmed": (there - confirmed).total(),
        "lease_had_run_out": len(told.lost),
        "of_these_words_missing": sum(words not in kept for words in told.lost),
        "sent_again": told.again,
        "walked_away": told.walked_away,
        "pushed_outputs": len(told.pushed),
        "pushed_missing_or_twice": abs(pushed - len(told.pushed)) + sum(times - 1 for times in items.values()),
        "slots": dict(slots),
        "jobs": dict(states),
        "jobs_failed": dict(Counter(error.strip().splitlines()[-1][:200] for error in failed)),
    }
