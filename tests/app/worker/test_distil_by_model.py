"""Distilling with the project's model beside the rules of language; the model is a fake that answers as the test wants."""

from __future__ import annotations

import json

import pytest

from core.generators.base import GenerationRequest, GeneratorError
from core.types import JobState
from store import lessons
from tests.app.worker.loop import QUIET, Loop

SAID = "Always add from right to left."


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here is about it."""
    return sqlite_url


def corrected(loop: Loop) -> int:
    """An item whose answer was corrected once; the model distils from now on."""
    (item_id,) = loop.project(1, settings={**QUIET, "distiller": "model"})
    loop.run("generate", {"item_ids": [item_id]})
    loop.ask_again(loop.all_outputs()[0], SAID)
    return item_id


def test_what_the_model_adds_stands_beside_the_rest_and_what_it_repeats_does_not(loop: Loop) -> None:
    item_id = corrected(loop)

    def reply(request: GenerationRequest) -> str:
        said = [
            {"kind": "rule", "text": "Add from right to left.", "rounds": [1]},
            {
                "kind": "missing_step",
                "text": "Write the carry above the next column.",
                "rounds": [1],
                "why": "it was lost",
            },
        ]
        return json.dumps(said) if SAID in request.messages[-1].content else "1. 7"

    loop.fake.reply = reply
    done = loop.run("distil", {"item_id": item_id, "user_id": loop.user})
    assert done.state == JobState.DONE, done.error
    with loop.db.read() as session:
        texts = [lessons.get(session, id_).text for id_ in done.result["lesson_ids"]]
    assert sorted(texts) == [SAID, "Write the carry above the next column."]
    again = loop.run("distil", {"item_id": item_id, "user_id": loop.user})
    assert again.result["lesson_ids"] == done.result["lesson_ids"]


def test_a_model_that_fails_costs_its_own_proposals_alone(loop: Loop) -> None:
    item_id = corrected(loop)

    def fail() -> None:
        raise GeneratorError("The server is away. Start it.")

    loop.fake.before = fail
    done = loop.run("distil", {"item_id": item_id, "user_id": loop.user})
    assert done.state == JobState.DONE and len(done.result["lesson_ids"]) == 1
    assert done.result["model_failed"] == "The server is away. Start it."
