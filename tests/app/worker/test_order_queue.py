"""A queue is put in another order in small pieces, and people claim from it meanwhile."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy import func, select

from core.types import JobState
from store import projects, queue
from store.tables import Assignment, Risk
from tests.app.worker.conftest import Bench
from tests.app.worker.loop import Loop
from tests.factories import scene

N = 3000


def test_thousands_are_reordered_while_people_claim(bench: Bench) -> None:
    loop = Loop(bench)
    with loop.db.write() as session:
        made = scene(session, n_items=N, n_users=4)
        loop.project_id = made.project_id
        session.add_all(
            Risk(output_id=id_, value=n / N, method="m", version="1", calibrated=True)
            for n, id_ in enumerate(made.outputs)
        )
    given: list[int] = []
    done = threading.Event()
    problems: list[BaseException] = []

    def work(user: int) -> None:
        try:
            while not done.is_set():
                with loop.db.write() as session:
                    held = queue.claim_next(session, user, made.project_id)
                    assert held is not None
                    queue.submit(session, held.assignment_id, held.token)
                given.append(held.assignment_id)
                done.wait(0.01)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(user,)) for user in made.users]
    for thread in threads:
        thread.start()
    try:
        job = loop.run("order_queue", {"project_id": made.project_id})
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert not problems and job.state == JobState.DONE and job.result is not None
    assert max(Counter(given).values()) == 1 and len(given) > 4, "nothing was given twice, and claims went on"
    with loop.db.read() as session:
        waits = session.scalars(
            select(Assignment.output_id).where(Assignment.state == "open").order_by(Assignment.priority.desc())
        ).all()
    assert list(waits) == sorted(waits, reverse=True), "the last outputs have the highest risk"
    assert job.result["slots"] >= N - len(given) and job.result["lacks"] == {}


def test_a_queue_that_deals_in_turn_deals_what_waits(bench: Bench) -> None:
    loop = Loop(bench)
    loop.project(3)
    with loop.db.write() as session:
        made = scene(session, n_items=40, n_users=4)
        loop.project_id = made.project_id
        line = projects.set_queue(
            session, made.project_id, "annotate", user_id=None, access="round_robin", order_policy="diversity"
        )
        for user in made.users:
            queue.join(session, line, user, None)
    job = loop.run("order_queue", {"project_id": made.project_id})
    assert job.result is not None
    assert (job.result["dealt"], job.result["lacks"]) == (40, {"no vector of the answer": 40})
    with loop.db.read() as session:
        dealt = dict(
            session.execute(select(Assignment.assignee_id, func.count()).group_by(Assignment.assignee_id)).all()
        )
    assert dealt == dict.fromkeys(made.users, 10)
