"""Reviewing sets the training of the step head going, once there are labels enough; own kinds of errors are kept and others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.state import AppState
from store.tables import Job, Review
from tests.app.pages.conftest import Desk, rows
from tests.browser import seeding
from tests.factories import build

OWN = {"key": "wrong_tone", "title": "Wrong tone", "definition": "The step is rude."}


@pytest.mark.usefixtures("job_tables")
def test_the_tenth_label_wakes_the_training(state: AppState, desk: Callable[..., Desk]) -> None:
    seeded = seeding.project(state.db, [seeding.ANSWER] * 11, settings={"critics": ["step_head"], "blind_share": 0})
    with state.db.write() as session:
        for k, output_id in enumerate(seeded.output_ids[2:]):
            step = 2 if k % 2 else None
            build(
                session, Review, output_id=output_id, verdict="faulty" if k % 2 else "acceptable", first_wrong_step=step
            )
    bob = desk()
    bob.open()
    bob.act("cannot_judge")
    assert bob.outcome == "submitted", bob.says
    assert [job.kind for job in rows(state, Job) if job.kind == "fit_critic"] == []
    bob.act("submit", {"first_wrong_step": 2})
    assert bob.outcome == "submitted", bob.says
    (job,) = [job for job in rows(state, Job) if job.kind == "fit_critic"]
    assert job.payload == {"project_id": seeded.project_id, "train": True}


@pytest.mark.usefixtures("job_tables")
def test_a_kind_of_the_project_is_offered_and_kept(state: AppState, desk: Callable[..., Desk]) -> None:
    seeding.project(state.db, [seeding.ANSWER] * 2, settings={"error_types": [OWN], "blind_share": 0})
    bob = desk()
    shown = bob.open()
    assert '<option value="wrong_tone" title="The step is rude.">Wrong tone</option>' in shown["composer"]
    bob.act("submit", {"first_wrong_step": 2, "error_type": "wrong_tone"})
    bob.act("submit", {"first_wrong_step": 1, "error_type": "of_another_project"})
    assert [row.error_type for row in rows(state, Review)] == ["wrong_tone", None]
