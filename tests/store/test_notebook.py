"""Reviews of steps with what critics said at that time, on both databases; labels to train on; versions of critics."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.types import Critique, StepLabel
from store import critic_models, judgements, notebook
from store.clock import now
from store.engine import Database
from store.tables import Assignment, AuditEvent, Review
from store.tables import Critique as CritiqueRow
from tests.factories import build, scene


def test_what_stood_there_is_what_counts(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        first, second, third = made.outputs
        for output_id in made.outputs:
            judgements.save(
                session, output_id, critiques=[Critique(1, "late", StepLabel.WRONG, "no", 0.9, "unit_error")]
            )
        shown = {"critiques": [["head", 0, 1], ["head", 1, -1], ["sums", 0, 1], "not a triple", ["x", "y", 2]]}
        old = build(session, Review, output_id=first, verdict="faulty", first_wrong_step=0, step_labels=[-1, None])
        build(
            session,
            Review,
            output_id=first,
            user_id=old.user_id,
            replaces_id=old.id,
            verdict="faulty",
            first_wrong_step=1,
            step_labels=[],
            shown=shown,
            blind=True,
        )
        build(session, Review, output_id=second, verdict="acceptable", first_wrong_step=None, step_labels=[])
        build(
            session,
            Review,
            output_id=third,
            verdict="cannot_judge",
            first_wrong_step=None,
            step_labels=[],
            created_at=now() - timedelta(days=1),
        )
    with db.read() as session:
        one, two, three = notebook.step_reviews(session, made.project_id)
        assert (one.output_id, one.first_error, one.labels, one.blind) == (first, 1, (1, -1), True)
        assert one.said == {"head": 1, "sums": -1} and one.suggested == "unit_error"
        assert (two.first_error, two.labels, two.said) == (-1, (1, 1), {"late": 1})
        assert (three.first_error, three.said) == (None, {}), "the critique came after that review"
        assert [r.output_id for r in notebook.step_reviews(session, made.project_id, 1)] == [third]
        assert notebook.step_reviews(session, made.project_id + 1) == []
        assert notebook.label_counts(session, made.project_id) == (1, 1)
        told = notebook.answers(session, [first])[first]
        assert told.steps == ("3 + 4 = 7.", "So the answer is 8.") and told.why == {("late", 1): "no"}


def test_people_who_disagree_teach_nothing_and_an_expert_decides(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=2)
        for output_id in made.outputs:
            for user, step in zip(made.users, (0, 1), strict=True):
                build(
                    session, Review, output_id=output_id, user_id=user, first_wrong_step=step, error_type="unit_error"
                )
        expert = projects_expert_slot(session, made.project_id, made.items[1], made.outputs[1])
        build(session, Review, output_id=made.outputs[1], assignment_id=expert, first_wrong_step=1)
    with db.read() as session:
        (label,) = notebook.labels(session, notebook.step_reviews(session, made.project_id))
        assert (label.group, label.first_error, label.error_type) == (str(made.items[1]), 1, "unit_error")
        assert label.problem.startswith("What is 3 + 4")


def projects_expert_slot(session, project_id: int, item_id: int, output_id: int) -> int:  # type: ignore[no-untyped-def]
    from store import projects

    line = projects.queue_of(session, project_id, "expert")
    return build(session, Assignment, queue_id=line.id, item_id=item_id, output_id=output_id).id


def test_versions_of_a_critic_one_in_force_and_back_again(db: Database) -> None:
    with db.write() as session:
        made, other = scene(session), scene(session)
        first = _version(session, made.project_id, "v1", current=True)
        second = _version(session, made.project_id, "v2", current=True)
        _version(session, made.project_id, "v3", current=False)
        assert _version(session, made.project_id, "v3", current=False) == _version(
            session, made.project_id, "v3", current=False
        )
        foreign = _version(session, other.project_id, "v1", current=True)
    with db.write() as session:
        assert _current(session, made.project_id) == second
        newest = critic_models.newest(session, made.project_id, "head")
        assert newest is not None and (newest.version, newest.current) == ("v3", False)
        assert [row.version for row in critic_models.versions(session, made.project_id)] == ["v3", "v2", "v1"]
        critic_models.choose(session, made.project_id, "head", first, user_id=made.users[0])
        assert _current(session, made.project_id) == first
        with pytest.raises(LookupError, match="no such version"):
            critic_models.choose(session, made.project_id, "head", foreign, user_id=made.users[0])
        assert _current(session, made.project_id) == first
        critic_models.choose(session, made.project_id, "head", None, user_id=made.users[0])
        assert _current(session, made.project_id) is None
        assert _current(session, other.project_id) == foreign
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "critic_model.choose")).all()
        assert [(e.old["version"], e.new["version"], e.user_id) for e in events] == [
            ("v2", "v1", made.users[0]),
            ("v1", None, made.users[0]),
        ]


def _version(session, project_id: int, version: str, *, current: bool) -> int:  # type: ignore[no-untyped-def]
    return critic_models.save(
        session, project_id, "head", version=version, state={}, figures={}, labels=3, current=current
    ).id


def _current(session, project_id: int) -> int | None:  # type: ignore[no-untyped-def]
    found = critic_models.current(session, project_id, "head")
    return found.id if found else None


def test_what_waits_and_nobody_holds(db: Database) -> None:
    from core.types import RiskEstimate
    from store import queue

    with db.write() as session:
        made = scene(session, overlap=2)
        for output_id in made.outputs[:2]:
            judgements.save(session, output_id, risk=RiskEstimate(0.4, "m", "1"))
        assert critic_models.waiting(session, made.project_id, 9) == made.outputs[:2]
        claim = queue.claim_next(session, made.users[0], made.project_id)
        assert claim is not None and claim.output_id == made.outputs[0]
        assert critic_models.waiting(session, made.project_id, 9) == [made.outputs[1]], "its other slot is open still"
        assert session.scalar(select(CritiqueRow.id)) is None
