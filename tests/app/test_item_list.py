"""The list of items: pages of 50 by key in both orders, narrowed, in four statements at most; what a browser sends may be anything."""

from __future__ import annotations

import re

import pytest

from app.view import item_list as view
from app.view import languages
from store import tables
from store.engine import Database
from tests.factories import Scene, build, scene
from tests.store.test_plans import recorded


@pytest.fixture
def made(db: Database) -> Scene:
    """120 items; the first are most urgent; risk falls from 1 to 0."""
    with db.write() as session:
        made = scene(session, n_items=120)
        for number, output in enumerate(made.outputs):
            build(session, tables.Risk, output_id=output, value=1 - number / 120)
        session.get_one(tables.Item, made.items[7]).prompt = "<b>odd</b> one"
    return made


def shown(html: str) -> list[int]:
    return [int(one) for one in re.findall(r"item=(\d+)", html)]


def pages(db: Database, project: int, **values: object) -> list[list[int]]:
    """All pages, each the items that it shows."""
    found, after = [], 0
    while True:
        wanted = view.wanted(values.get("words", ""), values.get("order", ""), values.get("percent", 0), after)
        with db.read() as session:
            html, after = view.page(session, project, wanted)
        found.append(shown(html))
        if not after:
            return found


@pytest.mark.parametrize("order", [view.ALL, view.WAITING])
def test_pages_of_fifty_follow_each_other(db: Database, made: Scene, order: str) -> None:
    found = pages(db, made.project_id, order=order)
    assert [len(one) for one in found] == [50, 50, 20]
    assert [item for one in found for item in one] == made.items, "in order, none twice, none missing"


def test_what_waits_is_in_the_order_of_urgency_and_bounded_by_risk(db: Database, made: Scene) -> None:
    with db.write() as session:
        last = session.query(tables.Assignment).filter_by(item_id=made.items[-1]).one()
        last.priority = 1e6
        session.query(tables.Risk).filter_by(output_id=made.outputs[-1]).one().value = 0.97
    found = pages(db, made.project_id, order=view.WAITING, percent=95)
    assert found == [[made.items[-1], *made.items[:7]]]


def test_words_narrow_both_orders(db: Database, made: Scene) -> None:
    assert pages(db, made.project_id, words="ODD") == [[made.items[7]]]
    assert pages(db, made.project_id, words="odd", order=view.WAITING) == [[made.items[7]]]
    with db.read() as session:
        html, _ = view.page(session, made.project_id, view.wanted("odd", view.ALL, 0, 0))
        none, after = view.page(session, made.project_id, view.wanted("nowhere", view.ALL, 0, 0))
    assert "&lt;b&gt;odd" in html and "<b>odd" not in html
    assert "No item holds these words" in none and after == 0


@pytest.mark.parametrize("order", [view.ALL, view.WAITING])
@pytest.mark.parametrize("after", [0, 1])
def test_a_page_takes_four_statements_at_most(db: Database, made: Scene, order: str, after: int) -> None:
    with db.read() as session, recorded(session) as seen:
        view.page(session, made.project_id, view.wanted("time", order, 10, after))
    assert 1 <= len(seen) <= 4


@pytest.mark.parametrize("after", [None, "1; drop", -5, 2**70, 1.5, {"a": 1}, True])
def test_a_key_that_is_none_begins_at_the_start(after: object) -> None:
    assert view.wanted("", "no such order", "high", after).after in (0, 1)
    assert view.wanted("x" * 900, view.WAITING, float("nan"), after).least_risk is None
    assert len(view.wanted("x" * 900, view.ALL, 50, 0).words) == view.MOST_WORDS
    assert view.wanted("", view.ALL, 50, 0).least_risk is None, "only what waits is bounded by risk"


def test_nothing_there_says_what_to_do(db: Database) -> None:
    with db.write() as session:
        project = scene(session, n_items=0).project_id
    with db.read() as session:
        assert "No items yet" in view.page(session, project, view.Wanted())[0]
        assert "Nothing waits" in view.page(session, project, view.Wanted(order=view.WAITING))[0]
        assert "no further ones" in view.page(session, project, view.Wanted(after=5))[0]
        with languages.using("de"):
            assert "Noch keine Aufgaben" in view.page(session, project, view.Wanted())[0]
