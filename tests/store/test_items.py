"""Adding items is an upsert by external id."""

from __future__ import annotations

import re
import threading
from typing import cast

import pytest
from sqlalchemy import Table, func, select
from sqlalchemy import text as sa_text
from sqlalchemy.exc import IntegrityError

from store import items, outputs, projects, tables
from store.bulk import insert_rows
from store.clock import now
from store.engine import Database
from store.items import NewItem
from store.tables import Item
from tests.factories import Scene, scene


def make(db: Database, **settings: object) -> Scene:
    with db.write() as session:
        return scene(session, **settings)  # type: ignore[arg-type]


ROWS = [NewItem("a", "one", meta={"k": [1]}), NewItem("b", "two", "ctx", "ref")]


def test_adding_the_same_rows_again_changes_nothing(db: Database) -> None:
    made = make(db, n_items=0)
    with db.write() as session:
        first = items.add_many(session, made.project_id, ROWS)
    with db.write() as session:
        second = items.add_many(session, made.project_id, ROWS)
    assert (first.added, first.updated, first.unchanged) == (2, 0, 0)
    assert (second.added, second.updated, second.unchanged) == (0, 0, 2)
    assert first.ids == second.ids


def test_a_changed_item_keeps_its_outputs(db: Database) -> None:
    made = make(db, n_items=2)
    with db.write() as session:
        result = items.add_many(session, made.project_id, [NewItem("i0", "new words"), NewItem("i9", "more")])
    assert (result.added, result.updated, result.unchanged) == (1, 1, 0)
    assert result.ids[0] == made.items[0]
    with db.read() as session:
        assert items.get(session, made.items[0]).prompt == "new words"
        latest = outputs.latest(session, made.items[0])
        assert latest is not None and latest.id == made.outputs[0]


def test_one_id_twice_in_a_file_is_one_item_and_the_last_wins(db: Database) -> None:
    made = make(db, n_items=0)
    with db.write() as session:
        result = items.add_many(session, made.project_id, [NewItem("a", "one"), NewItem("a", "two")])
    assert (result.added, result.updated) == (1, 1)
    with db.read() as session:
        assert [item.prompt for item in items.page(session, made.project_id)] == ["two"]


def test_many_rows_keep_their_order(db: Database) -> None:
    made = make(db, n_items=0)
    rows = [NewItem(f"r{n}", f"p{n}") for n in range(2 * items.BATCH + 7)]
    with db.write() as session:
        result = items.add_many(session, made.project_id, rows)
        assert not any(isinstance(row, tables.Item) for row in session), "rows of a large import pile up in memory"
    with db.read() as session:
        kept = dict(session.execute(select(tables.Item.id, tables.Item.external_id)).all())
    assert [kept[item_id] for item_id in result.ids] == [row.external_id for row in rows]


@pytest.mark.parametrize("name", ["", "\0", "x" * 201])
def test_a_bad_id_is_refused_before_anything_is_written(db: Database, name: str) -> None:
    made = make(db, n_items=0)
    with pytest.raises(ValueError, match="between 1 and 200"), db.write() as session:
        items.add_many(session, made.project_id, [NewItem("good", "p"), NewItem(name, "p")])
    with db.read() as session:
        assert not items.page(session, made.project_id)


def test_two_imports_at_once_add_each_item_once(db: Database) -> None:
    made = make(db, n_items=0)
    rows = [NewItem(f"r{n}", "p") for n in range(50)]
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with db.write() as session:
                items.add_many(session, made.project_id, rows)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Item)) == 50


def test_pages_follow_each_other_and_search_takes_signs_as_they_are(db: Database) -> None:
    made = make(db, n_items=0)
    with db.write() as session:
        rows = [NewItem("a", "100 % sure"), NewItem("b", "100 apples"), NewItem("c_d", "x", "Äpfel")]
        ids = items.add_many(session, made.project_id, rows).ids
    with db.read() as session:
        first = items.page(session, made.project_id, limit=2)
        rest = items.page(session, made.project_id, after=first[-1].id, limit=2)
        assert [item.id for item in [*first, *rest]] == ids
        found = {
            text: [i.external_id for i in items.page(session, made.project_id, text=text)]
            for text in ("0 %", "_", "APPLES", "äPFEL")
        }
    assert found == {"0 %": ["a"], "_": ["c_d"], "APPLES": ["b"], "äPFEL": ["c_d"]}


def test_items_without_an_answer(db: Database) -> None:
    made = make(db, n_items=2)
    with db.write() as session:
        new = items.add_many(session, made.project_id, [NewItem("x", "p"), NewItem("y", "p")]).ids
    with db.read() as session:
        assert items.without_output(session, made.project_id, 10) == new
        assert items.without_output(session, made.project_id, 1) == new[:1]
        with pytest.raises(LookupError):
            items.get(session, 9999)


def test_a_project_that_is_not_there_is_named(db: Database) -> None:
    with pytest.raises(LookupError, match="no project 77"), db.write() as session:
        items.add_many(session, 77, [NewItem("a", "p")])


def test_what_fails_while_rows_go_in_bulk_is_told_as_of_any_insert_and_nothing_stays(db: Database) -> None:
    row = {"external_id": "a", "prompt": "p", "context": "", "reference": None, "meta": {"x": [1]}, "created_at": now()}
    with db.write() as session:
        project_id = projects.create(session, slug="p", name="P", item_type="text").id
    table = cast(Table, Item.__table__)
    with pytest.raises(IntegrityError), db.write() as session:
        insert_rows(session, table, [{"project_id": project_id, **row}] * 2)
    with db.read() as session:
        assert items.page(session, project_id) == []
    with db.write() as session:
        insert_rows(session, table, [{"project_id": project_id, **row, "prompt": "tab\tback\\slash\nline \\N"}])
        insert_rows(session, table, [])
    with db.read() as session:
        (made,) = items.page(session, project_id)
        assert (made.prompt, made.reference, made.meta) == ("tab\tback\\slash\nline \\N", None, {"x": [1]})
        assert made.created_at == row["created_at"]


def test_an_item_in_hand_shows_what_an_import_changed(db: Database) -> None:
    with db.write() as session:
        project_id = projects.create(session, slug="p", name="P", item_type="text").id
        (item_id,) = items.add_many(session, project_id, [NewItem("a", "old")]).ids
        held = items.get(session, item_id)
        assert held.prompt == "old"
        assert items.add_many(session, project_id, [NewItem("a", "new")]).updated == 1
        assert held.prompt == "new"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_ids_are_looked_up_one_by_one_in_an_import_whose_rows_are_not_counted_yet(db: Database) -> None:
    """PostgreSQL takes a project that this transaction fills for an empty one, and would read all of it for each batch."""
    with db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text").id
        items.add_many(session, project, [NewItem(f"a{n}", "?") for n in range(6000)])
        asked = items._named(session, project, [f"a{n}" for n in range(1000)], Item.external_id, Item.id)
        assert len(session.execute(asked).all()) == 1000
        text = asked.compile(session.connection(), compile_kwargs={"literal_binds": True}).string
        plan = "\n".join(session.execute(sa_text("EXPLAIN " + text)).scalars())
    assert re.search(r"Index Cond: .*project_id.*external_id", plan), plan
