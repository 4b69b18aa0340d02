"""The jobs ``probe_lessons`` and ``try_lessons`` through the runner, with a model and an encoder that cost nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app import lesson_changes
from app.worker.handlers import HANDLERS
from app.worker.payloads import PAYLOADS
from app.worker.runner import Context
from core.generators.base import GenerationRequest, GeneratorError
from core.types import JobState, LessonDraft, LessonKind
from store import edit_suites, items, lesson_proposals, lesson_trials, lessons, outputs, reviews
from store.tables import Lesson, LessonProbe, LessonProbeRun, LessonTrial, Output
from tests.app.worker.loop import QUIET, Loop

QUESTIONS = [f"What is 3 + 4, time {k}?" for k in range(8)]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for the jobs; the store's own tests run on both."""
    return sqlite_url


def project(loop: Loop, n: int = 8, **settings: Any) -> list[int]:
    """Sums whose references are 7; the model says 8 unless a lesson that says "right to left" is in its prompt."""
    ids = loop.project(0, prompts=QUESTIONS[:n], settings={**QUIET, **settings})
    with loop.db.write() as session:
        for item_id in ids:
            items.get(session, item_id).reference = "7"
    loop.fake.reply = lambda request: "The answer is 7." if "right to left" in str(request.messages) else "It is 8."
    return ids


def rows(loop: Loop, table: Any) -> list[Any]:
    with loop.db.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


# --- try_lessons


def test_items_are_answered_with_and_without_and_then_without_each_lesson(loop: Loop) -> None:
    ids = project(loop)
    lesson = loop.lesson("Add from right to left.", "What is 5 + 4, time one?")
    job = loop.run("try_lessons", {"project_id": loop.project_id, "size": 6, "seed": 3})
    assert job.state == JobState.DONE, job.error
    assert job.result == {"items": 6, "single": 6, "proposed": [], "errors": [], "seed": 3}
    trials = rows(loop, LessonTrial)
    whole = [trial for trial in trials if trial.lesson_id is None]
    assert {trial.item_id for trial in whole} == set(lesson_trials.draw(ids, 6, 3))
    assert {(t.right_without, t.right_with, t.judged_by) for t in whole} == {(False, True, "reference")}
    assert {tuple(t.lessons) for t in whole} == {(lesson,)}
    single = [trial for trial in trials if trial.lesson_id == lesson]
    assert len(single) == 6 and {(t.right_without, t.right_with) for t in single} == {(False, True)}
    with loop.db.read() as session:
        report = lesson_trials.report(session, loop.project_id)
    assert (report["fix_rate"], report["break_rate"], report["lessons"][lesson]["fixed"]) == (1.0, None, 6)


def test_both_answers_share_a_seed_and_no_prompt_has_the_reference(loop: Loop) -> None:
    project(loop, 3, generator={"samples": 0, "temperature": 0.7})
    with loop.db.write() as session:
        for item in session.scalars(select(items.Item)):
            item.reference = "GOLD 7"
    loop.lesson("Add from right to left.", "What is 5 + 4, time one?")
    loop.run("try_lessons", {"project_id": loop.project_id})
    by_question: dict[str, list[GenerationRequest]] = {}
    for request in loop.fake.requests:
        by_question.setdefault(request.messages[-1].content, []).append(request)
        assert "GOLD" not in str(request.messages)
    assert [len({request.seed for request in group}) for group in by_question.values()] == [1, 1, 1]
    assert [len(group) for group in by_question.values()] == [2, 2, 2]


def test_what_breaks_more_than_it_fixes_is_proposed_to_be_retired(loop: Loop) -> None:
    project(loop)
    loop.fake.reply = lambda request: "It is 8." if "left to right" in str(request.messages) else "The answer is 7."
    lesson = loop.lesson("Add from left to right.", "What is 5 + 4, time one?")
    job = loop.run("try_lessons", {"project_id": loop.project_id})
    assert job.result["proposed"] == [lesson]
    with loop.db.read() as session:
        (proposal,) = lesson_proposals.proposals(session, loop.project_id)
    assert proposal.lesson_id == lesson and "broke 8 and fixed 0 of 8" in proposal.reason


