"""The whole way of one item, on SQLite and on PostgreSQL."""

from __future__ import annotations

from sqlalchemy import func, select

from core.types import JobState
from store import outputs, risk_models
from store.tables import Assignment, Job
from tests.app.worker.loop import Loop


def test_answer_judge_correct_learn_and_answer_again(loop: Loop) -> None:
    """A lesson that is retracted in the middle of an answer is not in what is kept."""
    ids = loop.project(2)
    assert loop.run("generate", {"item_ids": ids[:1]}).state == JobState.DONE
    (first,) = loop.all_outputs()
    loop.ask_again(first, "Always add from right to left.")
    distilled = loop.run("distil", {"item_id": ids[0], "user_id": loop.user})
    assert distilled.result["lesson_ids"], distilled.error
    kept = loop.lesson("Show every sum.", "What is 3 + 4?")
    gone = loop.lesson("Never write digits.", "What is 3 + 4?")

    def retract_once() -> None:
        if not asked:
            asked.append(1)
            loop.retract(gone)

    asked: list[int] = []
    loop.fake.before = retract_once
    assert loop.run("generate", {"item_ids": ids[1:]}).result["outputs"] == 1
    last = loop.all_outputs()[-1]
    assert "Show every sum." in str(last.messages) and "Never write digits." not in str(last.messages)
    assert loop.run("fit_risk", {"project_id": loop.project_id}).state == JobState.DONE
    with loop.db.read() as session:
        assert [chip.lesson.id for chip in outputs.chips(session, last.id)] == [kept]
        assert risk_models.current(session, loop.project_id) is not None
        assert {slot.output_id for slot in session.scalars(select(Assignment))} == {
            o.id for o in loop.all_outputs()[1:]
        }
        failed = select(func.count(Job.id)).where(Job.state != JobState.DONE)
        assert session.scalar(failed) == 0
