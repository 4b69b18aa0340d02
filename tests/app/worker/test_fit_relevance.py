"""A project's own relevance gate: from votes on answers, by the real job, into the next prompt, and back again."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.pages.lesson_gates import use
from app.view import lesson_gates as view
from app.worker import waking
from core.lessons.held_out import FOLDS
from core.lessons.relevance import DEFAULT
from store import critic_models, items, lessons, lookups, outputs, relevance_votes, reviews
from store.tables import Job, Lookup, Output, Retrieval, Review
from tests.app.worker.loop import Loop

N = 20


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def answered(loop: Loop) -> tuple[int, int, list[Output]]:
    """Two lessons in the prompt of every item: one that is near, and one that shares half of its words."""
    ids = loop.project(N, prompts=[f"How many trains leave station {name}?" for name in names(N)])
    near = loop.lesson("Count the trains.", "How many trains leave the station?")
    far = loop.lesson("Feed the horses.", "How many horses leave the meadow?")
    loop.run("generate", {"item_ids": ids})
    made = loop.all_outputs()
    with loop.db.read() as session:
        assert all({chip.lesson.id for chip in outputs.chips(session, one.id)} == {near, far} for one in made)
    return near, far, made


def names(n: int) -> list[str]:
    return [f"{chr(97 + k)}{chr(98 + k)}ville" for k in range(n)]


def vote(loop: Loop, output: Output, says: dict[int, str]) -> bool:
    with loop.db.write() as session:
        for chip in outputs.chips(session, output.id):
            if chip.lesson.id in says:
                outputs.vote_chip(session, chip.retrieval.id, says[chip.lesson.id], loop.user)
        return waking.wake_relevance(session, loop.project_id)


def in_prompt(loop: Loop, name: str) -> set[int]:
    with loop.db.write() as session:
        new = [items.NewItem(name, f"How many trains leave station {name}?")]
        ids = items.add_many(session, loop.project_id, new).ids
    loop.run("generate", {"item_ids": ids})
    with loop.db.read() as session:
        output = session.scalars(select(Output).where(Output.item_id == ids[0])).one()
        return {chip.lesson.id for chip in outputs.chips(session, output.id)}


def test_votes_teach_a_gate_that_the_next_look_up_goes_through(loop: Loop) -> None:
    near, far, made = answered(loop)
    woken = [vote(loop, one, {near: "used", far: "not_relevant"}) for one in made]
    assert woken.index(True) == 14, "thirty votes are enough"
    loop.run("fit_relevance", {"project_id": loop.project_id})
    with loop.db.read() as session:
        first = session.scalars(select(Job).where(Job.kind == "fit_relevance").order_by(Job.id).limit(1)).one()
        kept = critic_models.newest(session, loop.project_id, lookups.GATE)
        assert kept is not None and kept.current and kept.labels == 2 * N and first.state == "done"
        figures = kept.figures
        assert figures["better"] and figures["own"]["cost"] < figures["default"]["cost"]
        assert figures["default"]["wrong_accepts"] == N and figures["held_out"] == 2 * N
        said = " ".join(re.sub(r"<[^>]+>", " ", view.gates(session, loop.project_id, admin=True)).split())
        assert f"{N} votes “used” and {N} “not relevant”" in said and f"{N} let in, 0 kept out" in said
        assert 'data-version=""' in view.gates(session, loop.project_id, admin=True), "the way back"
    assert in_prompt(loop, "xyz") == {near}
    with loop.db.write() as session:
        use(session, loop.project_id, {"gate": lookups.GATE, "version": ""}, loop.user)
        assert lookups.gate_of(session, loop.project_id) == DEFAULT
        with pytest.raises(LookupError):
            use(session, loop.project_id, {"gate": "step_head", "version": ""}, loop.user)
    assert far in in_prompt(loop, "zyx"), "as delivered again"
    assert not vote(loop, made[0], {near: "used"}), "nothing new was said"


def test_votes_that_teach_nothing_for_others_leave_the_delivered_gate_in_force(loop: Loop) -> None:
    """What is said in one part of the items is not said in the next, so that what was learned is wrong where it was not seen."""
    near, far, made = answered(loop)
    for one in made:
        vote(loop, one, {near: "used", far: "not_relevant" if one.item_id % FOLDS in (1, 3) else "used"})
    job = loop.run("fit_relevance", {"project_id": loop.project_id})
    assert not job.error
    assert job.result["version"] and not job.result["current"] and not job.result["figures"]["better"]
    with loop.db.read() as session:
        assert lookups.gate_of(session, loop.project_id) == DEFAULT
        assert "was no better" in view.gates(session, loop.project_id, admin=False)


def test_what_came_of_an_answer_counts_beside_votes_and_what_was_taken_back_does_not(loop: Loop) -> None:
    near, _, made = answered(loop)
    first, second, third = made[:3]
    vote(loop, first, {near: "used"})
    with loop.db.write() as session:
        lookup = session.scalars(select(Lookup).where(Lookup.output_id == second.id)).one()
        refused = {"lesson": near, "chance": 0.9, "accepted": False, "why": "", "features": [0.5, 0.5, 0.1, 0.0]}
        lookup.rounds = [{"how": "the prompt", "query": "q", "hits": [refused]}]
        correction = reviews.add_correction(session, reviews.NewCorrection(loop.user, second.id, "Count the trains."))
        lessons.support(session, near, [correction.id], loop.user)
        session.add(Review(output_id=third.id, user_id=loop.user, verdict="faulty"))
        session.add(Review(output_id=first.id, user_id=loop.user, verdict="acceptable"))
    with loop.db.read() as session:
        known = relevance_votes.known(session, loop.project_id)
    assert [(one.belongs, one.weight, one.voted, one.group) for one in known] == [
        (True, 1.0, True, first.item_id),
        (True, relevance_votes.OUTCOME, False, first.item_id),
        (True, 1.0, False, second.item_id),
        (False, relevance_votes.OUTCOME, False, third.item_id),
        (False, relevance_votes.OUTCOME, False, third.item_id),
    ]
    assert known[2].features.cosine == 0.5 and known[2].features.used == 1, "of the votes before"
    with loop.db.write() as session:
        lessons.retract_many(
            session, loop.project_id, lessons.Filter(output_id=first.id, reviews=True), loop.user, "wrong"
        )
        assert relevance_votes.counts(session, loop.project_id) == (0, 0)
        assert session.scalars(select(Retrieval.vote).where(Retrieval.vote.is_not(None))).all() == ["used"]
        assert not [one for one in relevance_votes.known(session, loop.project_id) if one.voted]
