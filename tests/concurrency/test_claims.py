"""Many people at once: no slot twice, none left over, no person twice on an item, on either database."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from store import lessons, queue, reviews, tables, vectors
from store.engine import Database
from tests.concurrency.claiming_process import in_processes
from tests.conftest import Clock
from tests.factories import Scene, build, review_of, scene

THREADS = 16


def together(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run ``work(n)`` on that many threads, all set off at one moment; raises the first problem."""
    barrier = threading.Barrier(threads)
    problems: list[BaseException] = []

    def run(n: int) -> None:
        try:
            barrier.wait(30)
            work(n)
        except BaseException as problem:
            problems.append(problem)

    workers = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
        assert not worker.is_alive(), "a thread hangs"
    if problems:
        raise problems[0]


def claim(db: Database, made: Scene, user: int) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim_next(session, made.users[user], made.project_id)


@pytest.mark.parametrize("overlap", [1, 3])
def test_no_slot_is_given_twice_and_none_is_stranded(db: Database, overlap: int) -> None:
    """Every thread claims and submits until nothing is left for it: 16 people, 400 or 600 slots."""
    n_items = 400 if overlap == 1 else 200
    with db.write() as session:
        made = scene(session, n_items=n_items, n_users=THREADS, overlap=overlap)
    given: list[tuple[int, int, int]] = []

    def work(n: int) -> None:
        while (held := claim(db, made, n)) is not None:
            given.append((held.assignment_id, held.item_id, n))
            with db.write() as session:
                queue.submit(session, held.assignment_id, held.token)

    together(work)
    assert len(given) == n_items * overlap
    assert max(Counter(slot for slot, _, _ in given).values()) == 1, "a slot was given twice"
    assert max(Counter((item, user) for _, item, user in given).values()) == 1, "a person got an item twice"
    with db.read() as session:
        found = queue.counts(session, made.project_id)
    assert (found["submitted"], found["open"], found["claimed"]) == (n_items * overlap, 0, 0)


def test_processes_give_no_slot_twice_and_strand_none(db: Database, database_url: str) -> None:
    """32 people in four processes, each of whom gives every twentieth item back: 1,000 slots, each finished once.

    ``python -m tests.benchmarks claims`` does the same with 10,000.
    """
    with db.write() as session:
        made = scene(session, n_items=1000, n_users=32, audit_share=0.1)
    done = in_processes(database_url, made.project_id, [made.users[n::4] for n in range(4)])
    assert Counter(slot for slot, _, _ in done.submitted) == Counter(dict.fromkeys(slots_of(db, made), 1))
    again = Counter((slot, user) for slot, _, user in done.given) - Counter(
        (slot, user) for slot, _, user in done.submitted
    )
    assert sum(again.values()) == len(done.given) - len(done.submitted) > 0, (
        "what was given and not finished was given back"
    )
    with db.read() as session:
        found = queue.counts(session, made.project_id)
    assert (found["submitted"], found["open"], found["claimed"], found["expired"]) == (1000, 0, 0, 0)


def slots_of(db: Database, made: Scene) -> list[int]:
    """Ids of every slot of the scene."""
    with db.read() as session:
        return list(session.scalars(select(tables.Assignment.id).where(tables.Assignment.item_id.in_(made.items))))


def test_the_last_slot_goes_to_exactly_one(db: Database) -> None:
    for _ in range(5):
        with db.write() as session:
            made = scene(session, n_items=1, n_users=THREADS)
        winners: list[int] = []

        def work(n: int, made: Scene = made, winners: list[int] = winners) -> None:
            if claim(db, made, n) is not None:
                winners.append(n)

        together(work)
        assert len(winners) == 1


def test_two_windows_of_one_person_share_one_claim(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=50, n_users=1, overlap=2)
    tokens: list[str] = []

    def work(n: int) -> None:
        held = claim(db, made, 0)
        assert held is not None
        tokens.append(held.token)

    together(work)
    assert len(set(tokens)) == 1
    with db.read() as session:
        assert queue.counts(session, made.project_id)["claimed"] == 1


