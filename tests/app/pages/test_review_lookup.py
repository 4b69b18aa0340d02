"""How the lessons of an answer were found, on the review page: shown with the chips, escaped, and hidden from who reviews blind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.state import AppState
from store import lessons, projects
from store.tables import Lookup, Retrieval
from tests.app.pages.conftest import Desk, rows
from tests.browser import seeding

TITLE = "How these lessons were found"


@pytest.fixture
def looked_up(state: AppState, seeded: seeding.Seeded, desk: Callable[..., Desk]) -> tuple[Desk, int]:
    said = "Recompute <b>each</b> difference."
    bob = desk()
    lesson = seeding.lesson_in_prompt(state.db, seeded, seeded.output_ids[0], bob.person.id, said)
    hits = [
        {"lesson": lesson, "chance": 0.91, "accepted": True, "why": "", "features": [0.5, 0.5, 0.2, 0.0]},
        {"lesson": 9999, "chance": 0.3, "accepted": False, "why": "probably not relevant", "features": []},
    ]
    with state.db.write() as session:
        rounds = [{"how": "the prompt", "query": "<i>What is left?</i>", "hits": hits}]
        session.add(
            Lookup(
                project_id=seeded.project_id, output_id=seeded.output_ids[0], rounds=rounds, stopped="enough", best=0.91
            )
        )
    return bob, lesson


def test_the_rounds_stand_with_the_chips_and_stay_after_a_vote(
    state: AppState, seeded: seeding.Seeded, looked_up: tuple[Desk, int]
) -> None:
    bob, lesson = looked_up
    shown = bob.open()["chips"]
    assert TITLE in shown and "the search found enough" in shown and "91 % likely to belong" in shown
    assert "&lt;i&gt;What is left?&lt;/i&gt;" in shown and "<b>each" not in shown
    assert "Looked up for a first answer." in shown
    assert "lesson 9999, not active now" in shown and "probably not relevant" in shown
    (retrieval,) = rows(state, Retrieval)
    bob.act("vote", retrieval=retrieval.id, vote="used")
    assert TITLE in bob.shown["chips"]
    with state.db.write() as session:
        lessons.retract(session, lesson, bob.person.id, "wrong")
    bob.act("vote", retrieval=retrieval.id, vote=None)
    assert f"lesson {lesson}, not active now" in bob.shown["chips"]


def test_who_reviews_blind_does_not_see_them(
    state: AppState, seeded: seeding.Seeded, looked_up: tuple[Desk, int]
) -> None:
    with state.db.write() as session:
        settings = projects.get(session, seeded.project_id).settings
        projects.update(session, seeded.project_id, user_id=None, settings={**settings, "blind_share": 1.0})
    bob = looked_up[0]
    assert "Recompute" in bob.open()["chips"] and TITLE not in str(bob.shown)
    (retrieval,) = rows(state, Retrieval)
    bob.act("vote", retrieval=retrieval.id, vote="used")
    assert TITLE not in bob.shown["chips"]