def test_an_item_is_not_helped_by_what_it_taught_itself(loop: Loop) -> None:
    ids = project(loop, 1)
    loop.run("generate", {"item_ids": ids})
    with loop.db.write() as session:
        output = session.scalars(select(Output)).one()
        correction = reviews.add_correction(session, reviews.NewCorrection(loop.user, output.id, "no")).id
        draft = LessonDraft(LessonKind.RULE, "Add from right to left.", QUESTIONS[0], (correction,))
        lesson_id = lessons.propose(session, loop.project_id, [draft], author_id=None)[0]
        lessons.accept(session, lesson_id, loop.user)
    loop.run("embed", {"project_id": loop.project_id})
    loop.run("try_lessons", {"project_id": loop.project_id})
    (trial,) = rows(loop, LessonTrial)
    assert trial.lessons == [] and not trial.right_with and trial.text_with == trial.text_without


def test_a_job_that_runs_again_repeats_nothing(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same job twice, as after a kill: half-way first, where the model goes away in the middle of the second chunk."""
    project(loop)
    loop.lesson("Add from right to left.", "What is 5 + 4, time one?")
    loop.bench.settings.__dict__["batch_size"] = 4
    calls = {"n": 0}

    def away() -> None:
        calls["n"] += 1
        if calls["n"] == 3:
            raise GeneratorError("the server went away")

    loop.fake.before = away
    job = loop.run("try_lessons", {"project_id": loop.project_id, "seed": 1})
    assert job.state == JobState.FAILED
    before = rows(loop, LessonTrial)
    assert len(before) == 4, "the first chunk is kept"
    loop.fake.before = lambda: None
    asked = len(loop.fake.requests)
    result = again(loop, job)
    after = rows(loop, LessonTrial)
    assert result["items"] == 8 and [t.id for t in after[:4]] == [t.id for t in before]
    assert len(after) == 16 and len(loop.fake.requests) == asked + 8 + 8, "four more pairs, eight without the lesson"
    asked = len(loop.fake.requests)
    assert again(loop, job) == result
    assert len(rows(loop, LessonTrial)) == 16 and len(loop.fake.requests) == asked


def again(loop: Loop, job: Any) -> dict[str, Any]:
    """The handler once more for the same job, without a runner."""
    import threading

    from app.worker.texts import PartialTexts

    assert loop.models is not None
    context = Context(loop.db, loop.bench.settings, loop.models, PartialTexts(), job, threading.Event())
    return HANDLERS[job.kind](context, PAYLOADS[job.kind].model_validate(job.payload))


def test_nothing_is_tried_where_it_is_switched_off_or_nothing_is_known(loop: Loop) -> None:
    project(loop, 2, trial_size=0)
    job = loop.run("try_lessons", {"project_id": loop.project_id})
    assert "switched off" in job.result["skipped"] and not loop.fake.requests
    job = loop.run("try_lessons", {"project_id": loop.project_id, "size": 2})
    assert job.result == {"skipped": "no lesson is active"} and not loop.fake.requests


def test_a_label_memory_is_tried_like_a_prompt(loop: Loop) -> None:
    prompts = ["hhh mmm one", "hhh mmm two", "hhh mmm three"]
    ids = loop.project(0, item_type="label", labels=["spam", "ham"], prompts=prompts)
    with loop.db.write() as session:
        for item_id in ids:
            items.get(session, item_id).reference = "spam"
    kept = [loop.lesson(f"Question: hhh mmm {k}\nAnswer: spam", f"hhh mmm {k}", LessonKind.EXEMPLAR) for k in "xyz"]
    twin = loop.lesson("Question: hhh mmm one\nAnswer: ham", "hhh mmm one", LessonKind.EXEMPLAR)
    job = loop.run("try_lessons", {"project_id": loop.project_id})
    assert job.result["items"] == 3
    trials = {trial.item_id: trial for trial in rows(loop, LessonTrial) if trial.lesson_id is None}
    assert twin not in trials[ids[0]].lessons and twin in trials[ids[1]].lessons
    assert set(kept) <= set(trials[ids[0]].lessons)
    assert all(not t.right_without and t.right_with for t in trials.values())


# --- probe_lessons


def test_a_suite_is_made_and_run(loop: Loop) -> None:
    ids = project(loop, 2)
    loop.run("generate", {"item_ids": ids[:1]})
    with loop.db.write() as session:
        output = session.scalars(select(Output)).one()
        correction = reviews.add_correction(session, reviews.NewCorrection(loop.user, output.id, "no")).id
        applies = f"{QUESTIONS[0]}\nAdd from right to left."
        draft = LessonDraft(LessonKind.RULE, "Add from right to left.", applies, (correction,))
        lesson_id = lessons.propose(session, loop.project_id, [draft], author_id=None)[0]
        lesson_changes.accept(session, lesson_id, loop.user)
    loop.run("embed", {"project_id": loop.project_id})
    (run,) = rows(loop, LessonProbeRun)
    assert (run.canonical, run.probes, run.negatives, run.hits) == (True, 2, 1, 0) and run.found >= 1
    probes = rows(loop, LessonProbe)
    assert [probe.kind for probe in probes] == ["canonical", "paraphrase", "paraphrase", "negative"]
    assert probes[0].item_id == ids[0] and probes[0].answer == "7"
    own = next(one for one in run.details if one["probe"] == probes[0].id)
    assert (own["right_without"], own["right_with"]) == (False, True)
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    assert len(rows(loop, LessonProbe)) == 4 and len(rows(loop, LessonProbeRun)) == 2


def test_the_model_rewords_beside_the_rules_what_stays_near(loop: Loop) -> None:
    """Of four tries one says the same over again, one strays, and two are paraphrases, which are kept for the next run."""
    project(loop, 1, paraphrases="model")
    said = iter(["what is 5 + 4?!", "Bake a cake.", '"Tell me: what is 5 + 4?"', "What is 5 + 4 please?"])

    def reply(request: GenerationRequest) -> str:
        return next(said) if "in other words" in request.messages[0].content else "The answer is 9."

    loop.fake.reply = reply
    lesson_id = loop.lesson("Add from right to left.", "What is 5 + 4?")
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    made = [(probe.made, probe.text) for probe in rows(loop, LessonProbe) if probe.kind == "paraphrase"]
    assert len([text for how, text in made if how == "reworded"]) == 2, "the rules' own remain"
    assert {text for how, text in made if how == "model"} == {"Tell me: what is 5 + 4?", "What is 5 + 4 please?"}
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    assert len(rows(loop, LessonProbe)) == len(made) + 2 and len(rows(loop, LessonProbeRun)) == 2


def test_without_a_model_the_rules_suite_stands_alone(loop: Loop) -> None:
    project(loop, 1, paraphrases="model")

    def away() -> None:
        raise GeneratorError("the server went away")

    loop.fake.before = away
    lesson_id = loop.lesson("Add from right to left.", "What is 5 + 4?")
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    assert {probe.made for probe in rows(loop, LessonProbe)} == {"applicability", "reworded", "changed_task"}


def test_a_retracted_lesson_keeps_its_suite_which_is_not_run(loop: Loop) -> None:
    project(loop, 1)
    lesson_id = loop.lesson("Add from right to left.", "What is 5 + 4?")
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    loop.retract(lesson_id)
    asked = len(loop.fake.requests)
    job = loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    assert job.result["run"] == 0 and job.result["skipped"] == {str(lesson_id): "it is retracted"}
    assert len(rows(loop, LessonProbeRun)) == 1 and rows(loop, LessonProbe) and len(loop.fake.requests) == asked


def test_items_that_people_linked_are_probes_and_those_they_refused_are_negatives(loop: Loop) -> None:
    ids = project(loop, 4)
    lesson_id = loop.lesson("Add from right to left.", "What is 5 + 4, time one?")
    loop.run("generate", {"item_ids": ids})
    with loop.db.write() as session:
        for output, vote in zip(session.scalars(select(Output).order_by(Output.id)), ["used", "not_relevant"]):  # noqa: B905
            outputs.vote_chip(session, outputs.chips(session, output.id)[0].retrieval.id, vote, loop.user)
    loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    with loop.db.read() as session:
        made = edit_suites.standing(session, session.get_one(Lesson, lesson_id))
    found = {(probe.kind, probe.made): probe.item_id for probe in made}
    assert found["paraphrase", "linked"] == ids[0] and found["negative", "voted"] == ids[1]
    run = rows(loop, LessonProbeRun)[-1]
    assert (run.negatives, run.hits) == (1, 1), "it is found where people said it does not belong"


def test_without_an_encoder_the_job_says_so(loop: Loop) -> None:
    from core.embedding import EmbedderError

    project(loop, 1)
    lesson_id = loop.lesson("Add from right to left.", "What is 5 + 4?")

    def refuse(texts: Any) -> Any:
        raise EmbedderError("no encoder here")

    loop.embedder.embed = refuse  # type: ignore[method-assign]
    job = loop.run("probe_lessons", {"project_id": loop.project_id, "lesson_ids": [lesson_id]})
    assert job.state == JobState.DONE and job.result["skipped"] == {str(lesson_id): "no encoder here"}