def test_leases_that_ran_out_are_taken_over_once_each(db: Database, clock: Clock) -> None:
    with db.write() as session:
        made = scene(session, n_items=THREADS, n_users=2 * THREADS, lease_seconds=60)
    lost = {}
    for n in range(THREADS):
        held = claim(db, made, n)
        assert held is not None
        lost[held.assignment_id] = held.token
    clock.forward(61)
    taken: list[queue.Claim] = []

    def work(n: int) -> None:
        held = claim(db, made, THREADS + n)
        assert held is not None
        taken.append(held)

    together(work)
    assert sorted(held.assignment_id for held in taken) == sorted(lost)
    for assignment_id, token in lost.items():
        with pytest.raises(queue.LostClaim), db.write() as session:
            queue.submit(session, assignment_id, token)


def test_submitting_and_taking_over_never_both_win(db: Database, clock: Clock) -> None:
    """Half of the people submit at the very moment when the other half may take their slots over."""
    half = THREADS // 2
    for _ in range(4):
        with db.write() as session:
            made = scene(session, n_items=half, n_users=THREADS, lease_seconds=60)
        held = [claim(db, made, n) for n in range(half)]
        clock.forward(61)
        submitted: list[int] = []
        kept: list[int] = []
        taken: list[int] = []

        def work(
            n: int,
            made: Scene = made,
            held: list[queue.Claim | None] = held,
            submitted: list[int] = submitted,
            kept: list[int] = kept,
            taken: list[int] = taken,
        ) -> None:
            if n >= half:
                over = claim(db, made, n)
                if over is not None:
                    taken.append(over.assignment_id)
                return
            mine = held[n]
            assert mine is not None
            try:
                with db.write() as session:
                    reviews.submit(session, review_of(mine, made.users[n]), None, mine.token)
                submitted.append(mine.assignment_id)
            except queue.LostClaim as lost:
                assert lost.draft_kept
                kept.append(mine.assignment_id)

        together(work)
        assert sorted(kept) == sorted(taken)
        assert sorted(submitted + taken) == sorted(slot.assignment_id for slot in held if slot)


def test_claims_wait_for_a_priority_change_instead_of_finding_nothing(db: Database) -> None:
    """SKIP LOCKED alone would report an empty queue while a job holds every row to set its priority."""
    if db.dialect == "sqlite":
        pytest.skip("SQLite has one writer: nothing is locked row by row")
    with db.write() as session:
        made = scene(session, n_items=3)
    locked, done = threading.Event(), threading.Event()

    def change() -> None:
        with db.write() as session:
            queue.set_priority(session, made.project_id, dict.fromkeys(made.outputs, 2.0))
            locked.set()
            time.sleep(0.5)
            done.set()

    thread = threading.Thread(target=change)
    thread.start()
    assert locked.wait(10)
    held = claim(db, made, 0)
    assert held is not None and done.is_set()
    thread.join(10)


def test_the_feed_shows_no_entry_before_an_earlier_one(db: Database) -> None:
    """Numbers are drawn before the commit: without turns, a reader would pass over one that commits late."""
    with db.write() as session:
        project = build(session, tables.Project).id
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        at = 0
        while not stop.is_set() or at < vectors_last(db):
            with db.read() as session:
                for entry in vectors.feed_after(session, at):
                    seen.append(entry.seq)
                    at = entry.seq

    reader = threading.Thread(target=read)
    reader.start()

    def work(n: int) -> None:
        for k in range(10):
            with db.write() as session:
                vectors.remove(session, project, "rule", "lesson", [n * 100 + k, n * 100 + k + 50])
                time.sleep(0.002 * (n % 3))

    together(work, threads=8)
    stop.set()
    reader.join(60)
    with db.read() as session:
        assert seen == list(session.scalars(select(tables.IndexFeed.seq).order_by(tables.IndexFeed.seq)))
    assert len(seen) == 160


def vectors_last(db: Database) -> int:
    with db.read() as session:
        return vectors.last_seq(session)


def test_one_retraction_wins(db: Database) -> None:
    with db.write() as session:
        lesson = build(session, tables.Lesson, status="active")
    outcomes: list[str] = []

    def work(n: int) -> None:
        try:
            with db.write() as session:
                lessons.retract(session, lesson.id, None, f"reason {n}")
            outcomes.append("retracted")
        except lessons.BadTransition:
            outcomes.append("late")

    together(work, threads=8)
    assert Counter(outcomes) == {"retracted": 1, "late": 7}
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.LessonRevision)) == 1
