"""Step review without a browser: what each way of reviewing stores, what a blind item hides, and what is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from app.state import AppState
from core.types import Critique, QueueKind, RiskEstimate, Role, StepLabel, Verdict, Vote
from store import drafts, judgements, projects, queue
from store.tables import Assignment, Correction, Job, Review
from tests.app.pages.conftest import Desk, rows
from tests.browser import seeding

pytestmark = pytest.mark.usefixtures("job_tables")
ALL = [[0, 1], [1, 0], [2, 1], [3, 1]]


def ratings(*pairs: list[int]) -> dict[str, Any]:
    return {"protocol": "per_step", "ratings": {str(step): rating for step, rating in pairs}}


def opened(desk: Callable[..., Desk], query: str = "") -> Desk:
    bob = desk()
    bob.open(query)
    return bob


def body(bob: Desk) -> dict[str, Any]:
    """The draft that the page got, as its script reads it."""
    import json

    found = re.search(r'data-draft="([^"]*)"', bob.shown["composer"])
    assert found
    read: dict[str, Any] = json.loads(html.unescape(found[1]))["body"]
    return read


# --- ways of review


def test_the_page_starts_as_the_project_says(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, settings={"step_protocol": "bisect"})
    assert 'data-protocol="bisect"' in opened(desk).shown["composer"]


def test_first_error_accepts_before_and_says_nothing_after(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    opened(desk).act("submit", {"first_wrong_step": 1, "fine": [0, 3]})
    (made,) = rows(state, Review)
    assert (made.protocol, made.step_labels, made.first_wrong_step) == ("first_error", [1, -1, None, None], 1)


def test_halving_is_kept_as_the_way_it_was(state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    opened(desk).act("submit", {"protocol": "bisect", "answers": [True, False], "first_wrong_step": 2})
    (made,) = rows(state, Review)
    assert (made.protocol, made.step_labels) == ("bisect", [1, 1, -1, None])


def test_neutral_goes_through_draft_submit_and_reopening(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    form = {**ratings([0, 1], [1, 0], [2, -1], [3, 0]), "output": bob.output}
    with state.db.write() as session:
        from app.view.review_form import ReviewForm

        sent = ReviewForm.model_validate(form).model_dump(mode="json")
        drafts.save(session, bob.assignment, bob.person.id, sent, 1)
    bob.open()
    assert {int(step): rating for step, rating in body(bob)["ratings"].items()} == {0: 1, 1: 0, 2: -1, 3: 0}
    bob.act("submit", form)
    (made,) = rows(state, Review)
    assert (made.verdict, made.protocol, made.step_labels) == ("faulty", "per_step", [1, 0, -1, 0])
    assert made.first_wrong_step == 2, "the first step rated wrong"
    bob.act("undo")
    again = body(bob)
    assert {int(step): rating for step, rating in again["ratings"].items()} == {0: 1, 1: 0, 2: -1, 3: 0}
    bob.act("submit", {**again, "ratings": {**again["ratings"], "2": 0}})
    assert [one.step_labels for one in rows(state, Review)] == [[1, 0, -1, 0], [1, 0, 0, 0]]
    assert rows(state, Review)[1].verdict == "acceptable"


def test_every_step_rated_and_none_wrong_is_acceptable(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    bob.act("submit", ratings(*ALL[:3]))
    assert bob.outcome == "refused" and "Step 4 is not rated yet" in bob.says
    bob.act("submit", ratings(*ALL))
    (made,) = rows(state, Review)
    assert (made.verdict, made.step_labels) == ("acceptable", [1, 0, 1, 1])


def test_accepting_fills_what_was_not_rated_and_keeps_what_was(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    bob.act("accept", ratings([0, 0], [1, -1]))
    assert bob.outcome == "refused"
    bob.act("accept", ratings([0, 0]))
    assert [one.step_labels for one in rows(state, Review)] == [[0, 1, 1, 1]]


@pytest.mark.parametrize("step", [4, 9_999])
def test_a_rating_of_no_step_is_refused(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, step: int
) -> None:
    bob = opened(desk)
    bob.act("submit", ratings([0, -1], [step, 1]))
    bob.act("submit", {"first_wrong_step": 0, "alternatives": [[step, "b", None]]})
    assert bob.outcome == "refused" and rows(state, Review) == []


# --- the final answer, and not judging


def test_a_right_answer_by_a_wrong_step(state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded) -> None:
    bob = opened(desk)
    bob.act("submit", {"answer_right": True})
    assert "Mark the step that is wrong" in bob.says
    bob.act("submit", {"answer_right": True, "first_wrong_step": 2})
    (made,) = rows(state, Review)
    assert (made.verdict, made.answer_right, made.first_wrong_step) == ("faulty", True, 2)
    bob.act("undo")
    assert body(bob)["answer_right"] is True


def test_a_wrong_answer_without_a_step_is_a_judgement(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    bob.act("accept", {"answer_right": False})
    assert bob.outcome == "refused"
    bob.act("submit", {"answer_right": False})
    (made,) = rows(state, Review)
    assert (made.verdict, made.answer_right, made.first_wrong_step) == ("faulty", False, None)


def test_cannot_judge_needs_nothing_and_is_no_verdict(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    first = bob.assignment
    bob.act("cannot_judge")
    assert bob.outcome == "submitted" and "cannot judge" in bob.says and bob.assignment != first
    (made,) = rows(state, Review)
    assert (made.verdict, made.step_labels, made.first_wrong_step, made.answer_right) == (
        "cannot_judge",
        [],
        None,
        None,
    )
    assert rows(state, Correction) == [] and rows(state, Job) == []


@pytest.mark.parametrize(
    "form",
    [
        {"text": "hm"},
        {"first_wrong_step": 1},
        {"answer_right": True},
        {"fine": [0]},
        ratings([0, 0]),
        {"alternatives": [[0, "b", None]]},
    ],
)
def test_cannot_judge_throws_nothing_away(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, form: dict[str, Any]
) -> None:
    bob = opened(desk)
    bob.act("cannot_judge", form)
    assert bob.outcome == "refused" and rows(state, Review) == []


# --- alternatives


def test_alternatives_are_stored_and_shown_again(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    said = [[2, "20 - 17 = 3, so 3 dollars.", 1], [0, "4 pens are 12 dollars.", None], [1, "   ", None]]
    bob.act("submit", {"alternatives": said})
    assert bob.outcome == "refused", "another wording alone says nothing of the answer"
    bob.act("submit", {"alternatives": said, "first_wrong_step": 2})
    (made,) = rows(state, Review)
    assert made.alternatives == [[0, "4 pens are 12 dollars.", None], [2, "20 - 17 = 3, so 3 dollars.", 1]]
    bob.act("undo")
    assert body(bob)["alternatives"] == made.alternatives


def test_an_accepted_answer_may_have_alternatives(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    opened(desk).act("accept", {"alternatives": [[1, "12 + 5 = 17", 1]]})
    (made,) = rows(state, Review)
    assert (made.verdict, made.alternatives) == ("acceptable", [[1, "12 + 5 = 17", 1]])


def test_alternatives_of_a_lost_or_skipped_item_are_kept(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, clock: Any
) -> None:
    bob, eve = desk("bob"), desk("eve")
    bob.open()
    clock.forward(3600)
    eve.open()
    bob.act("submit", {"first_wrong_step": 2, "alternatives": [[2, "typed in vain", 1]]})
    assert bob.outcome == "lost" and "Instead of step 3: typed in vain" in bob.shown["kept"]
    with state.db.write() as session:
        drafts.save(session, eve.assignment, eve.person.id, {"alternatives": [[0, "half a thought", None]]}, 3)
    eve.act("skip", {"alternatives": [[0, "half a thought", None]]}, reason="too hard")
    assert "Instead of step 1: half a thought" in eve.shown["kept"]


# --- the critics' finding


def test_the_surest_finding_is_offered_and_who_was_taken_is_stored(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    bob = opened(desk)
    answer = bob.shown["answer"]
    assert "Critics: step 3, calculation error." in answer and 'data-source="arithmetic"' in answer
    assert 'data-explanation="20 - 17 is 3, not 4."' in answer
    bob.act("submit", {"first_wrong_step": 2, "error_type": "calculation_error", "took": "arithmetic"})
    (made,) = rows(state, Review)
    assert (made.shown["took"], made.shown["finding"]) == ("arithmetic", [2, "calculation_error"])


def test_a_critic_that_only_knows_how_likely_lends_no_words(state: AppState, desk: Callable[..., Desk]) -> None:
    made = seeding.project(state.db, analysed=False)
    guess = Critique(2, "step_head", StepLabel.WRONG, "Looks like the first wrong step (86% from its context).", 0.97)
    reason = Critique(2, "arithmetic", StepLabel.WRONG, "20 - 17 is 3, not 4.", 0.9, "calculation_error")
    bob = desk()
    for critiques, source, words in (([guess], "step_head", ""), ([guess, reason], "arithmetic", reason.explanation)):
        with state.db.write() as session:
            judgements.save(session, made.output_ids[0], votes=(), critiques=critiques, risk=seeding.RISK)
        bob.open("")
        answer = bob.shown["answer"]
        assert f'data-source="{source}"' in answer and f'data-explanation="{words}"' in answer


@pytest.mark.parametrize("form", [{"first_wrong_step": 1, "took": "arithmetic"}, {"first_wrong_step": 2, "took": "me"}])
def test_nobody_took_what_was_not_there(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded, form: dict[str, Any]
) -> None:
    opened(desk).act("submit", form)
    (made,) = rows(state, Review)
    assert "took" not in made.shown


def test_critics_that_name_no_step_offer_nothing(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, analysed=False)
    bob = opened(desk)
    assert "rv-finding" not in bob.shown["answer"]
    bob.act("accept")
    assert rows(state, Review)[0].shown["finding"] is None


def test_a_critique_of_a_step_that_is_not_there_offers_nothing(state: AppState, desk: Callable[..., Desk]) -> None:
    made = seeding.project(state.db, analysed=False)
    with state.db.write() as session:
        critiques = [Critique(40, "arithmetic", StepLabel.WRONG, "no", 0.9)]
        judgements.save(session, made.output_ids[0], votes=(), critiques=critiques, risk=seeding.RISK)
    assert "rv-finding" not in opened(desk).shown["answer"]


def test_kinds_of_error_of_the_project_are_offered_and_kept(state: AppState, desk: Callable[..., Desk]) -> None:
    own = [{"key": "wrong_tone", "title": "Wrong tone", "definition": "The step is rude."}]
    made = seeding.project(state.db, settings={"error_types": own})
    with state.db.write() as session:
        critiques = [Critique(1, "tone", StepLabel.WRONG, "Rude.", 0.9, "wrong_tone")]
        judgements.save(session, made.output_ids[0], votes=(), critiques=critiques, risk=seeding.RISK)
    bob = opened(desk)
    assert '<option value="wrong_tone" title="The step is rude.">Wrong tone</option>' in bob.shown["composer"]
    assert "tone · Wrong tone" in bob.shown["answer"] and 'data-error="wrong_tone"' in bob.shown["answer"]
    bob.act("submit", {"first_wrong_step": 1, "text": "Rude.", "error_type": "wrong_tone"})
    assert rows(state, Review)[0].error_type == rows(state, Correction)[0].error_type == "wrong_tone"


# --- blind items

JUDGED = (
    "risk 7",
    "72 %",
    "arithmetic",
    "model_steps",
    "model steps",
    "polar",
    "20 - 17 is 3",
    "agree",
    "critics:",
    "rv-why",
)
HEAT = {"heat": [0.1, 0.1, 0.7, 0.1], "similar": []}


@pytest.fixture
def hidden(state: AppState) -> seeding.Seeded:
    made = seeding.project(state.db, [seeding.ANSWER] * 2, settings={"blind_share": 1.0})
    with state.db.write() as session:
        risk = RiskEstimate(0.72, "polar", "v1", True, 64, 0.55, 0.86, (("arithmetic", 1.31),), 0.8, HEAT)
        for output in made.output_ids:
            judgements.save(session, output, votes=seeding.VOTES, critiques=seeding.CRITIQUES, risk=risk)
    return made


def everything(bob: Desk) -> str:
    return html.unescape("".join(part for part in bob.shown.values() if isinstance(part, str))).casefold()


def test_a_blind_item_says_so_and_shows_no_machines_word(desk: Callable[..., Desk], hidden: seeding.Seeded) -> None:
    bob = opened(desk)
    bob.act("similar")
    page = everything(bob)
    assert "reviewed blind." in page and "re-ask" not in page and "look here" not in page and "rv-heat" not in page
    assert [word for word in JUDGED if word in page] == []
    assert 'class="rv-critique' not in page and "20 - 17 = 4 dollars back" in page, "the answer itself stays"


def test_without_blind_items_the_same_page_shows_all_of_it(
    state: AppState, desk: Callable[..., Desk], hidden: seeding.Seeded
) -> None:
    with state.db.write() as session:
        settings = projects.get(session, hidden.project_id).settings
        projects.update(session, hidden.project_id, user_id=None, settings={**settings, "blind_share": 0.0})
    page = everything(opened(desk))
    assert [word for word in JUDGED if word not in page] == ["model_steps"] and "reviewed blind" not in page
    assert "re-ask" in page and "look here" in page


def test_a_blind_review_records_what_stood_there(
    state: AppState, desk: Callable[..., Desk], hidden: seeding.Seeded
) -> None:
    bob = opened(desk)
    bob.act("submit", {"first_wrong_step": 2, "took": "arithmetic"})
    (made,) = rows(state, Review)
    assert made.blind and made.shown["risk"]["value"] == pytest.approx(0.72)
    assert ["arithmetic", 2, -1] in made.shown["critiques"] and made.shown["finding"] == [2, "calculation_error"]
    assert "took" not in made.shown, "nobody can take what nobody sees"
    bob.act("undo")
    assert "reviewed blind." in everything(bob), "a blind review is reopened blind"


def test_no_action_of_a_blind_item_tells_its_risk(
    state: AppState, desk: Callable[..., Desk], hidden: seeding.Seeded, live_worker: None
) -> None:
    bob = opened(desk)
    bob.act("reask")
    assert "reviewed blind" in bob.says and rows(state, Job) == []
    assert not bob.watch.busy, "the page does not wait for a risk that it may not show"
    bob.act("retry", {"text": "20 - 17 is 3.", "first_wrong_step": 2})
    bob.look()
    assert [word for word in JUDGED[:3] if word in everything(bob)] == []


def test_a_blind_label_item_hides_how_sure_the_model_is(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, ["spam"], labels=("spam", "ham"), prompts=["WIN"], settings={"blind_share": 1.0})
    answer = opened(desk).shown["answer"]
    assert "rv-label-chosen" in answer and "%" not in answer


def test_experts_are_told_why_a_program_queued_it(
    state: AppState, desk: Callable[..., Desk], seeded: seeding.Seeded
) -> None:
    with state.db.write() as session:
        expert = projects.queue_of(session, seeded.project_id, QueueKind.EXPERT)
        reason = "Critics <disagree>: step 2 or step 3."
        session.add(
            Assignment(
                queue_id=expert.id, item_id=seeded.item_ids[1], output_id=seeded.output_ids[1], slot=0, reason=reason
            )
        )
    eve = desk("eve", Role.EXPERT)
    eve.open("queue=expert")
    assert eve.output == seeded.output_ids[1]
    assert "Here because:" in eve.shown["item"] and "Critics &lt;disagree&gt;: step 2 or step 3." in eve.shown["item"]
    bob = opened(desk)
    assert "Here because:" not in bob.shown["item"]


def test_a_vote_of_another_person_is_hidden_as_well(
    state: AppState, desk: Callable[..., Desk], hidden: seeding.Seeded
) -> None:
    with state.db.write() as session:
        votes = [Vote("annotators", Verdict.FAULTY, evidence="1 of 1 people: faulty")]
        judgements.save(session, hidden.output_ids[0], votes=votes)
        assert queue.counts(session, hidden.project_id)["open"] == 2
    assert "1 of 1 people" not in everything(opened(desk))
