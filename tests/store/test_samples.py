"""Recent texts of a project, and its size."""

from __future__ import annotations

from store import samples
from store.engine import Database
from store.tables import Item, Output, Risk
from tests.factories import build, scene


def test_recent_answers_are_of_one_project_and_newest_first(db: Database) -> None:
    with db.write() as session:
        made, other = scene(session, n_items=2), scene(session, n_items=1)
        item = session.get_one(Item, made.items[0])
        item.prompt, item.context = "asked", "told"
        build(session, Output, item_id=item.id, attempt=2, text="the last word", label="ham")
    with db.read() as session:
        found = samples.recent(session, made.project_id)
        assert [one.output_id for one in found[1:]] == made.outputs[::-1]
        newest = found[0]
        assert (newest.answer, newest.label, newest.question.prompt) == ("the last word", "ham", "asked")
        assert newest.question.context == "told" and newest.steps == () and len(found[1].steps) == 2
        assert len(samples.recent(session, made.project_id, limit=1)) == 1
        assert len(samples.recent(session, other.project_id)) == 1


def test_judged_answers_are_those_with_a_risk(db: Database) -> None:
    with db.write() as session:
        made, other = scene(session, n_items=3), scene(session, n_items=1)
        for output_id in (*made.outputs[:2], *other.outputs):
            build(session, Risk, output_id=output_id)
    with db.read() as session:
        assert samples.judged_ids(session, made.project_id) == made.outputs[1::-1]
        asked = [*made.outputs, *other.outputs]
        assert [one.output_id for one in samples.judged(session, made.project_id, asked)] == made.outputs[:2]


def test_size_counts_items_and_those_with_an_answer_once(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=2)
        build(session, Output, item_id=made.items[0], attempt=2)
        build(session, Item, project_id=made.project_id)
    with db.read() as session:
        assert samples.size(session, made.project_id) == (3, 2)
