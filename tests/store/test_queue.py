"""Claims: who gets what, for how long, and what a stale token may still do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.types import QueueKind
from store import outputs, projects, queue, reviews, tables
from store.engine import Database
from tests.conftest import Clock
from tests.factories import ANSWER, STEPS, Scene, review_of, scene


def make(db: Database, **settings: object) -> Scene:
    with db.write() as session:
        return scene(session, **settings)  # type: ignore[arg-type]


def claim(db: Database, made: Scene, user: int = 0, **options: object) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim_next(session, made.users[user], made.project_id, **options)  # type: ignore[arg-type]


def must_claim(db: Database, made: Scene, user: int = 0, **options: object) -> queue.Claim:
    found = claim(db, made, user, **options)
    assert found is not None
    return found


def slot(db: Database, assignment_id: int) -> tables.Assignment:
    with db.read() as session:
        return session.get_one(tables.Assignment, assignment_id)


def finish(db: Database, held: queue.Claim) -> None:
    with db.write() as session:
        queue.submit(session, held.assignment_id, held.token)


def test_the_most_urgent_comes_first_and_equals_in_order(db: Database) -> None:
    made = make(db, n_items=4)
    with db.write() as session:
        queue.set_priority(session, made.project_id, {made.outputs[2]: 5.0, made.outputs[0]: 0.5, made.outputs[1]: 0.5})
    seen = []
    for _ in range(4):
        held = must_claim(db, made)
        seen.append(held.item_id)
        finish(db, held)
    assert [made.items.index(item) for item in seen] == [2, 3, 0, 1]


def test_what_a_person_holds_comes_back_first(db: Database, clock: Clock) -> None:
    made = make(db)
    first = must_claim(db, made)
    clock.forward(600)
    again = must_claim(db, made)
    assert (again.assignment_id, again.token) == (first.assignment_id, first.token)
    assert (again.deadline - first.deadline).total_seconds() == 600


def test_claiming_ahead_gives_one_more_and_then_the_same(db: Database) -> None:
    made = make(db, n_items=5)
    first = must_claim(db, made)
    ahead = must_claim(db, made, ahead=True)
    assert ahead.item_id != first.item_id
    assert must_claim(db, made, ahead=True).assignment_id == ahead.assignment_id
    assert must_claim(db, made).assignment_id == first.assignment_id
    finish(db, first)
    assert must_claim(db, made).assignment_id == ahead.assignment_id


def test_overlap_gives_each_item_to_that_many_different_people(db: Database) -> None:
    made = make(db, n_items=3, n_users=5, overlap=3)
    got: dict[int, set[int]] = {item: set() for item in made.items}
    for user in range(5):
        while (held := claim(db, made, user)) is not None:
            assert user not in got[held.item_id], "two slots of one item went to one person"
            got[held.item_id].add(user)
            finish(db, held)
    assert [len(people) for people in got.values()] == [3, 3, 3]


def test_enqueuing_again_adds_nothing_and_a_raised_overlap_only_adds(db: Database) -> None:
    made = make(db, n_items=1, n_users=3)
    with db.write() as session:
        assert queue.enqueue_output(session, made.project_id, made.outputs[0], priority=1.0) == 0
    held = must_claim(db, made)
    finish(db, held)
    with db.write() as session:
        projects.set_queue(session, made.project_id, "annotate", user_id=None, overlap=3)
        assert queue.fill_slots(session, made.project_id) == 2
        assert queue.fill_slots(session, made.project_id) == 0
    assert slot(db, held.assignment_id).state == "submitted"
    assert claim(db, made) is None, "the person has reviewed this item"
    assert must_claim(db, made, 1).item_id == held.item_id


def test_a_lease_that_ran_out_is_claimable_by_others_and_first(db: Database, clock: Clock) -> None:
    made = make(db, n_items=2, lease_seconds=60)
    lost = must_claim(db, made)
    clock.forward(59)
    assert must_claim(db, made, 1).item_id != lost.item_id
    clock.forward(2)
    with db.write() as session:
        waiting = _held(session, made, 1)
        queue.release(session, waiting.id, waiting.token or "")
    taken = must_claim(db, made, 1)
    assert (taken.item_id, taken.assignment_id) == (lost.item_id, lost.assignment_id)
    assert taken.token != lost.token
    with pytest.raises(queue.LostClaim, match="somebody else"), db.write() as session:
        queue.extend(session, lost.assignment_id, lost.token)


def _held(session: Session, made: Scene, user: int) -> tables.Assignment:
    query = select(tables.Assignment).where(
        tables.Assignment.holder_id == made.users[user], tables.Assignment.state == "claimed"
    )
    return session.scalars(query).one()


def test_nobody_took_it_so_its_holder_may_carry_on(db: Database, clock: Clock) -> None:
    made = make(db, n_items=1, lease_seconds=60)
    held = must_claim(db, made)
    clock.forward(3600)
    with db.write() as session:
        assert queue.extend(session, held.assignment_id, held.token) == clock.moment + timedelta(seconds=60)
    finish(db, held)
    assert slot(db, held.assignment_id).state == "submitted"


def test_extend_keeps_others_away(db: Database, clock: Clock) -> None:
    made = make(db, n_items=1, lease_seconds=60)
    held = must_claim(db, made)
    for _ in range(5):
        clock.forward(50)
        with db.write() as session:
            queue.extend(session, held.assignment_id, held.token)
        assert claim(db, made, 1) is None


def test_release_frees_the_slot_for_everybody(db: Database) -> None:
    made = make(db, n_items=1)
    held = must_claim(db, made)
    with db.write() as session:
        queue.release(session, held.assignment_id, held.token)
    with pytest.raises(queue.LostClaim, match="ran out, or you gave it back"), db.write() as session:
        queue.submit(session, held.assignment_id, held.token)
    assert must_claim(db, made, 1).assignment_id == held.assignment_id


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_wrong_token_does_nothing(db: Database, token: str) -> None:
    made = make(db, n_items=1)
    held = must_claim(db, made)
    for action in (queue.submit, queue.release, queue.extend):
        with pytest.raises(queue.LostClaim), db.write() as session:
            action(session, held.assignment_id, token)
    for refuse in (queue.skip, queue.flag):
        with pytest.raises(queue.LostClaim), db.write() as session:
            refuse(session, held.assignment_id, token, made.users[0], "why")
    assert slot(db, held.assignment_id).state == "claimed"


def test_skip_to_others_never_comes_back_to_the_person(db: Database) -> None:
    made = make(db, n_items=2, overlap=2)
    held = must_claim(db, made)
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[0], "not my subject")
    nxt = must_claim(db, made)
    assert nxt.item_id != held.item_id
    finish(db, nxt)
    assert claim(db, made) is None, "the other slot of the declined item must not come either"
    assert must_claim(db, made, 1).item_id == held.item_id


def test_skip_to_me_comes_back_last(db: Database) -> None:
    made = make(db, n_items=2, skip_policy="to_me")
    held = must_claim(db, made)
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[0], "later")
    other = must_claim(db, made)
    assert other.item_id != held.item_id
    finish(db, other)
    assert must_claim(db, made).item_id == held.item_id


def test_skip_can_set_aside_and_a_manager_puts_it_back(db: Database) -> None:
    made = make(db, n_items=1, skip_policy="set_aside")
    held = must_claim(db, made)
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[0], "broken picture")
    assert claim(db, made, 1) is None
    with db.write() as session:
        queue.put_back(session, held.assignment_id, made.users[1])
    with pytest.raises(ValueError, match="set aside"), db.write() as session:
        queue.put_back(session, held.assignment_id, made.users[1])
    assert must_claim(db, made, 1).item_id == held.item_id


@pytest.mark.parametrize("reason", ["", "  ", "\0"])
def test_skip_and_flag_need_a_reason(db: Database, reason: str) -> None:
    made = make(db, n_items=1)
    held = must_claim(db, made)
    for action in (queue.skip, queue.flag):
        with pytest.raises(ValueError, match="why"), db.write() as session:
            action(session, held.assignment_id, held.token, made.users[0], reason)
    assert slot(db, held.assignment_id).state == "claimed"


def test_a_flag_opens_one_slot_for_the_experts(db: Database) -> None:
    made = make(db, n_items=1, overlap=2)
    expert_slots = []
    for user in (0, 1):
        held = must_claim(db, made, user)
        with db.write() as session:
            expert_slots.append(queue.flag(session, held.assignment_id, held.token, made.users[user], "is this right?"))
    assert len(set(expert_slots)) == 1
    for_expert = must_claim(db, made, 0, kind=QueueKind.EXPERT)
    assert (for_expert.assignment_id, for_expert.output_id) == (expert_slots[0], made.outputs[0])
    with db.read() as session:
        assert queue.counts(session, made.project_id)["flagged"] == 2
    with db.write() as session:
        last = queue.flag(session, for_expert.assignment_id, for_expert.token, made.users[0], "nobody can tell")
    assert last is None
    assert slot(db, for_expert.assignment_id).state == "set_aside"


def test_flagged_after_the_expert_finished_opens_a_second_slot(db: Database) -> None:
    made = make(db, n_items=1, overlap=2)
    first = must_claim(db, made, 0)
    with db.write() as session:
        queue.flag(session, first.assignment_id, first.token, made.users[0], "?")
    finish(db, must_claim(db, made, 0, kind=QueueKind.EXPERT))
    second = must_claim(db, made, 1)
    with db.write() as session:
        queue.flag(session, second.assignment_id, second.token, made.users[1], "still ?")
    assert must_claim(db, made, 1, kind=QueueKind.EXPERT).item_id == made.items[0]


def new_attempt(db: Database, made: Scene, *, correction_id: int | None = None) -> int:
    with db.write() as session:
        new = outputs.NewOutput(made.items[0], ANSWER, "test", steps=STEPS, correction_id=correction_id)
        output = outputs.add(session, new)
        queue.enqueue_output(session, made.project_id, output.id, priority=9.0)
        return output.id


def test_a_new_attempt_takes_over_open_slots_and_adds_none(db: Database) -> None:
    made = make(db, n_items=1)
    newer = new_attempt(db, made)
    held = must_claim(db, made)
    assert held.output_id == newer
    with db.write() as session:  # an analysis of the old attempt that comes late
        queue.enqueue_output(session, made.project_id, made.outputs[0], priority=1.0)
    assert slot(db, held.assignment_id).output_id == newer
    with db.read() as session:
        assert queue.counts(session, made.project_id)["slots"] == 1


def test_a_new_attempt_leaves_claimed_work_alone_unless_its_holder_asked(db: Database) -> None:
    made = make(db, n_items=1, overlap=2)
    held, others = must_claim(db, made, 0), must_claim(db, made, 1)
    with db.write() as session:
        said = reviews.NewCorrection(made.users[0], held.output_id, "no", assignment_id=held.assignment_id)
        correction = reviews.add_correction(session, said).id
    newer = new_attempt(db, made, correction_id=correction)
    assert slot(db, held.assignment_id).output_id == newer
    assert slot(db, others.assignment_id).output_id == made.outputs[0]
    assert must_claim(db, made, 0).token == held.token


def test_reopen_is_for_ones_own_submission(db: Database) -> None:
    made = make(db, n_items=1)
    held = must_claim(db, made)
    with pytest.raises(PermissionError), db.write() as session:
        queue.reopen(session, held.assignment_id, made.users[0])
    with db.write() as session:
        reviews.submit(session, review_of(held, made.users[0]), None, held.token)
    with pytest.raises(PermissionError), db.write() as session:
        queue.reopen(session, held.assignment_id, made.users[1])
    with db.write() as session:
        again = queue.reopen(session, held.assignment_id, made.users[0])
    assert again.token != held.token
    with db.write() as session:
        reviews.submit(session, review_of(again, made.users[0], "acceptable"), None, again.token)
    with db.read() as session:
        rows = session.scalars(select(tables.Review).order_by(tables.Review.id)).all()
        assert [(row.verdict, row.revision, row.replaces_id) for row in rows] == [
            ("faulty", 1, None),
            ("acceptable", 2, rows[0].id),
        ]
        assert [row.verdict for row in reviews.reviews_for(session, made.items[0])] == ["acceptable"]


def test_every_claim_is_in_the_audit_log(db: Database) -> None:
    made = make(db)
    held = must_claim(db, made)
    with db.read() as session:
        events = session.scalars(select(tables.AuditEvent).where(tables.AuditEvent.action == "queue.claim")).all()
        assert [(event.subject_id, event.user_id) for event in events] == [(held.assignment_id, made.users[0])]


def test_two_slots_of_one_item_for_one_person_are_refused_by_the_database_itself(db: Database) -> None:
    made = make(db, n_items=1, overlap=2)
    with pytest.raises(IntegrityError, match=r"(?i)unique"), db.write() as session:
        for row in session.scalars(select(tables.Assignment)):
            row.holder_id = made.users[0]


def test_queues_of_a_missing_project(db: Database) -> None:
    with pytest.raises(projects.UnknownProject), db.write() as session:
        queue.claim_next(session, 1, 99)
    with pytest.raises(LookupError), db.write() as session:
        queue.submit(session, 99, "x")
