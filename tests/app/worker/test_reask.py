"""Second tries: only above the threshold, judged like any other answer, shown to who asked, and never with a reference."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from core.generators.base import GenerationRequest
from core.types import JobState, Verdict
from store import judgements, projects, queue, second_tries, tables
from tests.app.worker.loop import QUIET, Loop

GOLD = "4711.4711"
WRONG, RIGHT = "1. 3 + 4 = 8.\nThe answer is 8.", "1. 3 + 4 = 7.\nThe answer is 7."


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def thinks_again(request: GenerationRequest) -> str:
    return RIGHT if "Are you sure" in request.messages[-1].content else WRONG


def answered(loop: Loop, n: int = 1, **settings: Any) -> list[tables.Output]:
    ids = loop.project(n, settings={**QUIET, "risk_threshold": 0.3, **settings})
    with loop.db.write() as session:
        projects.set_queue(session, loop.project_id, "annotate", user_id=None, audit_share=0.0)
        for item in session.scalars(select(tables.Item).where(tables.Item.id.in_(ids))):
            item.reference = GOLD
    loop.fake.reply = thinks_again
    loop.run("generate", {"item_ids": ids})
    return loop.all_outputs()


def risk_of(loop: Loop, output_id: int) -> float:
    with loop.db.read() as session:
        found = judgements.risk(session, output_id)
    assert found is not None
    return found.value


def test_a_risky_answer_is_asked_about_with_the_evidence_and_judged_again(loop: Loop) -> None:
    (first,) = answered(loop)
    assert risk_of(loop, first.id) > 0.3, "the arithmetic of the answer is wrong"
    job = loop.run("reask", {"output_ids": [first.id], "refiner": "self_supervision"})
    assert (job.state, job.result["not_risky"], job.result["late"]) == (JobState.DONE, 0, 0), job.error
    second = loop.all_outputs()[-1]
    assert job.result["output_ids"] == [second.id]
    assert (second.parent_id, second.refiner, second.attempt, second.correction_id) == (
        first.id,
        "self_supervision",
        2,
        None,
    )
    assert second.text == RIGHT
    assert risk_of(loop, second.id) < risk_of(loop, first.id)
    assert second.messages[-2] == ["assistant", WRONG]
    assert "should be 7" in second.messages[-1][1] or "3 + 4" in second.messages[-1][1]
    with loop.db.read() as session:
        assert [slot.output_id for slot in session.scalars(select(tables.Assignment))] == [second.id]


def test_an_answer_that_is_not_above_the_threshold_is_left_alone(loop: Loop) -> None:
    (first,) = answered(loop, risk_threshold=1.0)
    asked = len(loop.fake.requests)
    job = loop.run("reask", {"output_ids": [first.id], "refiner": "self_examination"})
    assert job.result == {"output_ids": [], "not_risky": 1, "late": 0, "same": 0}
    assert len(loop.fake.requests) == asked


def test_an_answer_that_has_a_later_attempt_is_left_alone(loop: Loop) -> None:
    (first,) = answered(loop)
    loop.run("reask", {"output_ids": [first.id], "refiner": "self_examination"})
    job = loop.run("reask", {"output_ids": [first.id], "refiner": "self_supervision"})
    assert job.result == {"output_ids": [], "not_risky": 0, "late": 1, "same": 0}
    assert len(loop.all_outputs()) == 2


def test_the_reference_is_in_no_prompt(loop: Loop) -> None:
    outputs = answered(loop, 3)
    for refiner, output in zip(("self_examination", "self_supervision"), outputs, strict=False):
        loop.run("reask", {"output_ids": [output.id], "refiner": refiner})
    assert len(loop.fake.requests) > 4
    assert not any(GOLD in message.content for request in loop.fake.requests for message in request.messages)


@pytest.mark.parametrize("how", ["self_examination", "self_supervision"])
def test_new_risky_answers_get_a_second_try_of_themselves_and_only_one(loop: Loop, how: str) -> None:
    made = answered(loop, 2, reask=how)
    assert [(output.refiner, output.attempt) for output in made] == [(None, 1), (None, 1), (how, 2), (how, 2)]
    assert {output.parent_id for output in made[2:]} == {output.id for output in made[:2]}


def test_it_is_off_unless_somebody_switches_it_on(loop: Loop) -> None:
    assert len(answered(loop, 2)) == 2


def test_who_asked_gets_the_new_attempt_on_their_slot(loop: Loop) -> None:
    (first,) = answered(loop)
    with loop.db.write() as session:
        held = queue.claim_next(session, loop.user, loop.project_id)
        assert held is not None
    payload = {"output_ids": [first.id], "refiner": "self_supervision"}
    loop.run("reask", {**payload, "assignment_id": held.assignment_id})
    with loop.db.read() as session:
        slot = session.get_one(tables.Assignment, held.assignment_id)
        assert (slot.state, slot.token, slot.output_id) == ("claimed", held.token, loop.all_outputs()[-1].id)


def test_without_who_asked_nothing_moves_under_a_person(loop: Loop) -> None:
    (first,) = answered(loop)
    with loop.db.write() as session:
        held = queue.claim_next(session, loop.user, loop.project_id)
        assert held is not None
    loop.run("reask", {"output_ids": [first.id], "refiner": "self_supervision"})
    with loop.db.read() as session:
        assert session.get_one(tables.Assignment, held.assignment_id).output_id == first.id


def test_fixes_and_breaks_are_counted_by_reviews_and_by_the_reference(loop: Loop) -> None:
    """Four pairs: fixed, broken and kept by reviews, one fixed by the reference; one of which nothing is known."""
    outputs = answered(loop, 5, reask="self_examination")
    first, second = outputs[:5], {output.parent_id: output for output in outputs[5:]}
    faulty, fine = Verdict.FAULTY.value, Verdict.ACCEPTABLE.value
    with loop.db.write() as session:
        for item in session.scalars(select(tables.Item)):
            item.reference = "7" if item.id == first[3].item_id else None
        for output, before, after in zip(first, (faulty, fine, faulty), (fine, faulty, faulty), strict=False):
            for row, verdict in ((output, before), (second[output.id], after)):
                session.add(tables.Review(output_id=row.id, user_id=loop.user, verdict=verdict))
        session.flush()
        (tally,) = second_tries.tallies(session, loop.project_id, ["feedback", "self_examination"])
    assert (tally.refiner, tally.tried, tally.pairs) == ("self_examination", 5, 4)
    assert (tally.wrong_before, tally.fixed, tally.right_before, tally.broken) == (3, 2, 1, 1)
    assert (tally.fix_rate, tally.break_rate) == (pytest.approx(2 / 3), 1.0)


def test_evidence_of_people_is_not_shown_to_the_model(loop: Loop) -> None:
    (first,) = answered(loop)
    with loop.db.write() as session:
        session.execute(delete(tables.Vote).where(tables.Vote.source == "annotators"))
        session.add(
            tables.Vote(output_id=first.id, source="annotators", verdict="faulty", evidence="2 of 2 people said no.")
        )
        session.add(tables.Vote(output_id=first.id, source="a-rule", verdict="faulty", evidence="It does not say why."))
    loop.run("reask", {"output_ids": [first.id], "refiner": "self_supervision"})
    said = loop.fake.requests[-1].messages[-1].content
    assert "It does not say why." in said and "people said" not in said
