"""Text that a database cannot keep is changed on its way in, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from store import items, tables
from store.engine import Database
from store.text import clean, shift
from tests.factories import build, scene

ANY = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("a\0b", "ab"),
        ("\ud83d half a pair", "\ufffd half a pair"),
        ("whole \U0001f600 pair", "whole \U0001f600 pair"),
        ({"k\0": ["\udc00", 1, None]}, {"k": ["\ufffd", 1, None]}),
        (("a\0",), ("a",)),
        (3.5, 3.5),
    ],
)
def test_clean(given_: object, kept: object) -> None:
    assert clean(given_) == kept


@given(ANY)
def test_clean_text_can_be_encoded_and_is_left_alone_afterwards(text: str) -> None:
    kept = clean(text)
    kept.encode("utf-8")
    assert "\0" not in kept
    assert clean(kept) == kept
    assert len(kept) == len(text) - text.count("\0")


@given(ANY, st.data())
def test_shift_follows_a_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert clean(text)[shift(text, start) : shift(text, end)] == clean(text[start:end])


def test_every_text_and_json_column_is_clean(db: Database) -> None:
    dirty = "a\0b\ud800"
    with db.write() as session:
        item = build(session, tables.Item, prompt=dirty, meta={dirty: [dirty]}, external_id=dirty)
    with db.read() as session:
        kept = session.get_one(tables.Item, item.id)
        assert (kept.prompt, kept.external_id, kept.meta) == ("ab\ufffd", "ab\ufffd", {"ab\ufffd": ["ab\ufffd"]})


def test_importing_dirty_rows_twice_changes_nothing(db: Database) -> None:
    row = items.NewItem("id\0", "pro\0mpt\udfff", meta={"x": "\0"})
    with db.write() as session:
        project = scene(session, n_items=0).project_id
        assert items.add_many(session, project, [row]).added == 1
    with db.write() as session:
        assert items.add_many(session, project, [row]).unchanged == 1


def test_too_long_text_is_refused_alike_on_both(db: Database) -> None:
    with pytest.raises(StatementError, match="at most 80 fit"), db.write() as session:
        build(session, tables.User, name="x" * 81)
    with db.read() as session:
        assert session.query(tables.User).count() == 0
