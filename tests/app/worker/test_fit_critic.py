"""The step head of a project: trained on what its people said, kept in versions, spoken with, woken when enough came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from app.worker import waking
from app.worker.heads import CRITIC, heads_of
from app.worker.payloads import FitCritic
from core import steps
from core.critics.step_head import bundled
from core.types import JobState, StepLabel
from store import critic_models, items, judgements, notebook, outputs, queue
from store.tables import CriticModel, Critique, Job, Review
from tests.app.worker.loop import QUIET, Loop
from tests.core.critics.step_labels_made import labelled

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
SETTINGS = {**QUIET, "critics": ["arithmetic", "step_head"]}


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLite, but for the tests that name both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    database = request.getfixturevalue("_postgres_database")
    yield database.take()
    database.give_back()


class People:
    """A project of fruit baskets with people who find the wrong steps, as they are planted."""

    def __init__(self, loop: Loop, n: int = 40, **settings: Any) -> None:
        self.loop, self.labels = loop, labelled(n)
        loop.project(0, prompts=[], settings={**SETTINGS, **settings})
        self.outputs: list[int] = []
        with loop.db.write() as session:
            new = [items.NewItem(f"b{k}", label.problem) for k, label in enumerate(self.labels)]
            for item_id, label in zip(items.add_many(session, loop.project_id, new).ids, self.labels, strict=True):
                text = "\n".join(label.steps)
                made = outputs.NewOutput(item_id, text, "test", steps=steps.split(text))
                self.outputs.append(outputs.add(session, made).id)
                assert len(steps.split(text)) == 3
        loop.run("analyse", {"output_ids": self.outputs})

    def review(self, first: int, end: int, *, user: int | None = None, wrong: int | None = None) -> None:
        with self.loop.db.write() as session:
            for k in range(first, end):
                found = self.labels[k].first_error if wrong is None else wrong
                session.add(
                    Review(
                        output_id=self.outputs[k],
                        user_id=user or self.loop.user,
                        verdict="acceptable" if found < 0 else "faulty",
                        first_wrong_step=None if found < 0 else found,
                    )
                )

    def train(self) -> dict[str, Any]:
        job = self.loop.run("fit_critic", {"project_id": self.loop.project_id})
        assert job.state == JobState.DONE, job.error
        return dict(job.result)


@pytest.mark.parametrize("database_url", BOTH, indirect=True)
def test_people_s_labels_become_the_version_in_force_and_it_speaks(loop: Loop) -> None:
    people = People(loop, 60)
    people.review(0, 48)
    with loop.db.read() as session:
        before = {o: _said(session, o) for o in people.outputs}
    result = people.train()
    assert (result["labels"], result["current"]) == (48, True)
    figures = result["figures"]
    assert figures["after"]["f1"] > figures["before"]["f1"] and figures["after"]["n"] == 48
    assert figures["replayed"]["n"] > 0 and figures["replayed"]["after"] > 0.5
    with loop.db.read() as session:
        kept = critic_models.current(session, loop.project_id, CRITIC)
        assert kept is not None and (kept.version, kept.labels, kept.figures) == (result["version"], 48, figures)
        head = heads_of(session, loop.project_id).head
        after = {o: _said(session, o) for o in people.outputs}
    assert (head.weights != bundled().weights).any()
    assert result["renewed"] == 60 and after != before
    right = [after[o] == label.first_error for o, label in zip(people.outputs[48:], people.labels[48:], strict=True)]
    assert sum(right) >= 9, "unseen answers are judged by what people said of others"
    loop.run("analyse", {"output_ids": people.outputs[48:]})
    with loop.db.read() as session:
        assert {o: _said(session, o) for o in people.outputs[48:]} == {o: after[o] for o in people.outputs[48:]}


def _said(session: Any, output_id: int) -> int:
    wrong = [
        c.step_index
        for c in judgements.critiques(session, output_id)
        if c.source == CRITIC and c.label is StepLabel.WRONG
    ]
    return wrong[0] if wrong else -1


@pytest.mark.parametrize("database_url", BOTH, indirect=True)
def test_what_a_person_holds_does_not_change_under_them(loop: Loop) -> None:
    people = People(loop, 60)
    people.review(0, 48)
    with loop.db.write() as session:
        claim = queue.claim_next(session, loop.user, loop.project_id)
        assert claim is not None
        rows = list(session.scalars(select(Critique.id).where(Critique.output_id == claim.output_id)))
    assert people.train()["renewed"] == 59
    with loop.db.read() as session:
        assert list(session.scalars(select(Critique.id).where(Critique.output_id == claim.output_id))) == rows


def test_a_version_that_is_worse_stays_out_of_force(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(loop, 60)
    people.review(0, 48)
    good = people.train()["version"]
    backwards = replace(bundled(), weights=-bundled().weights)
    monkeypatch.setattr("core.critics.step_head_retraining._soup", lambda examples, course: backwards)
    people.review(48, 60)
    second = people.train()
    assert second["labels"] == 60 and second["current"] is False
    assert second["figures"]["after"]["f1"] < second["figures"]["before"]["f1"]
    with loop.db.read() as session:
        kept = critic_models.current(session, loop.project_id, CRITIC)
        assert kept is not None and kept.version == good
        assert [row.version for row in critic_models.versions(session, loop.project_id)] == [second["version"], good]


def test_too_few_labels_train_nothing(loop: Loop) -> None:
    people = People(loop, n=12)
    people.review(0, 8)
    assert people.train() == {"labels": 8, "version": None, "current": False, "renewed": 12}
    with loop.db.read() as session:
        assert session.scalar(select(func.count(CriticModel.id))) == 0


def test_what_people_do_not_agree_on_teaches_nothing(loop: Loop) -> None:
    from store import users

    people = People(loop, n=20)
    people.review(0, 20)
    with loop.db.write() as session:
        other = users.create(session, "ben", "annotator").id
    people.review(0, 5, user=other, wrong=2)
    with loop.db.read() as session:
        known = notebook.labels(session, notebook.step_reviews(session, loop.project_id))
    assert len(known) == 15
    assert {one.group for one in known}.isdisjoint({str(_item(loop, o)) for o in people.outputs[:5]})


def _item(loop: Loop, output_id: int) -> int:
    with loop.db.read() as session:
        return outputs.get(session, output_id).item_id


def test_a_state_of_other_features_is_refused_and_the_bundled_head_speaks(loop: Loop) -> None:
    people = People(loop, n=4)
    with loop.db.write() as session:
        state = heads_of(session, loop.project_id).state()
        state["head"]["names"][0] = "a feature of another time"
        critic_models.save(
            session, loop.project_id, CRITIC, version="old", state=state, figures={}, labels=9, current=True
        )
    with capture_logs() as logs, loop.db.read() as session:
        assert heads_of(session, loop.project_id).head is bundled()
    assert [(line["log_level"], line["version"]) for line in logs] == [("warning", "old")]
    assert loop.run("analyse", {"output_ids": people.outputs}).state == JobState.DONE


def test_a_job_that_runs_again_trains_once(loop: Loop) -> None:
    from app.worker.handlers.fit_critic import fit_critic

    people = People(loop)
    people.review(0, 30)
    people.train()
    with loop.db.read() as session:
        job = session.scalars(select(Job).where(Job.kind == "fit_critic")).one()

    class Again:
        db = loop.db

        def check(self) -> None: ...

    context: Any = Again()
    context.job = job
    again = fit_critic(context, FitCritic(project_id=loop.project_id))
    assert again["version"] == job.result["version"] and again["figures"] == job.result["figures"]
    with loop.db.read() as session:
        assert session.scalar(select(func.count(CriticModel.id))) == 1


@pytest.mark.parametrize("database_url", BOTH, indirect=True)
def test_five_and_a_quarter_more_labels_wake_it_once(loop: Loop) -> None:
    people = People(loop)

    def due(first: int, end: int) -> bool:
        people.review(first, end)
        with loop.db.write() as session:
            return waking.critic_due(session, loop.project_id)

    assert [due(0, 9), due(9, 10)] == [False, True]
    with loop.db.write() as session:
        assert waking.wake_critic(session, loop.project_id) and waking.wake_critic(session, loop.project_id)
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "fit_critic")) == 1
    people.train()
    assert [due(10, 14), due(14, 15)] == [False, True]
    people.review(15, 28)
    people.train()
    assert [due(28, 34), due(34, 35)] == [False, True], "a quarter of 28 is seven"


def test_a_project_that_does_not_use_the_head_trains_none(loop: Loop) -> None:
    people = People(loop, n=20, critics=["arithmetic"])
    people.review(0, 20)
    with loop.db.write() as session:
        assert not waking.wake_critic(session, loop.project_id)
