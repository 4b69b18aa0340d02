"""Export records: what is in them, in which order, with how few statements, and what filters leave."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from core.exporters.base import ExportRecord
from core.types import StepLabel, Verdict
from store import exports, outputs, queue, reviews, tables
from store.engine import Database
from tests.conftest import Clock
from tests.factories import STEPS, Scene, build, review_of, scene


def reviewed(db: Database, made: Scene, user: int, verdict: str, text: str | None = None) -> queue.Claim:
    with db.write() as session:
        held = queue.claim_next(session, made.users[user], made.project_id)
        assert held is not None
        said = reviews.NewCorrection(made.users[user], held.output_id, text, rewrite="It is 7.") if text else None
        new = review_of(held, made.users[user], verdict, step_labels=[1, -1], seconds=3.0)
        reviews.submit(session, new, said, held.token)
    return held


def read(db: Database, made: Scene, **filters: object) -> list[ExportRecord]:
    with db.read() as session:
        return list(exports.records(session, made.project_id, filters=filters))


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=5, n_users=3, overlap=2)


def test_a_record_holds_the_whole_story(db: Database, made: Scene, clock: Clock) -> None:
    held = reviewed(db, made, 0, "faulty", "7, not 8")
    with db.write() as session:
        better = outputs.add(session, outputs.NewOutput(held.item_id, "It is 7.", "m", steps=[]))
        outputs.add(session, outputs.NewOutput(held.item_id, "never looked at", "m"))
        build(session, tables.Review, output_id=better.id, user_id=made.users[1], verdict="acceptable")
    (record,) = read(db, made)
    assert (record.item_id, record.external_id, record.reference) == (held.item_id, "i0", "7")
    assert record.question.prompt == "What is 3 + 4, time 0?"
    first, second = record.attempts
    assert (first.number, first.steps, first.verdict) == (1, tuple(s.text for s in STEPS), Verdict.FAULTY)
    assert (first.first_wrong_step, first.step_labels) == (1, (StepLabel.RIGHT, StepLabel.WRONG))
    assert [(c.text, c.rewrite) for c in first.corrections] == [("7, not 8", "It is 7.")]
    assert (first.seconds, first.reviewed_at) == (3.0, clock.moment.isoformat())
    assert (second.output_id, second.verdict) == (better.id, Verdict.ACCEPTABLE)


def test_of_several_reviews_the_newest_judgement_speaks(db: Database, made: Scene) -> None:
    for user, verdict in ((0, "acceptable"), (1, "faulty")):
        reviewed(db, made, user, verdict)
    with db.write() as session:
        build(session, tables.Review, output_id=made.outputs[0], user_id=made.users[2], verdict="cannot_judge")
    (record,) = read(db, made)
    assert [a.verdict for a in record.attempts] == [Verdict.FAULTY]


def test_a_replaced_review_is_not_exported(db: Database, made: Scene) -> None:
    held = reviewed(db, made, 0, "faulty")
    with db.write() as session:
        again = queue.reopen(session, held.assignment_id, made.users[0])
        reviews.submit(session, review_of(again, made.users[0], "acceptable"), None, again.token)
    (record,) = read(db, made)
    assert record.attempts[0].verdict == Verdict.ACCEPTABLE
    assert read(db, made, verdict="faulty") == []


def test_filters(db: Database, made: Scene, clock: Clock) -> None:
    first = reviewed(db, made, 0, "faulty").item_id
    middle = clock.forward(60)
    second = reviewed(db, made, 0, "acceptable").item_id
    with db.write() as session:  # corrected, never reviewed: only without filters
        reviews.add_correction(session, reviews.NewCorrection(made.users[0], made.outputs[4], "no"))
    assert [r.item_id for r in read(db, made)] == [first, second, made.items[4]]
    assert [r.item_id for r in read(db, made, verdict="faulty")] == [first]
    assert [r.item_id for r in read(db, made, since=middle.isoformat())] == [second]
    assert [r.item_id for r in read(db, made, until=middle.replace(tzinfo=None).isoformat())] == [first]
    assert read(db, made, verdict="faulty", since=middle.isoformat()) == []
    for bad in ({"colour": "red"}, {"verdict": "red"}, {"since": "yesterday"}):
        with pytest.raises(ValueError):
            read(db, made, **bad)
        with pytest.raises(ValueError), db.write() as session:
            exports.add(session, made.project_id, format="sft", schema_version=1, filters=bad, user_id=None)


def test_batches_join_without_gap_or_double_and_can_be_taken_up_again(db: Database, made: Scene) -> None:
    for _ in range(5):
        reviewed(db, made, 0, "faulty", "no")
    whole = read(db, made)
    assert [record.item_id for record in whole] == made.items
    with db.read() as session:
        for batch in (1, 2, 5, 6):
            assert list(exports.records(session, made.project_id, filters={}, batch=batch)) == whole
        rest = exports.records(session, made.project_id, filters={}, after=whole[1].item_id, batch=2)
        assert list(rest) == whole[2:]


def test_statements_grow_with_batches_not_with_items(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=40, queued=False)
        for output in made.outputs:
            build(session, tables.Review, output_id=output, user_id=made.users[0])
    seen: list[str] = []

    def listener(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(db.engine, "before_cursor_execute", listener)
    assert len(read(db, made)) == 40
    event.remove(db.engine, "before_cursor_execute", listener)
    assert sum(statement.lstrip().startswith("SELECT") for statement in seen) <= 8


def test_a_stream_does_not_pile_up(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=60, queued=False)
        for output in made.outputs:
            build(session, tables.Review, output_id=output, user_id=made.users[0])
    with db.read() as session:
        held = [len(session.identity_map) for _ in exports.records(session, made.project_id, filters={}, batch=10)]
    assert max(held) < 40


def test_an_export_from_start_to_end(db: Database, made: Scene) -> None:
    with db.write() as session:
        export = exports.add(
            session,
            made.project_id,
            format="dpo",
            schema_version=1,
            filters={"verdict": "faulty"},
            user_id=made.users[0],
        )
        exports.finish(session, export.id, path="exports/1.jsonl", rows=3, sha256="f" * 64)
    with db.read() as session:
        (kept,) = exports.list_all(session, made.project_id)
        assert (kept.path, kept.rows, kept.sha256, kept.filters) == (
            "exports/1.jsonl",
            3,
            "f" * 64,
            {"verdict": "faulty"},
        )
        assert kept.stale_why is None
        with pytest.raises(LookupError):
            exports.get(session, 9999)
