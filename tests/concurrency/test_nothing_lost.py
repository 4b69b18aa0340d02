"""The database goes away under load, its disk is full, the clock jumps: what was said is there once, and people are told what to do."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from starlette.testclient import TestClient

from app import auth
from app.settings import Settings
from app.state import AppState
from app.web import create_app
from app.worker import engine
from core.types import Role
from store import drafts, queue, reviews, tables
from store.engine import Database
from tests.app.pages.conftest import Desk
from tests.browser import seeding
from tests.concurrency.test_claims import together
from tests.conftest import Clock
from tests.factories import Scene, review_of, scene

WORDS = "20 - 17 is 3, not 4."


@pytest.fixture
def state(db: Database, database_url: str, tmp_path: Path) -> AppState:
    return AppState(Settings(data_dir=tmp_path, database_url=database_url), db)


# --- the database is restarted


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@contextmanager
def restarting(url: str, every: float) -> Iterator[list[int]]:
    """Ends every connection to the database again and again, as a restart does; yields how many each time."""
    stop, ended = threading.Event(), []

    def run() -> None:
        with psycopg.connect(plain(url), autocommit=True) as connection:
            while not stop.wait(every):
                found = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchall()
                ended.append(len(found))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join(10)


def until_it_answers(work: Callable[[], Any], seconds: float = 60) -> Any:
    """As a person who presses again."""
    end = time.monotonic() + seconds
    while True:
        try:
            return work()
        except DBAPIError as problem:
            assert problem.connection_invalidated or isinstance(problem, OperationalError), problem
            assert time.monotonic() < end, "the database does not come back"
            time.sleep(0.02)


@pytest.mark.postgres
def test_connections_cut_under_load_lose_no_review_and_double_none(postgres_only: Database, restarts: str) -> None:
    """Eight people review 160 answers while every connection is cut a few times a second; each presses again until it is taken."""
    db = postgres_only
    with db.write() as session:
        made = scene(session, n_items=160, n_users=8)
    said: list[tuple[int, int]] = []

    def work(n: int) -> None:
        user = made.users[n]
        while True:
            claim = until_it_answers(lambda: claimed(db, made, user))
            if claim is None:
                return
            until_it_answers(lambda claim=claim: submitted(db, claim, user))
            said.append((claim.item_id, user))

    with restarting(restarts, 0.15) as ended:
        together(work, 8)
    assert sum(ended) > 8, "the test must have cut something"
    with db.read() as session:
        kept = session.execute(
            select(tables.Output.item_id, tables.Review.user_id).join(
                tables.Output, tables.Output.id == tables.Review.output_id
            )
        ).all()
        corrections = session.scalar(select(func.count()).select_from(tables.Correction))
    assert Counter(map(tuple, kept)) == Counter(said) and len(said) == 160
    assert corrections == 160


@pytest.fixture
def restarts(_postgres_database: Any) -> str:
    url: str = _postgres_database.take()
    return url


@pytest.fixture
def postgres_only(restarts: str, _postgres_database: Any) -> Iterator[Database]:
    made = Database(restarts)
    yield made
    made.dispose()
    _postgres_database.give_back()


def claimed(db: Database, made: Scene, user: int) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim_next(session, user, made.project_id)


def submitted(db: Database, claim: queue.Claim, user: int) -> reviews.SubmitResult:
    with db.write() as session:
        words = reviews.NewCorrection(user, claim.output_id, f"item {claim.item_id}", step_index=1)
        return reviews.submit(session, review_of(claim, user), words, claim.token)


# --- the disk is full


@contextmanager
def full_disk(db: Database) -> Iterator[None]:
    """No further page on SQLite; on PostgreSQL the error of a full disk at every row that is new."""
    if db.dialect == "sqlite":
        db.dispose()

        def limit(connection: Any, record: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        event.listen(db.engine, "connect", limit)
        try:
            yield
        finally:
            event.remove(db.engine, "connect", limit)
            db.dispose()
        return
    names = ("review", "correction", "draft")
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
            )
        )
        for name in names:
            connection.execute(
                text(f"CREATE TRIGGER {name}_no_room BEFORE INSERT ON {name} EXECUTE FUNCTION no_room()")
            )
    try:
        yield
    finally:
        with db.engine.begin() as connection:
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}_no_room ON {name}"))
            connection.execute(text("DROP FUNCTION no_room()"))


LONG = WORDS + " And again." * 3000  # more than fits into what is left of a page


def test_a_full_disk_says_so_and_the_same_text_is_taken_when_there_is_room(state: AppState, database_url: str) -> None:
    engine.prepare(database_url)
    seeding.project(state.db, [seeding.ANSWER] * 2)
    bob = Desk(state, "bob", Role.ANNOTATOR)
    bob.open()
    first = bob.output
    form = {"text": WORDS, "rewrite": LONG[:7000], "first_wrong_step": 2, "scope": "skill", "dependency": "last"}
    with full_disk(state.db):
        bob.act("submit", form)
        assert bob.outcome == "refused" and "disk is full" in bob.says and "tell an admin" in bob.says
        assert bob.output == first, "the item stays on screen"
    with state.db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Review)) == 0
        assert session.scalar(select(func.count()).select_from(tables.Correction)) == 0
    bob.act("submit", form)
    assert bob.outcome == "submitted" and bob.output != first
    with state.db.read() as session:
        assert session.scalars(select(tables.Correction.rewrite)).one() == LONG[:7000]


def test_a_full_disk_refuses_a_draft_in_words(state: AppState, db: Database) -> None:
    seeding.project(state.db, [seeding.ANSWER])
    with TestClient(create_app(state.settings, db), base_url="http://127.0.0.1") as client:
        user = auth.make_user(db, "ann", None)
        client.cookies.set(auth.COOKIE, auth.open_session(state, user))
        with db.write() as session:
            project = session.scalars(select(tables.Project.id)).one()
            claim = queue.claim_next(session, user, project)
        assert claim is not None
        body = {"revision": 1, "body": {"text": LONG[:8000], "output": claim.output_id}}
        with full_disk(db):
            refused = client.put(f"/api/v1/drafts/{claim.assignment_id}", json=body)
            assert refused.status_code == 503 and "disk is full" in refused.json()["detail"]
            assert client.get("/app/config").status_code == 200, "pages still open"
        assert client.put(f"/api/v1/drafts/{claim.assignment_id}", json=body).status_code == 200
    with db.read() as session:
        kept = drafts.load(session, claim.assignment_id, user)
        assert kept is not None and kept.body["text"] == LONG[:8000]


# --- the clock jumps


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_clock_that_jumps_takes_nobodys_text_and_gives_no_slot_twice(db: Database, clock: Clock, days: int) -> None:
    with db.write() as session:
        made = scene(session, n_items=2)
    first, second = made.users
    mine = claimed(db, made, first)
    assert mine is not None
    with db.write() as session:
        drafts.save(session, mine.assignment_id, first, {"text": WORDS}, 1)
    clock.moment += timedelta(days=days)
    theirs = claimed(db, made, second)
    assert theirs is not None
    with db.write() as session:
        drafts.save(session, mine.assignment_id, first, {"text": WORDS + " More."}, 2)
    if theirs.assignment_id != mine.assignment_id:
        with db.write() as session:
            assert queue.extend(session, mine.assignment_id, mine.token) > clock.moment
        submitted(db, mine, first)
    else:
        with pytest.raises(queue.LostClaim):
            submitted(db, mine, first)
        with db.read() as session:
            kept = drafts.load(session, mine.assignment_id, first)
            assert kept is not None and kept.stale and kept.body["text"] == WORDS + " More."
            assert f"item {mine.item_id}" in str(kept.body["unsent"])
    submitted(db, theirs, second)
    with db.read() as session:
        held = session.execute(select(tables.Review.assignment_id, func.count()).group_by(tables.Review.assignment_id))
        assert all(count == 1 for _, count in held)


def test_a_heartbeat_brings_a_lease_back_to_its_length_after_the_clock_went_back(db: Database, clock: Clock) -> None:
    """Claimed while the clock was a day ahead: whoever sits before it holds it on, and after them it frees itself as any other."""
    with db.write() as session:
        made = scene(session, n_items=1)
    first, second = made.users
    mine = claimed(db, made, first)
    assert mine is not None
    clock.moment -= timedelta(days=1)
    assert claimed(db, made, second) is None
    with db.write() as session:
        assert queue.extend(session, mine.assignment_id, mine.token) == clock.moment + timedelta(seconds=900)
    clock.forward(901)
    theirs = claimed(db, made, second)
    assert theirs is not None and theirs.assignment_id == mine.assignment_id
