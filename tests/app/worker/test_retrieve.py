"""Lessons for a prompt where no worker's local service can be reached: the job queue brings them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import retrieving
from app.pushing import Push, PushError, push
from app.retrieving import NoWorker, retrieve
from store import items, outputs
from store.tables import Lookup
from tests.app.worker.loop import Loop

ASKED = "What is three plus four?"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_job_path_finds_what_applies_and_says_when_nobody_works(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.project(1)
    db, settings = loop.db, loop.bench.settings
    assert retrieve(db, settings, loop.project_id, ASKED).lessons == (), "no lesson, no worker needed"
    lesson = loop.lesson("Say numbers as digits.", ASKED)
    loop.lesson("Water the plants.", "gardens in summer")
    found = retrieve(db, settings, loop.project_id, ASKED)
    assert [one.id for one in found.lessons] == [lesson] and "- Say numbers as digits." in found.prompt
    with db.write() as session:
        (row,) = session.scalars(select(Lookup))
        assert (row.id, row.asked_by, row.output_id) == (found.lookup, "api", None) and ASKED not in str(row.rounds)
        ids = items.add_many(session, loop.project_id, [items.NewItem("theirs", ASKED)]).ids
        said = Push("It is seven.", "theirs", item_id=ids[0], lookup_id=found.lookup)
        output_id = push(session, loop.project_id, [said], user_id=None).outputs[0].output_id
        (chip,) = outputs.chips(session, output_id)
        assert (chip.lesson.id, chip.retrieval.slot) == (lesson, "rules") and row.output_id == output_id
        again = Push("It is eight.", "theirs", item_id=ids[0], lookup_id=found.lookup)
        with pytest.raises(PushError, match="another answer"):
            push(session, loop.project_id, [again], user_id=None)
        session.rollback()
    loop.retract(lesson)
    assert retrieve(db, settings, loop.project_id, ASKED).lessons == ()
    loop.bench.stop()
    monkeypatch.setattr(retrieving, "JOB_SECONDS", 0.3)
    with pytest.raises(NoWorker, match="corrigenda worker"):
        retrieve(db, settings, loop.project_id, ASKED)
