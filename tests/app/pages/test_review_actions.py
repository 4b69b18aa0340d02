"""The review page's handlers on both databases: what each action stores, refuses and shows next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.pages.review_reply import Watch
from app.state import AppState
from core.types import LessonDraft, LessonKind, QueueKind, Role
from store import drafts, jobs, judgements, lessons, outputs, projects, queue, workers
from store.tables import Assignment, AuditEvent, Correction, Decline, Job, Lesson, Retrieval, Review
from tests.app.pages.conftest import Desk, rows
from tests.browser import seeding


def test_the_most_urgent_answer_is_shown_with_steps_from_one(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    shown = bob.open()
    assert bob.output == seeded.output_ids[0]
    assert '<span class="visually-hidden">Step </span>1<span' in shown["answer"]
    assert 'id="rv-step-0"' in shown["answer"]
    assert "uncalibrated (4 of 30 reviews)" in shown["answer"]
    assert "20 - 17 = 4 should be 3" in shown["answer"]
    assert "+1.31" in shown["answer"]


def test_a_rewrite_is_decided_on_change_by_change(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    """What the composer holds for it; the browser fills it as soon as the rewrite differs from the answer."""
    composer = desk().open()["composer"]
    assert '<div class="rv-changes" id="rv-changes" hidden>' in composer
    assert 'id="rv-diff" role="group" aria-label="What your rewrite changes"' in composer
    assert '<input type="range" id="rv-limit" min="0" max="100" step="5" value="100"' in composer
    assert '<label for="rv-limit">' in composer and '<output id="rv-limit-says" for="rv-limit">' in composer


@pytest.mark.usefixtures("job_tables")
def test_submit_stores_review_and_correction_and_shows_the_next(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open()
    rewrite = seeding.ANSWER.replace("= 4 dollars", "= 3 dollars")
    form = {
        "text": " 20 - 17 is 3. ",
        "first_wrong_step": 2,
        "error_type": "calculation_error",
        "rewrite": rewrite,
        "scope": "skill",
        "dependency": "last",
        "seconds": 12.5,
    }
    bob.act("submit", form)
    (made,), (correction,) = rows(state, Review), rows(state, Correction)
    assert (made.verdict, made.first_wrong_step, made.step_labels, made.seconds) == (
        "faulty",
        2,
        [1, 1, -1, None],
        12.5,
    )
    assert made.shown["risk"]["value"] == pytest.approx(0.72)
    assert (correction.text, correction.step_index, correction.error_type) == ("20 - 17 is 3.", 2, "calculation_error")
    assert correction.rewrite == rewrite
    assert len(correction.edits) == 1
    assert bob.outcome == "submitted"
    assert bob.output == seeded.output_ids[1]
    (job,) = rows(state, Job)
    assert (job.kind, job.payload["item_id"]) == ("distil", seeded.item_ids[0])


def test_accept_says_that_every_step_is_right(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open()
    bob.act("accept")
    (made,) = rows(state, Review)
    assert (made.verdict, made.first_wrong_step, made.step_labels) == ("acceptable", None, [1, 1, 1, 1])
    assert rows(state, Job) == []


@pytest.mark.parametrize(
    "form", [{"text": "wrong"}, {"first_wrong_step": 1}, {"rewrite": "Answer: 3"}], ids=["words", "mark", "rewrite"]
)
def test_accepting_over_a_correction_is_refused_and_loses_nothing(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, form: dict[str, Any]
) -> None:
    bob = desk()
    bob.open()
    reply = bob.act("accept", form)
    assert bob.outcome == "refused"
    assert "composer" not in reply
    assert rows(state, Review) == []


def test_submitting_nothing_says_what_to_do(state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open()
    reply = bob.act("submit", {"rewrite": seeding.ANSWER, "fine": [0, 1]})
    assert "Mark the first bad step" in bob.says
    assert 'data-field="rv-text"' in reply["notice"]
    assert rows(state, Review) == []


def test_marks_of_another_attempt_are_refused(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open()
    bob.act("submit", {"output": seeded.output_ids[1], "first_wrong_step": 0, "text": "no"})
    assert "A new attempt has arrived" in bob.says
    assert rows(state, Review) == []


def test_a_stale_token_keeps_the_text_as_a_draft(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, clock: Any
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    clock.forward(3600)
    eve.open()
    assert eve.assignment == bob.assignment
    bob.act("submit", {"text": "typed for an hour", "first_wrong_step": 2})
    assert bob.outcome == "lost"
    assert "Kept drafts" in bob.says
    assert "typed for an hour" in bob.shown["kept"]
    assert rows(state, Review) == []
    bob.act("open")
    assert bob.assignment != eve.assignment
    bob.act("discard", draft=eve.assignment)
    assert bob.shown["kept"] == ""


def test_ids_from_the_browser_do_not_reach_another_persons_item(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    eve.open()
    stolen = {"assignment": bob.assignment, "output": bob.output, "token": bob.token}
    for action in ("submit", "accept", "skip", "flag", "retry", "vote", "undo", "distil"):
        eve.act(action, {"text": "stolen"} if action != "accept" else {}, reason="mine", **stolen)
        assert eve.outcome in ("refused", "lost"), action
    guessed = {"assignment": bob.assignment, "output": bob.output, "token": "x"}
    for action in ("submit", "skip", "flag", "retry"):
        eve.act(action, {"text": "guessed"}, reason="mine", **guessed)
        assert eve.outcome in ("refused", "lost"), action
    assert rows(state, Review) == [] and rows(state, Correction) == [] and rows(state, Decline) == []
    bob.act("accept")
    assert bob.outcome == "submitted"


def test_skip_needs_a_reason_and_gives_the_item_to_others(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    first = bob.assignment
    bob.act("skip", reason="  ")
    assert bob.outcome == "refused" and bob.assignment == first
    bob.act("skip", reason="I know the author")
    assert bob.outcome == "left" and bob.assignment != first
    eve.open()
    assert eve.assignment == first
    (decline,) = rows(state, Decline)
    assert decline.reason == "I know the author"


def test_typed_text_of_a_skipped_item_is_kept(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open()
    with state.db.write() as session:
        drafts.save(session, bob.assignment, bob.person.id, {"text": "half a thought"}, 3)
    bob.act("skip", {"text": "half a thought"}, reason="too hard")
    assert "half a thought" in bob.shown["kept"]


def test_a_flag_reaches_the_experts_with_its_reason(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob, eve = desk("bob"), desk("eve", Role.EXPERT)
    bob.open()
    first = bob.output
    bob.act("flag", reason="Is a pen a notebook?")
    assert bob.outcome == "left"
    eve.open("queue=expert")
    assert eve.output == first
    assert "Is a pen a notebook?" in eve.shown["item"]


def test_annotators_do_not_get_the_expert_queue(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    shown = bob.open("queue=expert")
    assert "for experts" in shown["answer"]
    assert bob.assignment == 0


@pytest.mark.usefixtures("job_tables")
def test_undo_reopens_with_what_was_submitted_and_saves_a_revision(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    bob.open()
    first = bob.assignment
    bob.act("submit", {"text": "20 - 17 is 3.", "first_wrong_step": 2})
    second = bob.assignment
    bob.act("undo")
    assert bob.assignment == first
    assert "20 - 17 is 3." in bob.shown["composer"]
    assert "new revision" in bob.shown["composer"]
    bob.act("submit", {"text": "20 - 17 is 3, so she gets 3.", "first_wrong_step": 2})
    assert [made.revision for made in rows(state, Review)] == [1, 2]
    old, new = rows(state, Correction)
    assert new.replaces_id == old.id
    assert bob.assignment == second, "the item that was put back comes next"


def test_undo_without_a_review_says_so(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open()
    first = bob.assignment
    bob.act("undo")
    assert bob.outcome == "refused" and bob.assignment == first


def test_chips_can_be_voted_on_once_each_way(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    seeding.lesson_in_prompt(state.db, seeded, seeded.output_ids[0], bob.person.id, "Recompute each difference.")
    shown = bob.open()
    assert "Recompute each difference." in shown["chips"]
    (retrieval,) = rows(state, Retrieval)
    bob.act("vote", retrieval=retrieval.id, vote="used")
    assert 'data-vote="used" aria-pressed="true"' in bob.shown["chips"]
    assert rows(state, Lesson)[0].used == 1
    bob.act("vote", retrieval=retrieval.id, vote=None)
    assert rows(state, Lesson)[0].used == 0
    bob.act("vote", retrieval=retrieval.id + 1, vote="used")
    assert bob.outcome == "refused"


def test_a_retracted_lesson_says_so_on_its_chip(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = desk()
    lesson = seeding.lesson_in_prompt(state.db, seeded, seeded.output_ids[0], bob.person.id, "Recompute.")
    with state.db.write() as session:
        lessons.retract(session, lesson, bob.person.id, "wrong")
    assert "retracted since" in bob.open()["chips"]


@pytest.mark.usefixtures("job_tables")
def test_retry_stores_the_correction_and_follows_the_job(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, live_worker: None
) -> None:
    bob = desk()
    bob.open()
    bob.act("retry", {"first_wrong_step": 2})
    assert "Say what is wrong first" in bob.says
    bob.act("retry", {"text": "20 - 17 is 3.", "first_wrong_step": 2})
    assert bob.outcome == "stored"
    assert "trying again" in bob.shown["attempt"]
    assert bob.watch.busy
    (job,), (correction,) = rows(state, Job), rows(state, Correction)
    assert job.payload == {"output_id": bob.output, "correction_id": correction.id}
    assert job.priority == 1
    bob.act("retry", {"text": "again"})
    assert "still working" in bob.says and len(rows(state, Correction)) == 1
    text = seeding.ANSWER.replace("4 dollars back", "3 dollars back")
    with state.db.write() as session:
        new = outputs.NewOutput(
            seeded.item_ids[0],
            text,
            "m",
            parent_id=bob.output,
            correction_id=correction.id,
            steps=seeding.steps.split(text),
        )
        made = outputs.add(session, new).id
        jobs.start(session, job.id, "w1")
        jobs.finish(session, job.id, {"output_id": made})
    bob.look()
    assert bob.output == made
    assert "attempt 2 ·" in bob.shown["answer"]
    assert "<del>4</del>" in bob.shown["answer"] and "<ins>3</ins>" in bob.shown["answer"]
    assert "20 - 17 is 3." in bob.shown["answer"]
    assert "Risk not known yet." in bob.shown["answer"] and bob.watch.judging == made
    with state.db.write() as session:
        judgements.save(session, made, votes=(), critiques=(), risk=seeding.RISK)
    bob.look()
    assert "Risk 72 %" in bob.shown["answer"] and not bob.watch.busy
    bob.act("accept")
    (made_review,) = rows(state, Review)
    assert (made_review.output_id, made_review.verdict) == (made, "acceptable")
    assert {job.kind for job in rows(state, Job)} == {"retry", "distil"}


@pytest.mark.usefixtures("job_tables")
def test_without_a_worker_the_page_says_since_when_and_stays_usable(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, clock: Any
) -> None:
    with state.db.write() as session:
        workers.beat(session, "w1", host="here", pid=1, url=None)
    clock.forward(600)
    bob = desk()
    bob.open()
    bob.act("retry", {"text": "20 - 17 is 3."})
    assert "No worker since 10 min ago." in bob.shown["attempt"]
    bob.act("similar")
    assert "No worker since 10 min ago." in bob.shown["similar"]
    bob.act("submit", {"text": "so be it"})
    assert bob.outcome == "submitted"


@pytest.mark.usefixtures("job_tables")
def test_a_failed_retry_says_why(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, live_worker: None
) -> None:
    bob = desk()
    bob.open()
    bob.act("retry", {"text": "20 - 17 is 3."})
    (job,) = rows(state, Job)
    with state.db.write() as session:
        jobs.start(session, job.id, "w1")
        jobs.fail(session, job.id, "The model server is away.", retry=False)
    bob.look()
    assert "The model server is away." in bob.shown["attempt"]
    assert not bob.watch.busy
    bob.act("retry", {"text": "20 - 17 is 3, please."})
    assert bob.outcome == "stored"


@pytest.mark.usefixtures("job_tables")
def test_a_reload_follows_the_retry_that_still_runs(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, live_worker: None
) -> None:
    bob = desk()
    bob.open()
    bob.act("retry", {"text": "20 - 17 is 3."})
    bob.watch = Watch()
    shown = bob.open()
    assert "trying again" in shown["attempt"] and bob.watch.retry_job is not None


@pytest.fixture
def distilled(state: AppState, seeded: seeding.Seeded, live_worker: None) -> Callable[[Desk], tuple[int, int]]:
    def make(person: Desk) -> tuple[int, int]:
        person.open()
        person.act("submit", {"text": "20 - 17 is 3.", "first_wrong_step": 2})
        job, correction = rows(state, Job)[-1], rows(state, Correction)[-1]
        found = [
            LessonDraft(LessonKind.RULE, "Recompute differences.", "change from a note", (correction.id,)),
            LessonDraft(LessonKind.MISSING_STEP, "Check by adding.", "money", (correction.id,)),
        ]
        with state.db.write() as session:
            ids = lessons.propose(session, seeded.project_id, found, author_id=person.person.id)
            jobs.start(session, job.id, "w1")
            jobs.finish(session, job.id, {"lesson_ids": ids})
        person.look()
        return ids[0], ids[1]

    return make


@pytest.mark.usefixtures("job_tables")
def test_an_expert_decides_each_lesson_in_their_own_words(
    state: AppState, desk: Callable[..., Desk], distilled: Callable[[Desk], tuple[int, int]]
) -> None:
    eve = desk("eve", Role.EXPERT)
    first, second = distilled(eve)
    assert "Recompute differences." in eve.shown["lessons"]
    eve.act("lesson", lesson=first, decision="accept", text="Always recompute.", applicability="change", kind="rule")
    eve.act("lesson", lesson=second, decision="reject")
    kept, turned_down = rows(state, Lesson)
    assert (kept.status, kept.text, kept.applicability) == ("active", "Always recompute.", "change")
    assert turned_down.status == "rejected"
    assert "embed" in {job.kind for job in rows(state, Job)}
    eve.act("lesson", lesson=second, decision="accept", text="x", applicability="y")
    assert eve.outcome == "refused" and rows(state, Lesson)[1].status == "rejected"
    eve.act("close-lessons")
    assert eve.shown["lessons"] == ""


@pytest.mark.usefixtures("job_tables")
def test_an_annotators_acceptance_waits_for_an_expert(
    state: AppState, desk: Callable[..., Desk], distilled: Callable[[Desk], tuple[int, int]]
) -> None:
    bob = desk()
    first, second = distilled(bob)
    bob.act("lesson", lesson=first, decision="accept", text="Always recompute.", applicability="change")
    bob.act("lesson", lesson=second, decision="reject")
    assert {one.status for one in rows(state, Lesson)} == {"proposed"}
    assert rows(state, Lesson)[0].text == "Always recompute."
    assert bob.shown["lessons"].count("waits for an expert") == 2
    assert {"lesson.endorse", "lesson.object"} <= {event.action for event in rows(state, AuditEvent)}
    assert "embed" not in {job.kind for job in rows(state, Job)}


@pytest.mark.usefixtures("job_tables")
def test_lessons_that_are_not_on_the_card_cannot_be_decided(
    state: AppState, desk: Callable[..., Desk], distilled: Callable[[Desk], tuple[int, int]]
) -> None:
    eve, mallory = desk("eve", Role.EXPERT), desk("mallory", Role.EXPERT)
    first, _ = distilled(eve)
    mallory.open()
    mallory.act("lesson", lesson=first, decision="accept", text="x", applicability="y")
    assert mallory.outcome == "refused" and rows(state, Lesson)[0].status == "proposed"


def test_done_without_corrections_says_what_gives_lessons(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open()
    bob.act("distil")
    assert "nothing to learn from yet" in bob.says


@pytest.mark.usefixtures("job_tables")
def test_label_items_take_the_right_label(state: AppState, desk: Callable[..., Desk]) -> None:
    made = seeding.project(state.db, ["spam", "spam"], slug="sms", prompts=["a", "b"], labels=("spam", "ham"))
    bob = desk()
    shown = bob.open()
    assert "What the model says of each label" in shown["answer"] and "62 %" in shown["answer"]
    assert "rv-changes" not in shown["composer"]  # there is no text of which to change a part
    bob.act("submit", {"label": "ham"})
    bob.act("submit", {"label": "spam"})
    wrong, right = rows(state, Review)
    assert (wrong.verdict, right.verdict) == ("faulty", "acceptable")
    (correction,) = rows(state, Correction)
    assert (correction.text, correction.rewrite) == ("", "ham")
    assert len(made.output_ids) == 2


def test_an_empty_queue_says_why(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, [seeding.ANSWER])
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    assert "1 with somebody else right now" in eve.open()["answer"]
    bob.act("accept")
    assert "1 reviewed" in bob.shown["answer"] and "Reopen my last review" in bob.shown["answer"]


def test_no_project_and_unknown_project_say_what_to_do(state: AppState, desk: Callable[..., Desk]) -> None:
    bob = desk()
    assert "no project yet" in bob.open()["answer"]
    seeding.project(state.db, [seeding.ANSWER])
    assert "no such project" in bob.open("project=other")["answer"]


def test_too_long_a_text_is_a_clear_message(state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open()
    bob.act("submit", {"text": "x" * 20_001})
    assert bob.outcome == "refused" and "your draft is kept" in bob.says


def test_unknown_actions_are_refused(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = desk()
    bob.open()
    bob.act("drop everything")
    assert bob.outcome == "refused"


def test_the_first_project_with_work_is_chosen(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, [], slug="a-empty")
    made = seeding.project(state.db, [seeding.ANSWER], slug="b-full")
    bob = desk()
    bob.open()
    assert bob.output == made.output_ids[0]
    with state.db.read() as session:
        assert queue.counts(session, made.project_id)["claimed"] == 1
        assert projects.queue_of(session, made.project_id, QueueKind.ANNOTATE)
        assert session.get_one(Assignment, bob.assignment).holder_id == bob.person.id


@pytest.mark.usefixtures("job_tables")
def test_leaving_an_item_cancels_the_retry_nobody_waits_for(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, live_worker: None
) -> None:
    bob = desk()
    bob.open()
    bob.act("retry", {"text": "20 - 17 is 3."})
    bob.act("accept")
    assert bob.outcome == "submitted"
    assert {job.kind: job.state for job in rows(state, Job)} == {"retry": "cancelled", "distil": "queued"}


def test_experts_see_what_was_flagged(desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob, eve = desk("bob"), desk("eve", Role.EXPERT)
    bob.open()
    bob.act("flag", reason="Is a pen a notebook?")
    assert "1 item flagged for an expert" in eve.open()["item"]
    assert "flagged for an expert" not in bob.open()["item"]


def test_a_database_that_fails_is_a_message_and_loses_nothing(
    desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    """Without the job engine's table the submit cannot be finished: all of it is taken back."""
    bob = desk()
    bob.open()
    with bob.state.db.engine.begin() as connection:
        there = "dbos.workflow_status CASCADE" if connection.dialect.name == "postgresql" else "workflow_status"
        connection.execute(text(f"DROP TABLE {there}"))
    reply = bob.act("submit", {"text": "20 - 17 is 3."})
    assert "Nothing is lost" in bob.says and "composer" not in reply
    assert rows(bob.state, Review) == [] and rows(bob.state, Correction) == []
    bob.act("accept")
    assert bob.outcome == "submitted"
