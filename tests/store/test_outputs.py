"""Outputs and what is known of them: written once per effect, replaced by source."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, select

from core.types import Critique, RiskEstimate, Step, StepLabel, Verdict, Vote
from store import judgements, outputs, tables
from store.engine import Database
from store.outputs import NewOutput, NewRetrieval, NewRollout
from tests.factories import ANSWER, STEPS, Scene, build, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2)


def test_the_same_effect_twice_is_one_output(db: Database, made: Scene) -> None:
    new = NewOutput(made.items[0], ANSWER, "m", effect_key="job:1:item:1", steps=STEPS)
    with db.write() as session:
        first = outputs.add(session, new)
    with db.write() as session:
        again = outputs.add(session, new)
        assert outputs.to_steps(again) == STEPS
    assert (first.id, first.attempt) == (again.id, 2)
    with db.read() as session:
        assert [output.attempt for output in outputs.attempts(session, made.items[0])] == [1, 2]
        latest = outputs.latest(session, made.items[0])
        assert latest is not None and latest.id == first.id
        assert outputs.latest(session, 9999) is None


def test_steps_must_lie_where_they_say(db: Database, made: Scene) -> None:
    with pytest.raises(ValueError, match="step 1 does not lie"), db.write() as session:
        outputs.add(session, NewOutput(made.items[0], "abc", "m", steps=[Step(0, "b", 0, 1)]))


def test_spans_hold_after_cleaning(db: Database, made: Scene) -> None:
    text = "a\0b\ud800. c\0d."
    steps = [Step(0, "a\0b\ud800.", 0, 5), Step(1, "c\0d.", 6, 10)]
    with db.write() as session:
        output_id = outputs.add(session, NewOutput(made.items[0], text, "m", steps=steps)).id
    with db.read() as session:
        kept = outputs.get(session, output_id)
        assert kept.text == "ab\ufffd. cd."
        assert [kept.text[step.start : step.end] for step in kept.steps] == [step.text for step in kept.steps]
        assert [step.text for step in kept.steps] == ["ab\ufffd.", "cd."]


def test_token_logprobs_are_kept_with_their_mean(db: Database, made: Scene) -> None:
    with db.write() as session:
        new = NewOutput(made.items[0], "ab", "m", tokens=[("a", -1.0, None), ("b", -3.0, 0.5)])
        output_id = outputs.add(session, new).id
    with db.read() as session:
        kept = outputs.get(session, output_id)
        assert (kept.mean_logprob, kept.tokens) == (-2.0, [["a", -1.0, None], ["b", -3.0, 0.5]])
        assert judgements.logprobs(session, made.project_id) == [-2.0]


def test_an_analysis_replaces_what_its_sources_said_before(db: Database, made: Scene) -> None:
    output = made.outputs[0]
    early = [Vote("a", Verdict.FAULTY), Vote("b", error="broke")]
    risk = RiskEstimate(0.9, "polar", "2", True, 40, 0.8, 0.95, (("a", 1.5), ("b", -0.5)))
    with db.write() as session:
        critiques = [
            Critique(0, "c", StepLabel.WRONG, "no", 0.9, "arithmetic"),
            Critique(1, "c", StepLabel.RIGHT, "", 1),
        ]
        judgements.save(session, output, votes=early, critiques=critiques, risk=RiskEstimate(0.1, "polar", "1"))
    with db.write() as session:
        later = [Vote("a", Verdict.ACCEPTABLE, evidence="right after all", step_index=1)]
        judgements.save(
            session, output, votes=later, critiques=[Critique(1, "c", StepLabel.NEUTRAL, "hm", 0.5)], risk=risk
        )
    with db.read() as session:
        assert judgements.votes(session, output) == [*later, early[1]]
        assert judgements.critiques(session, output) == [Critique(1, "c", StepLabel.NEUTRAL, "hm", 0.5)]
        assert judgements.risk(session, output) == risk
        assert judgements.risk(session, made.outputs[1]) is None


def test_rollouts_are_kept_once(db: Database, made: Scene) -> None:
    rows = [NewRollout(made.items[0], f"t{n}", "m", output_id=made.outputs[0], effect_key=f"k{n}") for n in range(3)]
    with db.write() as session:
        assert outputs.add_rollouts(session, rows[:2]) == 2
    with db.write() as session:
        assert outputs.add_rollouts(session, rows) == 1
        assert (
            outputs.add_rollouts(session, [NewRollout(made.items[0], "t", "m"), NewRollout(made.items[0], "t", "m")])
            == 2
        )
    with db.read() as session:
        assert [row.text for row in outputs.rollouts(session, made.outputs[0])] == ["t0", "t1", "t2"]


def test_the_question_has_no_reference(db: Database, made: Scene) -> None:
    with db.read() as session:
        question = outputs.question(session, made.items[0])
        assert question.prompt == "What is 3 + 4, time 0?"
        assert not hasattr(question, "reference") and "7" not in repr(question)
        with pytest.raises(LookupError):
            outputs.question(session, 9999)


def test_chips_and_their_votes(db: Database, made: Scene) -> None:
    with db.write() as session:
        rule = build(session, tables.Lesson, project_id=made.project_id)
        value = build(session, tables.Lesson, project_id=made.project_id)
        lessons = [NewRetrieval(value.id, 1, "values", 0, 0.5), NewRetrieval(rule.id, 3, "rules", 0, 0.9)]
        output = outputs.add(session, NewOutput(made.items[0], "x", "m", lessons=lessons))
    with db.read() as session:
        chips = outputs.chips(session, output.id)
    assert [(chip.lesson.id, chip.retrieval.lesson_revision) for chip in chips] == [(rule.id, 3), (value.id, 1)]
    for vote, used, not_relevant in (("used", 1, 0), ("not_relevant", 0, 1), ("not_relevant", 0, 1), (None, 0, 0)):
        with db.write() as session:
            outputs.vote_chip(session, chips[0].retrieval.id, vote, made.users[0])
        with db.read() as session:
            kept = session.get_one(tables.Lesson, rule.id)
            assert (kept.used, kept.not_relevant) == (used, not_relevant)
    with pytest.raises(ValueError, match="not_relevant"), db.write() as session:
        outputs.vote_chip(session, chips[0].retrieval.id, "great", made.users[0])
    with pytest.raises(LookupError), db.write() as session:
        outputs.vote_chip(session, 9999, "used", made.users[0])


def test_risk_rows_carry_the_newest_judgement(db: Database, made: Scene) -> None:
    with db.write() as session:
        judgements.save(session, made.outputs[0], votes=[Vote("s", Verdict.FAULTY)])
        for verdict in ("faulty", "acceptable", "cannot_judge"):
            build(session, tables.Review, output_id=made.outputs[0], user_id=made.users[0], verdict=verdict)
        scene(session)  # another project's outputs stay out
    with db.read() as session:
        rows = judgements.risk_rows(session, made.project_id)
    assert [(row.output_id, row.verdict) for row in rows] == [
        (made.outputs[0], Verdict.ACCEPTABLE),
        (made.outputs[1], None),
    ]
    assert rows[0].votes == (Vote("s", Verdict.FAULTY),)


def test_counting_statements_not_rows(db: Database, made: Scene) -> None:
    """Attempts come with their steps in two statements, however many there are."""
    with db.write() as session:
        for n in range(5):
            outputs.add(session, NewOutput(made.items[0], ANSWER, "m", steps=STEPS, effect_key=f"e{n}"))
    seen: list[str] = []

    def listener(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(db.engine, "before_cursor_execute", listener)
    with db.read() as session:
        rows = outputs.attempts(session, made.items[0])
        assert sum(len(outputs.to_steps(row)) for row in rows) == 12
    event.remove(db.engine, "before_cursor_execute", listener)
    assert sum(statement.startswith("SELECT") for statement in seen) == 2
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Step)) == 14
