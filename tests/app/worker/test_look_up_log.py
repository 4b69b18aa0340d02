"""Every look-up is kept with who asked, and what came of it is joined: verdicts, corrections until accepted, votes."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.view.lookups import lookup_words, use_and_effect
from core.types import Verdict
from store import lessons, lookup_outcomes, outputs
from store.lookup_outcomes import Outcome
from store.tables import Output, Review
from tests.app.worker.loop import QUIET, Loop

WRONG, RIGHT = "1. 3 + 4 = 8.\nThe answer is 8.", "1. 3 + 4 = 7.\nThe answer is 7."


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def judge(loop: Loop, output: Output, verdict: Verdict) -> None:
    with loop.db.write() as session:
        session.add(Review(output_id=output.id, user_id=loop.user, verdict=verdict.value))


def newest(loop: Loop) -> list[Outcome]:
    with loop.db.read() as session:
        return lookup_outcomes.newest(session, loop.project_id)


def test_retries_and_second_tries_are_logged_and_what_came_of_them_is_joined(loop: Loop) -> None:
    ids = loop.project(1, settings={**QUIET, "risk_threshold": 0.1})
    lesson = loop.lesson("Add from right to left.", "What is 3 + 4, time 0?")
    loop.fake.reply = lambda _: WRONG
    loop.run("generate", {"item_ids": ids})
    first = loop.all_outputs()[0]
    judge(loop, first, Verdict.FAULTY)
    with loop.db.write() as session:
        outputs.vote_chip(session, outputs.chips(session, first.id)[0].retrieval.id, "used", loop.user)
    loop.run("reask", {"output_ids": [first.id], "refiner": "self_supervision"})
    loop.fake.reply = lambda _: RIGHT
    loop.ask_again(loop.all_outputs()[-1], "Three and four are seven.")
    last = loop.all_outputs()[-1]
    rows = newest(loop)
    assert [row.asked_by for row in rows] == ["retry", "reask", "generate"]
    assert [row.output_id for row in rows] == [one.id for one in reversed(loop.all_outputs())]
    assert all(row.corrections is None and row.lessons == 1 for row in rows), "nothing is accepted yet"
    judge(loop, last, Verdict.ACCEPTABLE)
    assert [(row.verdict, row.corrections, row.used) for row in newest(loop)] == [
        ("acceptable", 0, 0),
        (None, 1, 0),
        ("faulty", 1, 1),
    ]
    assert lookup_words(newest(loop)[2]) == (
        "Looked up for a first answer. The answer was found faulty; 1 correction until one was accepted. "
        "Lessons voted used: 1, not relevant: 0."
    )
    with loop.db.read() as session:
        said = " ".join(re.sub(r"<[^>]+>", " ", use_and_effect(session, loop.project_id)).split())
    assert "All 3 3 0 50 % of 2 0.67 of 3 1 0" in said and "For a try with a correction 1 1 0 100 % of 1" in said
    with loop.db.write() as session:
        lessons.retract_many(session, loop.project_id, lessons.Filter(item_id=ids[0], reviews=True), loop.user, "wrong")
        lessons.retract(session, lesson, loop.user, "wrong")
    gone = newest(loop)
    assert [(row.verdict, row.corrections, row.lessons, row.used) for row in gone] == [(None, None, 0, 0)] * 3
    with loop.db.read() as session:
        assert lookup_outcomes.of(session, gone[0].lookup_id) == gone[0]
        assert len(session.scalars(select(Output)).all()) == 3


def test_a_project_without_look_ups_says_so(loop: Loop) -> None:
    loop.project(0, prompts=[])
    with loop.db.read() as session:
        assert "No look-up yet" in use_and_effect(session, loop.project_id)
        assert use_and_effect(session, None) == "" and lookup_words(None) == ""
