"""Lessons for a prompt where no worker's local service can be reached: the job queue brings them."""

from __future__ import annotations

import pytest

from app import retrieving
from app.retrieving import NoWorker, retrieve
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
    loop.retract(lesson)
    assert retrieve(db, settings, loop.project_id, ASKED).lessons == ()
    loop.bench.stop()
    monkeypatch.setattr(retrieving, "JOB_SECONDS", 0.3)
    with pytest.raises(NoWorker, match="corrigenda worker"):
        retrieve(db, settings, loop.project_id, ASKED)
