"""Rules and people's verdicts vote again, and what else was said stays."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import func, select

from core.signals.rules import RuleSpec
from core.types import JobState, LessonKind, Verdict
from store import judgements, projects, reviews, rules
from store.tables import Job, Review, Vote
from tests.app.worker.fakes import FakeGenerator
from tests.app.worker.loop import QUIET, Loop
from tests.factories import build


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def add(loop: Loop, name: str, pattern: str, says: str = "faulty") -> int:
    with loop.db.write() as session:
        rule = RuleSpec(name=name, options={"pattern": pattern}, says=says)
        return rules.add(session, loop.project_id, rule, user_id=loop.user).id


def votes(loop: Loop, source: str) -> dict[int, str | None]:
    with loop.db.read() as session:
        query = select(Vote.output_id, Vote.verdict).where(Vote.source == source)
        return dict(session.execute(query.order_by(Vote.output_id)).all())


def test_a_new_rule_votes_on_what_was_judged_and_the_risks_follow(loop: Loop) -> None:
    loop.run("generate", {"item_ids": loop.project(3)})
    asked, made = len(loop.fake.requests), loop.all_outputs()
    rule = add(loop, "seven", r"time [01]")
    with loop.db.write() as session:
        rules.change(
            session,
            rule,
            RuleSpec(name="seven", field="prompt", options={"pattern": "time [01]"}, says="faulty"),
            user_id=None,
        )
        before = [judgements.risk(session, output.id).value for output in made]
    job = loop.run("revote", {"project_id": loop.project_id})
    assert (job.state, job.result) == (JobState.DONE, {"outputs": 3, "changed": 2}), job.error
    assert votes(loop, "seven") == {made[0].id: "faulty", made[1].id: "faulty"}
    assert len(votes(loop, "arithmetic")) == 3 and len(loop.fake.requests) == asked
    with loop.db.read() as session:
        after = [judgements.risk(session, output.id).value for output in made]
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "fit_risk")) == 1
    assert after[0] > before[0] and after[2] <= before[2]
    again = loop.run("revote", {"project_id": loop.project_id})
    assert again.result == {"outputs": 3, "changed": 0}


def test_a_rule_changed_in_the_middle_votes_as_it_stands_in_the_end(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.run("generate", {"item_ids": loop.project(1)})
    module: Any = import_module("app.worker.handlers.revote")  # the package has the function under that name
    rule, real, seen = add(loop, "seven", "never said"), module.cast, []

    def cast(signal: Any, x: Any) -> Any:
        if not seen:
            seen.append(signal)
            with loop.db.write() as session:
                changed = RuleSpec(name="seven", options={"pattern": "answer is 7"}, says="faulty")
                rules.change(session, rule, changed, user_id=None)
        return real(signal, x)

    monkeypatch.setattr(module, "cast", cast)
    job = loop.run("revote", {"project_id": loop.project_id})
    assert job.state == JobState.DONE and list(votes(loop, "seven").values()) == ["faulty"]


def test_people_count_where_several_review_an_item(loop: Loop) -> None:
    settings = {**QUIET, "signals": ["arithmetic", "annotators"]}
    loop.run("generate", {"item_ids": loop.project(2, settings=settings)})
    first = loop.all_outputs()[0].id
    with loop.db.write() as session:
        build(session, Review, output_id=first, user_id=loop.user, verdict="faulty")
        assert reviews.verdicts_on(session, [first]) == {first: [Verdict.FAULTY]}
    loop.run("revote", {"project_id": loop.project_id, "output_ids": [first]})
    assert votes(loop, "annotators")[first] is None
    with loop.db.write() as session:
        projects.set_queue(session, loop.project_id, "annotate", user_id=None, overlap=2)
    loop.run("revote", {"project_id": loop.project_id, "output_ids": [first]})
    assert votes(loop, "annotators")[first] == "faulty"


def test_lessons_that_apply_are_looked_at_and_a_retracted_one_is_not(loop: Loop) -> None:
    settings = {**QUIET, "signals": ["lesson"]}
    ids = loop.project(2, settings=settings)
    loop.fake = FakeGenerator(lambda request: "3 + 4 = 7.\nThe answer is obviously 7.")
    lesson = loop.lesson("Never say 'obviously'.", "What is 3 + 4?", LessonKind.RULE)
    loop.run("generate", {"item_ids": ids})
    assert set(votes(loop, "lesson").values()) == {"faulty"}
    loop.retract(lesson)
    loop.run("analyse", {"output_ids": [output.id for output in loop.all_outputs()]})
    assert set(votes(loop, "lesson").values()) == {None}


def test_free_texts_are_compared_by_their_vectors(loop: Loop) -> None:
    settings = {"generator": {"samples": 2}, "critics": [], "signals": ["agreement"]}
    ids = loop.project(0, item_type="text", prompts=["Say hello", "Say bye"], settings=settings)

    def reply(request: Any) -> str:
        if "hello" in request.messages[-1].content:
            return "Hello there my friend." if request.temperature == 0 else "Hello there, my good friend."
        return "Bye." if request.temperature == 0 else "Something else entirely, in many other words."

    loop.fake = FakeGenerator(reply)
    loop.run("generate", {"item_ids": ids})
    hello, bye = loop.all_outputs()
    assert votes(loop, "agreement") == {hello.id: "acceptable", bye.id: "faulty"}


def test_a_rule_that_has_a_signals_name_costs_no_analysis(loop: Loop) -> None:
    ids = loop.project(1)
    rule = add(loop, "seven", "answer is 7")
    with loop.db.write() as session:
        rules.get(session, rule).name = "arithmetic"
    assert loop.run("generate", {"item_ids": ids}).state == JobState.DONE
    assert list(votes(loop, "arithmetic").values()) == ["acceptable"]


def test_a_row_that_is_no_rule_any_more_is_an_error_that_people_see(loop: Loop) -> None:
    ids = loop.project(1)
    rule = add(loop, "seven", "answer is 7")
    with loop.db.write() as session:
        rules.get(session, rule).options = {"colour": "red"}
    loop.run("generate", {"item_ids": ids})
    with loop.db.read() as session:
        vote = session.scalar(select(Vote).where(Vote.source == "seven"))
        assert vote.verdict is None and "options.colour is not known" in vote.error
