"""The home page's parts: what they say, and how few statements they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.auth import Person
from app.settings import Settings
from app.view import home, languages
from core.types import JobPriority, JobState, Role
from store import jobs, queue, reviews, workers
from store.engine import Database
from tests.conftest import Clock
from tests.factories import corrected, review_of, scene

ADA = Person(1, "ada", Role.ADMIN)
BOB = Person(99, "bob", Role.ANNOTATOR)
SETTINGS = Settings()


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    seen: list[str] = []
    connection = session.connection()

    def note(conn, cursor, statement, *_) -> None:  # type: ignore[no-untyped-def]
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield seen
    event.remove(connection, "before_cursor_execute", note)


def test_a_refresh_takes_few_statements_however_long_the_queue(db: Database) -> None:
    counted = []
    for n_items in (20, 60):
        with db.write() as session:
            made = scene(session, n_items=n_items)
        with db.read() as session, statements(session) as seen:
            home.waiting(session, made.project_id, ADA)
            home.work(session, made.project_id, ADA, SETTINGS)
        counted.append(len(seen))
    assert counted[0] == counted[1] <= 14


def test_who_could_not_judge_has_not_reviewed(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3)
        for verdict in ("faulty", "cannot_judge"):
            claim = queue.claim_next(session, made.users[0], made.project_id)
            assert claim is not None
            reviews.submit(session, review_of(claim, made.users[0], verdict), None, claim.token)
    with db.read() as session:
        html = home.waiting(session, made.project_id, BOB)
    assert "<dt>Reviewed</dt><dd>1</dd>" in html and "<dt>Could not be judged</dt><dd>1</dd>" in html


def test_the_riskiest_come_first_and_the_counts_agree_with_the_queue(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=12)
        claim = queue.claim_next(session, made.users[0], made.project_id)
        assert claim is not None
    with db.read() as session:
        html = home.waiting(session, made.project_id, BOB)
        counts = queue.counts(session, made.project_id)
    assert html.count("<tr>") == 1 + home.TOP
    assert f"<dd>{counts['open']}</dd>" in html and counts["open"] == 11
    places = [html.index(f'item={item}"') for item in made.items[1:11]]
    assert places == sorted(places)


@pytest.mark.parametrize(("person", "words"), [(ADA, "Import some"), (BOB, "An admin imports them")])
def test_an_empty_project_says_what_to_do_to_those_who_can(db: Database, person: Person, words: str) -> None:
    with db.write() as session:
        made = scene(session, n_items=0)
    with db.read() as session:
        assert words in home.waiting(session, made.project_id, person)


def test_a_missing_worker_is_said_with_the_time(db: Database, clock: Clock) -> None:
    with db.read() as session:
        assert "No worker has been here yet" in home.work(session, None, ADA, SETTINGS)
    with db.write() as session:
        workers.beat(session, "w", host="box", pid=1, url=None, note="answers items 1 to 8")
    with db.read() as session:
        html = home.work(session, None, ADA, SETTINGS)
        assert "1 worker alive" in html and "box: answers items 1 to 8" in html
    clock.forward(3600)
    with db.read() as session:
        html = home.work(session, None, ADA, SETTINGS)
        assert "No worker since" in html and "09:00 UTC (1 h ago)" in html and "corrigenda worker" in html


def test_what_a_worker_does_is_said_in_the_readers_language(db: Database) -> None:
    with db.write() as session:
        workers.beat(session, "w", host="box", pid=1, url=None, note="5 running")
    with db.read() as session, languages.using("de"):
        html = home.work(session, None, ADA, SETTINGS)
    assert "box: 5 laufend" in html and "running" not in html


def test_a_failed_job_shows_its_reason_until_it_is_tried_again(db: Database) -> None:
    payload = {"project_id": 1}
    with db.write() as session:
        made = scene(session)
        job, _ = jobs.create(session, "embed", payload, priority=JobPriority.NORMAL, user_id=made.users[0])
        jobs.start(session, job.id, "w")
        assert jobs.fail(session, job.id, "The disk is full. Make room.", retry=False) is JobState.FAILED
    with db.read() as session:
        html = home.work(session, None, ADA, SETTINGS)
        assert "The disk is full. Make room." in html and f'data-action="retry" data-job="{job.id}"' in html
        assert "data-action" not in home.work(session, None, BOB, SETTINGS)
        assert "data-action" in home.work(session, None, Person(made.users[0], "x", Role.ANNOTATOR), SETTINGS)
    with db.write() as session:
        jobs.create(session, "embed", payload, priority=JobPriority.NORMAL)
    with db.read() as session:
        assert "The disk is full" not in home.work(session, None, ADA, SETTINGS)


def test_progress_is_never_above_the_whole(db: Database) -> None:
    with db.write() as session:
        job, _ = jobs.create(session, "embed", {"project_id": 1}, priority=JobPriority.NORMAL)
        assert home.share(job) == 0
        job.done, job.total = 3, 4
        assert home.share(job) == 75
        job.done = 9
        assert home.share(job) == 100


def test_points_are_placed_by_date_and_height() -> None:
    days = [
        {"day": "2026-03-01", "accepted": 2, "corrections_per_item": 2.0},
        {"day": "2026-03-02", "accepted": 0, "corrections_per_item": None},
        {"day": "2026-03-05", "accepted": 4, "corrections_per_item": 0.5},
    ]
    first, last = home.points(days)
    assert (first.x, first.y) == (0, 0) and (last.x, last.y) == (600, 135)
    assert home.points(days[1:2]) == []
    assert home.points(days[:1])[0].x == 300


def test_the_trend_is_a_table_too(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        corrected(session, made)
        for verdict in ("faulty", "acceptable"):
            claim = queue.claim_next(session, made.users[0], made.project_id)
            assert claim is not None
            from store import reviews

            reviews.submit(session, review_of(claim, made.users[0], verdict), None, claim.token)
    with db.read() as session:
        html = home.trend(session, made.project_id, ADA)
    assert "Items judged" in html and '<td class="num">1</td>' in html
    assert "by round are shown from 20 judged items; there are 2" in html


def test_corrections_per_item_by_round(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=20)
        for place in range(10):
            corrected(session, made, place)
        for _ in range(20):
            claim = queue.claim_next(session, made.users[0], made.project_id)
            assert claim is not None
            reviews.submit(session, review_of(claim, made.users[0], "acceptable"), None, claim.token)
    with db.read() as session:
        html = home.trend(session, made.project_id, ADA)
    assert "by quarter of the reviewed items" in html
    figures = [html.count(f'<td class="num">{value}<span class="share-bar"') for value in ("1.00", "0.00")]
    assert figures == [2, 2], "ten items were corrected once, and they are the first"


def test_a_cancelled_job_can_be_started_again_and_home_does_not_say_that_it_runs(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=2, queued=False)
        payload = {"output_ids": made.outputs}
        more = {"priority": JobPriority.BATCH, "project_id": made.project_id}
        job_id = jobs.create(session, "analyse", payload, **more)[0].id
        left = jobs.create(session, "retry", {"output_id": made.outputs[0]}, **more)[0].id
    with db.read() as session:
        assert "2 answers are being judged" in home.waiting(session, made.project_id, ADA)
    with db.write() as session:
        for cancelled in (job_id, left):
            jobs.cancel(session, cancelled, None)
    with db.read() as session:
        says, work = home.waiting(session, made.project_id, ADA), home.work(session, made.project_id, ADA, SETTINGS)
        assert "2 answers are not judged" in says and "being judged" not in says
        assert f'data-action="retry" data-job="{job_id}"' in work and f'data-job="{left}"' not in work
        assert "data-action" not in home.work(session, made.project_id, BOB, SETTINGS)
    with db.write() as session:
        jobs.create(session, "analyse", payload, **more)
    with db.read() as session:
        assert "Cancelled" not in home.work(session, made.project_id, ADA, SETTINGS)
