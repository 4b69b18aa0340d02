"""Searches that found nothing enough go to experts, verdicts teach a sufficiency gate, and the next search goes by it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.view import lesson_gates
from app.worker import waking
from core.lessons.sufficiency import is_enough
from core.types import Verdict
from store import critic_models, items, lookups, self_practice
from store.tables import Assignment, Item, Lookup, Output, Queue, Review
from tests.app.worker.loop import QUIET, Loop

N = 40


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def one_round(chance: float, second: float, accepted: bool) -> list[dict[str, Any]]:
    hits = [
        {"lesson": 1, "chance": chance, "accepted": accepted, "why": "", "features": []},
        {"lesson": 2, "chance": second, "accepted": False, "why": "", "features": []},
    ]
    return [{"how": "the prompt", "query": "q", "hits": hits}]


def judged(loop: Loop, *, right: Any) -> None:
    """Look-ups of ``N`` answers, all of which accepted a lesson; the second lesson is near on every other one."""
    loop.project(N)
    with loop.db.write() as session:
        for place, item in enumerate(session.scalars(select(Item).order_by(Item.id)).all()):
            output = Output(item_id=item.id, attempt=1, text="1. 3 + 4 = 7.\nThe answer is 7.", model="m")
            output.messages = [["user", item.prompt]]
            session.add(output)
            session.flush()
            rounds = one_round(0.9, 0.8 if place % 2 else 0.1, True)
            session.add(
                Lookup(project_id=loop.project_id, output_id=output.id, rounds=rounds, stopped="enough", best=0.9)
            )
            verdict = Verdict.ACCEPTABLE if right(place) else Verdict.FAULTY
            session.add(Review(output_id=output.id, user_id=loop.user, verdict=verdict.value))


def test_verdicts_teach_a_gate_that_the_search_goes_by(loop: Loop) -> None:
    judged(loop, right=lambda place: place % 2 == 1)
    with loop.db.write() as session:
        assert self_practice.counts(session, loop.project_id) == (N // 2, N // 2)
        assert waking.wake_sufficiency(session, loop.project_id)
        assert lookups.enough_of(session, loop.project_id) is is_enough
        turns = self_practice.turns(session, loop.project_id)
    assert (turns[1].answer, turns[1].accepted, turns[1].turn) == ("7", True, 0)
    assert turns[1].context == "What is 3 + 4, time 1?"
    job = loop.run("fit_sufficiency", {"project_id": loop.project_id})
    figures = job.result["figures"]
    assert job.result["current"] and figures["own"]["balanced_accuracy"] == 1.0
    assert figures["default"] == {"balanced_accuracy": 0.5, "precision": 0.5, "called": N}
    with loop.db.read() as session:
        said = lesson_gates.gates(session, loop.project_id, admin=True)
        assert "told apart 100 %; precision 100 % of 20 called enough of 40" in said
        assert not waking.sufficiency_due(session, loop.project_id)
    loop.lesson("Add from right to left.", "How many trains leave the station?")
    found = search(loop, "How many trains leave the station?")
    assert found.stopped == "unsure" and found.rounds[0]["hits"][0]["accepted"], "one lesson alone is not enough now"
    with loop.db.write() as session:
        critic_models.choose(session, loop.project_id, lookups.SUFFICIENCY, None, user_id=loop.user)
    assert search(loop, "How many trains leave the station, please?").stopped == "enough"


def search(loop: Loop, prompt: str) -> Lookup:
    with loop.db.write() as session:
        ids = items.add_many(session, loop.project_id, [items.NewItem(prompt, prompt)]).ids
    loop.run("generate", {"item_ids": ids})
    with loop.db.read() as session:
        return session.scalars(select(Lookup).join(Output).where(Output.item_id == ids[0])).one()


def test_a_gate_that_tells_no_better_stays_out_of_force(loop: Loop) -> None:
    judged(loop, right=lambda place: place % 4 < 2)
    job = loop.run("fit_sufficiency", {"project_id": loop.project_id})
    assert job.result["version"] and not job.result["current"]
    with loop.db.read() as session:
        assert lookups.enough_of(session, loop.project_id) is is_enough


@pytest.mark.parametrize("setting", ["experts", "off"])
def test_what_no_search_found_goes_to_experts_with_the_queries(loop: Loop, setting: str) -> None:
    (item_id,) = loop.project(
        1,
        prompts=["The old mill needs water. How many trains stop?"],
        settings={**QUIET, "unsure": setting, "lesson_floor": 0.9},
    )
    loop.lesson("Grind it twice.", "mill water wheel stone")
    loop.run("generate", {"item_ids": [item_id]})
    with loop.db.read() as session:
        (found,) = session.scalars(select(Lookup))
        assert found.stopped == "unsure" and len(found.rounds) > 1
        slots = session.scalars(select(Assignment).join(Queue).where(Queue.kind == "expert")).all()
    if setting == "off":
        assert slots == []
        return
    assert slots[0].item_id == item_id and slots[0].reason is not None
    assert slots[0].reason.startswith("No search for lessons found enough, and the nearest was ")
    assert "the question alone: “How many trains stop?”" in slots[0].reason
