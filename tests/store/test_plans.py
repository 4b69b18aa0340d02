"""The statements that people wait for use an index, and are few. Speed itself is measured in tests/benchmarks, not here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from store import drafts, exports, items, judgements, lessons, outputs, queue, reviews, tables
from store.engine import Database
from tests.factories import Scene, corrected, review_of, scene


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    yield made
    made.dispose()


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=30, overlap=2)


@contextmanager
def recorded(session: Session) -> Iterator[list[tuple[str, object]]]:
    """Every statement sent in the block, with its parameters."""
    seen: list[tuple[str, object]] = []

    def listener(connection: Connection, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        seen.append((statement, parameters))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", listener)
    yield seen
    event.remove(connection, "before_cursor_execute", listener)


def plans(session: Session, seen: list[tuple[str, object]]) -> list[tuple[str, str]]:
    """(statement, one line of its plan) for all that reads."""
    found = []
    for statement, parameters in seen:
        if re.match(r"\s*(SELECT|UPDATE|DELETE)", statement):
            for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):  # type: ignore[arg-type]
                found.append((statement, row[3]))
    assert found
    return found


SMALL = ("project", "user_account", "queue", "anon_1")  # a scan of these is no harm; anon_1 is a grouped subquery


def scans(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Plans that walk a whole table."""
    walks = [(statement, line) for statement, line in found if line.startswith("SCAN") and "INDEX" not in line]
    return [pair for pair in walks if not any(f"SCAN {name}" in pair[1] for name in (*SMALL, "CONSTANT"))]


def test_a_claim_walks_its_index_in_order(db: Database, made: Scene) -> None:
    with db.write() as session:
        with recorded(session) as seen:
            assert queue.claim_next(session, made.users[0], made.project_id)
        found = plans(session, seen)
    assert scans(found) == []
    lines = [
        line for statement, line in found if statement.startswith("UPDATE") and "assignment.state = ?" in statement
    ]
    assert any("ix_assignment_claim" in line for line in lines)
    assert any("ix_assignment_lease" in line or "ix_assignment_claim" in line for line in lines)
    in_order = [
        statement for statement, line in found if "ix_assignment_claim (queue_id=? AND state=? AND audit=?)" in line
    ]
    sorts = {statement for statement, line in found if "TEMP B-TREE" in line}
    assert in_order and not sorts & set(in_order), "open slots must come from the index in order of priority"
    assert len(seen) <= 8


def test_a_submission_walks_no_table(db: Database, made: Scene) -> None:
    with db.write() as session:
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        drafts.save(session, held.assignment_id, made.users[0], {"text": "x"}, 1)
        said = reviews.NewCorrection(made.users[0], held.output_id, "no", rewrite="It is 7.")
        with recorded(session) as seen:
            reviews.submit(session, review_of(held, made.users[0]), said, held.token)
        assert scans(plans(session, seen)) == []
        assert len(seen) <= 16


def test_what_a_page_asks_walks_no_table(db: Database, made: Scene) -> None:
    with db.write() as session:
        correction = corrected(session, made)
        lesson = tables.Lesson(project_id=made.project_id, kind="rule", text="t", applicability="a", status="active")
        session.add(lesson)
        session.flush()
        session.add(tables.LessonSource(lesson_id=lesson.id, correction_id=correction))
    asks = [
        lambda s: queue.waiting(s, made.project_id),
        lambda s: queue.counts(s, made.project_id),
        lambda s: outputs.attempts(s, made.items[0]),
        lambda s: judgements.votes(s, made.outputs[0]),
        lambda s: judgements.critiques(s, made.outputs[0]),
        lambda s: judgements.risk(s, made.outputs[0]),
        lambda s: outputs.chips(s, made.outputs[0]),
        lambda s: outputs.question(s, made.items[0]),
        lambda s: reviews.history(s, made.items[0]),
        lambda s: drafts.load(s, 1, made.users[0]),
        lambda s: items.page(s, made.project_id, after=5),
        lambda s: lessons.page(s, made.project_id, status="active"),
        lambda s: lessons.active_texts(s, [lesson.id]),
        lambda s: lessons.lineage(s, lesson.id),
        lambda s: list(exports.records(s, made.project_id, filters={})),
    ]
    for number, ask in enumerate(asks):
        with db.read() as session:
            with recorded(session) as seen:
                ask(session)
            found = scans(plans(session, seen))
            assert found == [], f"number {number}"
            assert len(seen) <= 8, f"number {number} sends {len(seen)} statements"
