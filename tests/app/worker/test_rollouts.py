"""The job ``rollouts`` through the runner, and where the words of critics go that see a reference: to people, never to a prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from core import sandbox
from core.critics.rollouts_reference import GO_ON
from core.generators.base import GenerationRequest
from core.types import QueueKind, StepLabel, Verdict
from store import items, judgements, projects, queue, rollouts
from store.tables import Assignment, Job, Rollout
from tests.app.worker.fakes import FakeGenerator
from tests.app.worker.loop import Loop
from tests.conftest import missing

WRONG = "1. Take 3 and 4.\n2. 3 + 4 = 8.\n3. Nothing is left to do.\nThe answer is 8."
SECRET = "3 + 4 = 7, as the key of the book says.\nSo it is 7.\n#### 7"
SETTINGS: dict[str, Any] = {
    "generator": {"samples": 0},
    "critics": ["arithmetic", "rollouts_reference"],
    "signals": ["critics"],
    "rollouts": {"samples": 4},
}


Say = Callable[[GenerationRequest], str]


def reply(request: GenerationRequest) -> str:
    if request.messages[-1].content == GO_ON:
        fine = "8" not in request.messages[-2].content and (request.seed or 0) % 3 > 0
        return "So it is.\nThe answer is 7." if fine else "So it is.\nThe answer is 8."
    return "3 + 4 = 7.\nThe answer is 7." if request.temperature else WRONG


def made(
    loop: Loop, reference: str | None = SECRET, *, meta: dict[str, Any] | None = None, say: Say = reply, **settings: Any
) -> int:
    loop.fake = FakeGenerator(say)
    with loop.db.write() as session:
        row = projects.create(session, slug="p", name="P", item_type="reasoning", settings={**SETTINGS, **settings})
        loop.project_id = row.id
        new = items.NewItem("i0", "What is 3 + 4?", reference=reference, meta=meta or {})
        ids = items.add_many(session, row.id, [new]).ids
    loop.run("generate", {"item_ids": ids})
    return loop.all_outputs()[0].id


def experts(loop: Loop) -> list[Assignment]:
    with loop.db.read() as session:
        line = projects.queue_of(session, loop.project_id, QueueKind.EXPERT)
        return list(session.scalars(select(Assignment).where(Assignment.queue_id == line.id)))


def test_the_first_wrong_step_is_found_and_every_continuation_kept(loop: Loop) -> None:
    output_id = made(loop)
    with loop.db.read() as session:
        found = [c for c in judgements.critiques(session, output_id) if c.source == "rollouts"]
        labels = rollouts.labels(session, output_id)
        (job,) = session.scalars(select(Job).where(Job.kind == "rollouts"))
        kept = session.scalars(select(Rollout).where(Rollout.output_id == output_id)).all()
    assert [(c.step_index, c.label) for c in found] == [(0, StepLabel.RIGHT), (1, StepLabel.WRONG)]
    assert "continuations from here reach the reference's answer" in found[0].explanation
    assert [(one.prefix_steps, one.n) for one in labels] == [(0, 4), (1, 4), (2, 4)]
    assert (
        labels[0].mc == 1 and labels[1].mc > 0 and labels[2].mc == 0 and labels[2].high == pytest.approx(0.49, abs=0.01)
    )
    assert job.result == {"outputs": 1, "wrong": 1, "located": 1, "sampled": 12} and job.priority == 100
    assert len(kept) == 13, "twelve continuations and the answer itself"


def test_a_second_run_samples_nothing_and_changes_nothing(loop: Loop) -> None:
    output_id = made(loop)
    before = len(loop.fake.requests)
    job = loop.run("rollouts", {"output_ids": [output_id]})
    assert job.result["sampled"] == 0 and job.result["located"] == 1
    assert len(loop.fake.requests) == before
    with loop.db.read() as session:
        assert len(session.scalars(select(Rollout)).all()) == 13


def test_the_reference_reaches_no_prompt_and_no_signal(loop: Loop) -> None:
    output_id = made(
        loop, critics=["reference_spare", "rollouts_reference"], reask="self_supervision", risk_threshold=0.0
    )
    with loop.db.read() as session:
        sources = {c.source for c in judgements.critiques(session, output_id)}
        votes = judgements.votes(session, output_id)
    assert sources == {"reference_spare", "rollouts"}
    assert [vote.evidence for vote in votes if vote.source == "critics"] == ["No critic looked at the steps."]
    shown = "\n".join(m.content for request in loop.fake.requests for m in request.messages)
    assert "book" not in shown and "####" not in shown


def test_a_reference_that_is_only_an_answer_is_no_worked_solution(loop: Loop) -> None:
    output_id = made(loop, "7", critics=["reference_spare", "rollouts_reference"])
    with loop.db.read() as session:
        assert {c.source for c in judgements.critiques(session, output_id)} == {"rollouts"}


def test_without_a_reference_nothing_is_sampled(loop: Loop) -> None:
    made(loop, None)
    with loop.db.read() as session:
        assert session.scalars(select(Job).where(Job.kind == "rollouts")).all() == []
        assert session.scalars(select(Rollout)).all() == []


def test_critics_that_agree_settle_it(loop: Loop) -> None:
    """``arithmetic`` and the rollouts both blame step 2."""
    made(loop)
    assert experts(loop) == []


def test_opposite_verdicts_reach_the_expert_queue_once(loop: Loop) -> None:
    def lenient(request: GenerationRequest) -> str:
        return "Yes" if "Answer Yes or No." in request.messages[-1].content else reply(request)

    output_id = made(loop, say=lenient, critics=["reference_spare", "rubric"])
    (slot,) = experts(loop)
    assert slot.output_id == output_id and slot.state == "open" and slot.flagged is False
    assert slot.reason and slot.reason.startswith("Critics disagree: reference_spare")
    loop.run("analyse", {"output_ids": [output_id]})
    assert [one.id for one in experts(loop)] == [slot.id]
    with loop.db.read() as session:
        assert queue.counts(session, loop.project_id)["open"] == 1


def test_a_project_may_keep_disputes_to_itself(loop: Loop) -> None:
    made(loop, critics=["reference_spare", "rubric"], disputes="off")
    assert experts(loop) == []


def test_a_critic_that_says_nothing_any_more_leaves_nothing_behind(loop: Loop) -> None:
    output_id = made(loop, critics=["rubric"])
    with loop.db.read() as session:
        assert judgements.critiques(session, output_id)
    with loop.db.write() as session:
        judgements.save(session, output_id, critics=["rubric"])
    with loop.db.read() as session:
        assert judgements.critiques(session, output_id) == []


def test_convincing_wrong_answers_come_first(loop: Loop) -> None:
    output_id = made(loop)
    with loop.db.write() as session:
        line = projects.queue_of(session, loop.project_id)
        line.order_policy = "convincing-wrong"
        labels = session.scalars(select(Rollout).where(Rollout.prefix_steps == 0, Rollout.text != WRONG)).all()
        labels[0].outcome = False
    loop.run("analyse", {"output_ids": [output_id]})
    with loop.db.read() as session:
        slot = session.scalars(select(Assignment).where(Assignment.output_id == output_id)).first()
        assert slot is not None and 0 < slot.priority <= 1, "Q + U of a wrong answer whose question is mostly got right"


def test_unit_tests_of_an_item_speak_where_a_project_asks_for_them(loop: Loop) -> None:
    if why := sandbox.missing():
        missing(why)
    code = "```python\ndef add(a, b):\n    return a - b\n```"
    loop.fake = FakeGenerator(lambda _: code)
    meta = {"tests": "assert add(3, 4) == 7  # as the book says"}

    def run(critics: list[str]) -> tuple[list[str], list[tuple[Verdict | None, str]]]:
        with loop.db.write() as session:
            row = projects.create(
                session,
                slug=f"p{len(critics)}",
                name="P",
                item_type="reasoning",
                settings={**SETTINGS, "critics": critics},
            )
            loop.project_id = row.id
            ids = items.add_many(session, row.id, [items.NewItem("i0", "Write add.", meta=meta)]).ids
        loop.run("generate", {"item_ids": ids})
        output = loop.all_outputs()[-1]
        with loop.db.read() as session:
            critiques = [c.explanation for c in judgements.critiques(session, output.id)]
            votes = [(v.verdict, v.evidence) for v in judgements.votes(session, output.id)]
        return critiques, votes

    assert run([])[0] == []
    critiques, votes = run(["reference_tests"])
    assert critiques == ["Test 1 fails: assert add(3, 4) == 7 (AssertionError)."]
    assert votes == [(Verdict.FAULTY, "Step 1 is wrong, says reference_tests: It fails the item's unit tests.")]
