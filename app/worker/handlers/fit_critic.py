"""Train the project's step head on what its people said of steps (paper 11), and let it speak of what waits for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.worker.heads import CRITIC, heads_of, step_head
from app.worker.payloads import FitCritic
from app.worker.runner import Context
from core.critics.base import CriticInput
from core.critics.step_head_retraining import FOLDS, enough, retrained
from core.metrics import NO_ERROR
from core.projects import ProjectSettings
from core.types import Critique
from store import critic_models, judgements, notebook, outputs, projects

RENEWED = 2000  # waiting outputs, most urgent first, of which the head speaks again
BATCH = 100


def fit_critic(context: Context, payload: FitCritic) -> dict[str, Any]:
    """Result: labels, version, whether it is in force, its figures, and of how many waiting outputs the head spoke again.

    Without ``train`` it only speaks again: after a person put another version in force.
    """
    found = _train(context, payload.project_id) if payload.train else {}
    return {**found, "renewed": _renew(context, payload.project_id)}


def _train(context: Context, project_id: int) -> dict[str, Any]:
    """A version that is worse, on held-out labels, than the one in force stays out of force. A job that runs again trains nothing."""
    version = f"{CRITIC}-{context.job.id}"
    with context.db.read() as session:
        done = critic_models.newest(session, project_id, CRITIC)
        if done is not None and done.version == version:
            return {"labels": done.labels, "version": version, "current": done.current, "figures": done.figures}
        labels = notebook.labels(session, notebook.step_reviews(session, project_id))
        before = heads_of(session, project_id)
    wrong = sum(one.first_error != NO_ERROR for one in labels)
    if not enough(wrong, len(labels) - wrong):
        return {"labels": len(labels), "version": None, "current": False}
    steps = iter(range(1, FOLDS + 2))
    context.progress(0, FOLDS + 1, "training")
    after, figures = retrained(
        labels, before, seed=project_id, say=lambda said: context.progress(next(steps), FOLDS + 1, said)
    )
    with context.db.write() as session:
        kept = critic_models.save(
            session,
            project_id,
            CRITIC,
            version=version,
            state=after.state(),
            figures=figures,
            labels=len(labels),
            current=figures["better"],
        )
        return {"labels": len(labels), "version": version, "current": kept.current, "figures": figures}


def _renew(context: Context, project_id: int) -> int:
    """What the head says of outputs that wait and that nobody is looking at."""
    with context.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
        critic = step_head(session, project_id)
        ids = critic_models.waiting(session, project_id, RENEWED) if CRITIC in options.critics else []
    done = 0
    for start in range(0, len(ids), BATCH):
        context.check()
        with context.db.read() as session:
            rows = [outputs.get(session, output_id) for output_id in ids[start : start + BATCH]]
            given = [
                CriticInput(outputs.question(session, row.item_id), row.text, outputs.to_steps(row)) for row in rows
            ]
        said = {row.id: found for row, found in zip(rows, critic.critique(given), strict=True) if found}
        done += _keep(context, project_id, said)
    return done


def _keep(context: Context, project_id: int, said: Mapping[int, Sequence[Critique]]) -> int:
    with context.db.write() as session:
        critic_models.hold(session, project_id)
        free = said.keys() & set(critic_models.waiting(session, project_id, RENEWED))
        judgements.take_turn(session, free)
        for output_id in sorted(free):
            judgements.save(session, output_id, critiques=said[output_id])
    return len(free)
