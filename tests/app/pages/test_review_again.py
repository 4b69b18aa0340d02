"""What a review sets going on the worker, and asking the model again about a risky answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.state import AppState
from core.types import QueueKind, RiskEstimate
from store import judgements, projects, queue
from store.tables import Job, Review
from tests.app.pages.conftest import Desk, rows
from tests.browser import seeding


def two_each(state: AppState, seeded: seeding.Seeded) -> None:
    with state.db.write() as session:
        projects.set_queue(session, seeded.project_id, QueueKind.ANNOTATE, user_id=None, overlap=2)
        queue.fill_slots(session, seeded.project_id)


def revotes(state: AppState) -> list[Job]:
    return [job for job in rows(state, Job) if job.kind == "revote"]


@pytest.mark.usefixtures("job_tables")
def test_where_several_people_review_an_item_each_review_votes_on_that_answer(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    two_each(state, seeded)
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    bob.act("accept")
    bob.act("undo")
    bob.act("submit", {"text": "20 - 17 is 3.", "first_wrong_step": 2})
    eve.open()
    eve.act("accept")
    first = seeded.output_ids[0]
    made = revotes(state)
    assert [job.payload for job in made] == [{"project_id": seeded.project_id, "output_ids": [first]}] * 3
    assert len({job.dedupe_key for job in made}) == 3, "a review that comes while votes are cast is not missed"


@pytest.mark.usefixtures("job_tables")
def test_with_one_person_per_item_or_without_the_signal_nothing_votes_again(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk("bob")
    bob.open()
    bob.act("accept")
    two_each(state, seeded)
    with state.db.write() as session:
        projects.update(session, seeded.project_id, user_id=None, settings={"signals": ["arithmetic"]})
    bob.act("accept")
    assert len(rows(state, Review)) == 2 and revotes(state) == []


# --- asking again about a risky answer


@pytest.mark.usefixtures("job_tables")
def test_a_risky_answer_is_asked_about_again_for_the_person_who_asks(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, live_worker: None
) -> None:
    bob = desk()
    assert "Re-ask with evidence" in bob.open()["answer"]
    reply = bob.act("reask")
    (job,) = rows(state, Job)
    assert (job.kind, job.priority, job.created_by) == ("reask", 1, bob.person.id)
    assert job.payload == {
        "output_ids": [seeded.output_ids[0]],
        "refiner": "self_supervision",
        "assignment_id": bob.assignment,
    }
    assert bob.watch.retry_job == job.id and "asked again" in reply["attempt"]
    bob.act("reask")
    assert bob.outcome == "refused" and len(rows(state, Job)) == 1, "one try at a time"


@pytest.mark.usefixtures("job_tables")
def test_an_answer_that_is_not_above_the_threshold_is_not_asked_about_again(
    state: AppState, desk: Callable[..., Desk]
) -> None:
    seeding.project(state.db, settings={"risk_threshold": 0.9})
    bob = desk()
    assert "Re-ask with evidence" not in bob.open()["answer"]
    bob.act("reask")  # a hidden endpoint is still public
    assert bob.outcome == "refused" and "is not above the project" in bob.says
    assert rows(state, Job) == []


@pytest.mark.usefixtures("job_tables")
def test_an_answer_that_somebody_reviewed_is_not_asked_about_again(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    two_each(state, seeded)
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    bob.act("accept")
    eve.open()
    eve.act("reask")
    assert eve.outcome == "refused" and "reviewed this answer already" in eve.says
    assert not any(job.kind == "reask" for job in rows(state, Job))


@pytest.mark.usefixtures("job_tables")
def test_nobody_asks_again_about_an_answer_that_they_do_not_hold(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    eve.shown["composer"] = bob.shown["composer"]
    eve.act("reask")
    assert eve.outcome == "refused" and "held by somebody else" in eve.says
    assert rows(state, Job) == []


def test_answers_below_the_threshold_are_named_where_nothing_waits(state: AppState, desk: Callable[..., Desk]) -> None:
    made = seeding.project(state.db, [seeding.ANSWER] * 2, settings={"risk_threshold": 0.9, "only_risky": True})
    safe = RiskEstimate(0.05, "polar", "v2", True, 40, 0.01, 0.1)
    with state.db.write() as session:
        for output_id in made.output_ids:
            judgements.save(session, output_id, risk=safe)
        assert queue.apply_threshold(session, made.project_id) == 2
    page = desk().open()["answer"]
    assert "Nothing waits for you" in page
    assert "2 whose risk is below the threshold, so that they need nobody" in page
    assert "All done here" in page


# --- an item that the address names


def test_the_item_of_the_address_is_opened_first_and_the_queue_goes_on_after_it(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open(f"project={seeded.slug}&item={seeded.item_ids[2]}")
    assert bob.output == seeded.output_ids[2] and bob.says == ""
    bob.act("skip", reason="Later, please.")
    assert bob.output == seeded.output_ids[0]


def test_an_item_that_is_not_to_be_had_is_told_and_the_next_one_shown(
    desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open(f"item={seeded.item_ids[0]}")
    eve.open(f"item={seeded.item_ids[0]}")
    assert eve.output == seeded.output_ids[1]
    assert eve.says == "Somebody else has that item right now. This is the next one."


def test_an_address_that_names_no_item_is_the_queue(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open("item=drop-table")
    assert bob.output == seeded.output_ids[0] and bob.says == ""
