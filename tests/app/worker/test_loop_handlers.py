"""Generate, analyse, retry and fit_risk through the runner, with a model and an encoder that cost nothing."""

from __future__ import annotations

import math

import pytest
from sqlalchemy import func, select

from app.worker.handlers.retry import tokens_of_end
from core.generators.base import GenerationRequest
from core.signals.rules import RuleSpec
from core.types import JobPriority, JobState, LessonKind, QueueKind, TokenLogprob, Verdict
from store import judgements, outputs, queue, reviews, risk_models, rules
from store.tables import Assignment, Job, Rollout
from tests.app.worker.fakes import FakeGenerator
from tests.app.worker.loop import QUIET, Loop


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough here; ``test_loop_on_both`` walks the whole way on each."""
    return sqlite_url


# --- generate


def test_answers_are_kept_with_prompt_tokens_and_steps_and_queued_with_a_risk(loop: Loop) -> None:
    ids = loop.project(3)
    job = loop.run("generate", {"item_ids": ids})
    assert (job.state, job.result) == (JobState.DONE, {"outputs": 3, "errors": [], "error_count": 0}), job.error
    made = loop.all_outputs()
    assert [output.item_id for output in made] == ids
    assert all(output.model == "transformers:smollm2-135m-instruct" for output in made)
    assert made[0].messages[-1] == ["user", "What is 3 + 4, time 0?"] and made[0].mean_logprob == -0.25
    with loop.db.read() as session:
        for output in made:
            assert len(outputs.get(session, output.id).steps) == 2
            assert judgements.risk(session, output.id) is not None
        assert {s.output_id for s in session.scalars(select(Assignment))} == {o.id for o in made}
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "analyse")) == 1


def test_one_prompt_that_is_too_long_costs_one_item(loop: Loop) -> None:
    ids = loop.project(0, prompts=["a", "this is too long", "b"])
    job = loop.run("generate", {"item_ids": ids})
    assert job.state == JobState.DONE and job.result["outputs"] == 2
    assert job.result["errors"] == [{"item_id": ids[1], "error": "The prompt is too long. Shorten the item."}]
    with loop.db.read() as session:
        assert queue.why_empty(session, loop.project_id, loop.user, QueueKind.ANNOTATE) is not None


def test_a_job_of_which_nothing_came_fails_and_says_why(loop: Loop) -> None:
    job = loop.run("generate", {"item_ids": loop.project(0, prompts=["this is too long"])})
    assert (job.state, job.error) == (JobState.FAILED, "The prompt is too long. Shorten the item.")


def test_items_that_are_gone_are_reported(loop: Loop) -> None:
    ids = loop.project(1)
    job = loop.run("generate", {"item_ids": [*ids, 999_999]})
    assert job.result["outputs"] == 1 and "999999" in job.result["errors"][0]["error"]


def test_lessons_that_apply_are_in_the_prompt_and_noted_as_used_there(loop: Loop) -> None:
    ids = loop.project(0, prompts=["What is 3 + 4, time 0?", "Write a poem about rain"])
    lesson = loop.lesson("Add from right to left.", "What is 5 + 4, time one?")
    loop.run("generate", {"item_ids": ids})
    systems = {r.messages[-1].content: r.messages[0].content for r in loop.fake.requests}
    assert "Add from right to left." in systems["What is 3 + 4, time 0?"]
    assert "Add from right to left." not in systems["Write a poem about rain"]
    first, second = loop.all_outputs()
    with loop.db.read() as session:
        chip = outputs.chips(session, first.id)[0]
        assert (chip.lesson.id, chip.retrieval.slot, chip.retrieval.rank) == (lesson, "rules", 0)
        assert chip.retrieval.lesson_revision == chip.lesson.revision and chip.retrieval.score > 0.3
        assert outputs.chips(session, second.id) == []


def test_a_retracted_lesson_is_in_no_later_prompt(loop: Loop) -> None:
    ids = loop.project(2)
    lesson = loop.lesson("Add from right to left.", "What is 3 + 4?")
    loop.run("generate", {"item_ids": ids[:1]})
    loop.retract(lesson)
    loop.run("generate", {"item_ids": ids[1:]})
    had = ["Add from right to left." in str(request.messages) for request in loop.fake.requests]
    assert had == [True, False]


def test_an_answer_whose_lesson_is_retracted_while_it_is_written_is_asked_again(loop: Loop) -> None:
    ids = loop.project(1)
    lesson = loop.lesson("Add from right to left.", "What is 3 + 4?")

    def retract_once() -> None:
        if not loop.fake.requests:
            loop.retract(lesson)

    loop.fake.before = retract_once
    loop.run("generate", {"item_ids": ids})
    had = ["Add from right to left." in str(request.messages) for request in loop.fake.requests]
    assert had == [True, False]
    (output,) = loop.all_outputs()
    with loop.db.read() as session:
        assert outputs.chips(session, output.id) == []


def test_labels_are_scored_over_the_whole_set(loop: Loop) -> None:
    ids = loop.project(0, item_type="label", labels=["spam", "ham"], prompts=["mmmh ha", "s p a m"])
    loop.run("generate", {"item_ids": ids})
    first, second = loop.all_outputs()
    assert (first.label, second.label) == ("ham", "spam") and not loop.fake.requests
    assert math.isclose(sum(first.label_scores.values()), 1) and first.tokens == []
    assert math.isclose(first.mean_logprob, math.log(first.label_scores["ham"]))
    assert first.finish_reason == "scored" and first.text == "ham"


EXAMPLE = "Question: {prompt}\nAnswer: {label}"


def test_a_label_that_a_person_corrected_holds_for_what_is_like_it_until_it_is_taken_back(loop: Loop) -> None:
    prompts = ["mmmh ha one", "mmmh ha two", "mmmh ha three", "s p a m far away"]
    ids = loop.project(0, item_type="label", labels=["spam", "ham"], prompts=prompts)
    loop.run("generate", {"item_ids": ids[:1]})
    assert loop.all_outputs()[0].label == "ham", "what the model says by itself"
    kind, shown = LessonKind.EXEMPLAR, EXAMPLE.format(prompt=prompts[0], label="Spam")
    lesson = loop.lesson(shown, prompts[1], kind)
    other = loop.lesson(EXAMPLE.format(prompt="no label of ours", label="eggs"), "mmmh ha four", kind)
    loop.run("generate", {"item_ids": [ids[1], ids[3]]})
    near, far = loop.all_outputs()[-2:]
    assert near.label == "spam" and math.isclose(sum(near.label_scores.values()), 1)
    assert far.label == "spam", "it is what the model says of that one"
    with loop.db.read() as session:
        places = {chip.lesson.id: chip.retrieval.slot for chip in outputs.chips(session, near.id)}
    assert places[lesson] in ("exemplars", "memory") and places.get(other) != "memory"
    loop.retract(lesson)
    loop.run("generate", {"item_ids": [ids[2]]})
    assert loop.all_outputs()[-1].label == "ham", "taken back, it is gone from the next answer"


def test_without_scores_a_text_that_is_no_label_is_no_label(loop: Loop) -> None:
    replies = {"x": "Spam.", "y": "It is certainly spam"}
    loop.fake = FakeGenerator(lambda request: replies[request.messages[-1].content], can_score=False)
    loop.run("generate", {"item_ids": loop.project(0, item_type="label", labels=["spam", "ham"], prompts=["x", "y"])})
    assert [(output.text, output.label) for output in loop.all_outputs()] == [
        ("Spam.", "spam"),
        ("It is certainly spam", None),
    ]


# --- analyse


def test_further_answers_are_drawn_once_and_vote(loop: Loop) -> None:
    def reply(request: GenerationRequest) -> str:
        return "3 + 4 = 7.\nAnswer: 7" if request.temperature == 0 else "3 + 4 = 8.\nAnswer: 8"

    loop.fake = FakeGenerator(reply)
    ids = loop.project(2, settings={"generator": {"samples": 3}, "critics": []})
    loop.run("generate", {"item_ids": ids})
    made = loop.all_outputs()
    with loop.db.read() as session:
        drawn = session.scalars(select(Rollout)).all()
        assert len(drawn) == 6 and {(r.answer, r.sampler) for r in drawn} == {("8", made[0].model)}
        assert len({r.seed for r in drawn}) == 6
        vote = next(v for v in judgements.votes(session, made[0].id) if v.source == "agreement")
        assert vote.verdict is Verdict.FAULTY
    loop.run("analyse", {"output_ids": [output.id for output in made]})
    assert sum(request.temperature > 0 for request in loop.fake.requests) == 6
    with loop.db.read() as session:
        assert session.scalar(select(func.count(Rollout.id))) == 6


def test_labels_are_drawn_from_what_the_model_said_without_asking_it_again(loop: Loop) -> None:
    ids = loop.project(
        0,
        item_type="label",
        labels=["spam", "ham"],
        prompts=["mmmh ha"],
        settings={"generator": {"samples": 5}, "critics": []},
    )
    loop.run("generate", {"item_ids": ids})
    with loop.db.read() as session:
        drawn = session.scalars(select(Rollout)).all()
        assert len(drawn) == 5 and {r.text for r in drawn} <= {"spam", "ham"}
    assert not loop.fake.requests


def test_rules_of_the_project_vote_and_a_broken_signal_abstains_in_words(loop: Loop) -> None:
    ids = loop.project(1, settings={**QUIET, "signals": ["arithmetic", "no such signal"]})
    with loop.db.write() as session:
        rule = RuleSpec(name="says seven", options={"pattern": "answer is 7"}, says="faulty", evidence="never seven")
        rules.add(session, loop.project_id, rule, user_id=loop.user)
    loop.run("generate", {"item_ids": ids})
    (output,) = loop.all_outputs()
    with loop.db.read() as session:
        votes = {vote.source: vote for vote in judgements.votes(session, output.id)}
    assert votes["says seven"].verdict is Verdict.FAULTY and "never seven" in votes["says seven"].evidence
    assert votes["no such signal"].abstains and "no such signal" in votes["no such signal"].error
    assert votes["arithmetic"].verdict is Verdict.ACCEPTABLE


def test_critics_that_ask_the_model_are_left_out_where_it_cannot_answer(loop: Loop) -> None:
    loop.fake = FakeGenerator(can_score=False)
    ids = loop.project(1, settings={**QUIET, "critics": ["arithmetic", "model_steps"]})
    job = loop.run("generate", {"item_ids": ids})
    assert job.state == JobState.DONE
    (output,) = loop.all_outputs()
    with loop.db.read() as session:
        assert judgements.risk(session, output.id) is not None
        assert "arithmetic" in {critique.source for critique in judgements.critiques(session, output.id)}


def test_the_riskier_answer_comes_first(loop: Loop) -> None:
    loop.fake = FakeGenerator(
        lambda request: "3 + 4 = 8.\nAnswer: 8" if "time 1" in request.messages[-1].content else "3 + 4 = 7.\nAnswer: 7"
    )
    ids = loop.project(3)
    loop.run("generate", {"item_ids": ids})
    with loop.db.write() as session:
        claim = queue.claim_next(session, loop.user, loop.project_id)
    assert claim is not None and claim.item_id == ids[1]


# --- retry


def test_trying_again_makes_a_child_that_is_judged_at_once(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(1)})
    (first,) = loop.all_outputs()
    loop.fake.reply = lambda request: "Rule: show the sum.\nAnswer: 3 + 4 = 7, so 7."
    job = loop.ask_again(first, "Show the sum.")
    assert job.state == JobState.DONE, job.error
    second = loop.all_outputs()[1]
    assert job.result == {"output_id": second.id, "asked_model": True}
    assert (second.parent_id, second.attempt, second.text) == (first.id, 2, "3 + 4 = 7, so 7.")
    assert second.refiner == "feedback"
    assert "".join(token[0] for token in second.tokens) == "3+4=7,so7."
    assert "Show the sum." in loop.fake.requests[-1].messages[-1].content
    assert loop.bench.runner.texts.get(job.id) == "3 + 4 = 7, so 7."
    with loop.db.read() as session:
        (slot,) = session.scalars(select(Assignment)).all()
        assert slot.output_id == second.id
        follow = session.scalars(select(Job).where(Job.kind == "analyse").order_by(Job.id.desc())).first()
        assert follow.priority == JobPriority.PERSON_WAITING
        assert judgements.risk(session, second.id) is not None


def test_carry_on_asks_no_model_and_keeps_the_text(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(1)})
    (first,) = loop.all_outputs()
    asked = len(loop.fake.requests)
    job = loop.ask_again(first, "Good so far, carry on.", dependency="initial", step_index=0)
    assert len(loop.fake.requests) == asked and job.result["asked_model"] is False
    second = loop.all_outputs()[1]
    assert (second.text, second.tokens, second.finish_reason) == (first.text, first.tokens, "kept")
    assert second.correction_id is not None and second.attempt == 2
    assert second.refiner is None, "no model was asked, so there is nothing to count"


def test_lessons_enter_the_second_prompt_too(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(1)})
    (first,) = loop.all_outputs()
    lesson = loop.lesson("Add from right to left.", "What is 3 + 4?")
    loop.ask_again(first, "Show the sum.")
    assert "Add from right to left." in str(loop.fake.requests[-1].messages)
    with loop.db.read() as session:
        assert [chip.lesson.id for chip in outputs.chips(session, loop.all_outputs()[1].id)] == [lesson]


def test_a_label_is_chosen_again_by_likelihood(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(0, item_type="label", labels=["spam", "ham"], prompts=["mmmh ha"])})
    (first,) = loop.all_outputs()
    job = loop.ask_again(first, "This is spam.")
    second = loop.all_outputs()[1]
    assert job.state == JobState.DONE and second.label in ("spam", "ham") and not loop.fake.requests
    assert loop.fake.scored[-1].reply_prefix == "Answer: "


@pytest.mark.parametrize(
    ("tokens", "whole", "end", "left"),
    [
        (["Rule:", " x", ".\n", "Answer:", " 7"], "Rule: x.\nAnswer: 7", "7", [" 7"]),
        (["a", " b"], "a b", "a b", ["a", " b"]),
        ([], "a b", "b", []),
    ],
)
def test_tokens_of_the_part_that_is_kept(tokens: list[str], whole: str, end: str, left: list[str]) -> None:
    given = [TokenLogprob(text, -1) for text in tokens]
    assert [token.text for token in tokens_of_end(given, whole, end)] == left


# --- fit_risk


def test_the_risk_model_is_fitted_when_enough_came_and_again_when_more_came(loop: Loop) -> None:
    def reply(request: GenerationRequest) -> str:
        number = int(request.messages[-1].content.split("time ")[1].rstrip("?"))
        return "3 + 4 = 8.\nAnswer: 8" if number % 3 == 0 else "3 + 4 = 7.\nAnswer: 7"

    loop.fake = FakeGenerator(reply)
    ids = loop.project(30)
    loop.run("generate", {"item_ids": ids[:24]})
    with loop.db.read() as session:
        model = risk_models.current(session, loop.project_id)
        assert model is not None and model.method == "polar" and model.rows >= 20
        risks = [judgements.risk(session, output.id) for output in loop.all_outputs()]
        assert {risk.method for risk in risks} == {"polar"}
        wrong = [risk.value for risk, output in zip(risks, loop.all_outputs(), strict=True) if "8" in output.text]
        right = [risk.value for risk, output in zip(risks, loop.all_outputs(), strict=True) if "8" not in output.text]
        assert min(wrong) > max(right)
        by_risk = select(Assignment.output_id, Assignment.priority).where(Assignment.audit.is_(False))
        by_slot = dict(session.execute(by_risk).all())
        known = {output.id: risk.value for output, risk in zip(loop.all_outputs(), risks, strict=True)}
        assert len(by_slot) > 12
        assert all(abs(priority - known[output_id]) < 1e-5 for output_id, priority in by_slot.items())
    loop.run("generate", {"item_ids": ids[24:]})
    with loop.db.read() as session:
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "fit_risk")) == 1 + (1.25 * model.rows <= 30)


def test_too_little_to_learn_from_keeps_the_share_of_votes(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(4)})
    job = loop.run("fit_risk", {"project_id": loop.project_id})
    assert job.result["method"] == "vote_share" and job.result["rows"] == 4
    with loop.db.read() as session:
        risk = judgements.risk(session, loop.all_outputs()[0].id)
        assert risk is not None and not risk.calibrated


def test_reviews_calibrate_the_risk(loop: Loop) -> None:
    loop.fake = FakeGenerator(
        lambda request: "3 + 4 = 8.\nAnswer: 8" if "time 1" in request.messages[-1].content else "3 + 4 = 7.\nAnswer: 7"
    )
    loop.run("generate", {"item_ids": loop.project(40)})
    for _ in range(36):
        with loop.db.write() as session:
            claim = queue.claim_next(session, loop.user, loop.project_id)
            assert claim is not None
            bad = "8" in outputs.get(session, claim.output_id).text
            new = reviews.NewReview(
                claim.assignment_id,
                loop.user,
                claim.output_id,
                "faulty" if bad else "acceptable",
                first_wrong_step=0 if bad else None,
            )
            reviews.submit(session, new, None, claim.token)
    loop.run("fit_risk", {"project_id": loop.project_id})
    with loop.db.read() as session:
        found = [judgements.risk(session, output.id) for output in loop.all_outputs()]
        assert all(risk.calibrated and risk.reviewed == 36 and risk.low <= risk.value <= risk.high for risk in found)
        model = risk_models.current(session, loop.project_id)
        assert model.reviewed == 36 and len(model.state["pairs"]) == 36
