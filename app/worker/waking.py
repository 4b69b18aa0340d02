"""What a review sets going: small enough for the web process, which only enqueues."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy.orm import Session

from app.worker import jobs
from app.worker.heads import CRITIC
from core.critics.step_head_retraining import enough
from core.lessons.relevance import enough as enough_votes
from core.lessons.sufficiency_gate import enough as enough_practice
from core.projects import ANNOTATORS, ProjectSettings
from core.reports.label_drivers import LEAST_LABELS
from core.types import JobPriority, QueueKind
from store import (
    critic_models,
    due,
    evidence,
    label_drivers,
    lesson_trials,
    lessons,
    lookups,
    notebook,
    projects,
    relevance_votes,
    reviews,
    rules,
    self_practice,
)
from store import jobs as jobs_kept
from store.tables import Job

EVERY = 5  # reviews
GROWTH = 1.1
LEARNER_GROWTH = 1.25  # of a critic or gate
REVIEWS_PER_TRIAL = 5  # so that trying costs at most two answers for every five reviews


def after_review(session: Session, project_id: int, output_id: int, review_id: int) -> None:
    """Enqueue what is due. One look says of most that it is not, or waits already; reviews are counted once at most."""
    kinds = ("fit_evidence", "fit_drivers", "try_lessons", "fit_sufficiency")
    keys = {kind: f"{kind}:{project_id}" for kind in kinds} | {"fit_critic": f"fit_critic:{project_id}:train"}
    known = due.look(session, project_id, keys.values())
    idle = {kind for kind, key in keys.items() if key not in known.waiting}
    counted = cache(lambda: reviews.reviewed_count(session, project_id))
    if "fit_evidence" in idle and _evidence_grown(known.evidence, counted):
        _enqueue(session, "fit_evidence", project_id)
    if "fit_drivers" in idle and _drivers_grown(known.drivers, counted):
        fit_drivers(session, project_id)
    if "fit_critic" in idle:
        wake_critic(session, project_id)
    if known.lessons and "try_lessons" in idle:
        wake_trials(session, project_id)
    if known.lookups and "fit_sufficiency" in idle:
        wake_sufficiency(session, project_id)
    wake_votes(session, project_id, output_id, review_id)


def evidence_due(session: Session, project_id: int) -> bool:
    """Whether enough answers were reviewed since the evidence was last looked at: five, or a tenth more."""
    known = evidence.current(session, project_id)
    before = known.reviewed if known is not None else 0
    return _evidence_grown(before, lambda: reviews.reviewed_count(session, project_id))


def _evidence_grown(before: int, counted: Callable[[], int]) -> bool:
    return _worth_counting(before) and counted() >= max(before + EVERY, GROWTH * before)


def wake_evidence(session: Session, project_id: int) -> bool:
    """Enqueue ``fit_evidence`` when it is due; at most one waits per project. Returns whether it was due."""
    if jobs_kept.waits(session, f"fit_evidence:{project_id}"):
        return True
    if not evidence_due(session, project_id):
        return False
    _enqueue(session, "fit_evidence", project_id)
    return True


def critic_due(session: Session, project_id: int) -> bool:
    """Whether people labelled enough answers since the newest version of the step head: five and a quarter more.

    Never where too few have a wrong step or none, and where the project does not use the head.
    """
    if CRITIC not in ProjectSettings.model_validate(projects.get(session, project_id).settings).critics:
        return False
    wrong, right = notebook.label_counts(session, project_id)
    return enough(wrong, right) and _grown(session, project_id, CRITIC, wrong + right)


def drivers_due(session: Session, project_id: int) -> bool:
    """Whether a quarter more answers were reviewed since it was last asked what drives labels, and enough for an answer at all."""
    known = label_drivers.current(session, project_id)
    before = known.reviewed if known is not None else 0
    return _drivers_grown(before, lambda: reviews.reviewed_count(session, project_id))


def _drivers_grown(before: int, counted: Callable[[], int]) -> bool:
    return _worth_counting(before) and counted() >= max(LEAST_LABELS, LEARNER_GROWTH * before)


def _worth_counting(before: int) -> bool:
    """Whether to count at this review: counting takes longer the more there is, and a fiftieth more changes nothing yet."""
    return random.random() * (before // 50) < 1


def wake_drivers(session: Session, project_id: int) -> bool:
    """Enqueue ``fit_drivers`` when it is due; at most one waits per project. Returns whether it was due."""
    if jobs_kept.waits(session, f"fit_drivers:{project_id}"):
        return True
    if not drivers_due(session, project_id):
        return False
    fit_drivers(session, project_id)
    return True


def fit_drivers(session: Session, project_id: int, *, user_id: int | None = None) -> int:
    """Enqueue the job, whose id is returned: a person asked for it, or it is due."""
    return _enqueue(session, "fit_drivers", project_id, user_id=user_id)


def wake_critic(session: Session, project_id: int) -> bool:
    """Enqueue ``fit_critic`` when it is due; at most one waits per project. Returns whether it was due."""
    if not critic_due(session, project_id):
        return False
    fit_critic(session, project_id)
    return True


def fit_critic(session: Session, project_id: int, *, train: bool = True, user_id: int | None = None) -> int:
    """Enqueue the job, whose id is returned: a person asked for it, or it is due."""
    return _enqueue(session, "fit_critic", project_id, "train" if train else "speak", user_id, train=train)


def wake_votes(session: Session, project_id: int, output_id: int, review_id: int) -> bool:
    """Where several people review an item, what one of them said is a vote on that answer: let it be cast. Returns whether it will.

    Each review has a job of its own, so that one which arrives while votes are cast is not missed.
    """
    several = projects.queue_of(session, project_id).overlap >= 2
    signals = ProjectSettings.model_validate(projects.get(session, project_id).settings).signals
    if not several or ANNOTATORS not in signals:
        return False
    _enqueue(session, "revote", project_id, f"output:{output_id}:review:{review_id}", output_ids=[output_id])
    return True


def wake_rules(session: Session, project_id: int, user_id: int) -> int:
    """Let the rules vote again on what was judged; every state of the rules has a job of its own, so that none is missed."""
    key = rules.state(session, project_id)
    return _enqueue(session, "revote", project_id, key, user_id, priority=JobPriority.NORMAL)


def relevance_due(session: Session, project_id: int) -> bool:
    """Whether people voted on enough lessons of look-ups since the newest version of the relevance gate: five and a quarter more."""
    used, not_relevant = relevance_votes.counts(session, project_id)
    return enough_votes(used, not_relevant) and _grown(session, project_id, lookups.GATE, used + not_relevant)


def wake_relevance(session: Session, project_id: int) -> bool:
    """Enqueue ``fit_relevance`` when it is due; at most one waits per project. Returns whether it was due."""
    if not relevance_due(session, project_id):
        return False
    _enqueue(session, "fit_relevance", project_id)
    return True


def sufficiency_due(session: Session, project_id: int) -> bool:
    """Whether enough answers with a look-up were judged since the newest version of the sufficiency gate: five and a quarter more."""
    right, wrong = self_practice.counts(session, project_id)
    return enough_practice(right, wrong) and _grown(session, project_id, lookups.SUFFICIENCY, right + wrong)


def wake_sufficiency(session: Session, project_id: int) -> bool:
    """Enqueue ``fit_sufficiency`` when it is due; at most one waits per project. Returns whether it was due."""
    if not sufficiency_due(session, project_id):
        return False
    _enqueue(session, "fit_sufficiency", project_id)
    return True


def _grown(session: Session, project_id: int, learner: str, labels: int) -> bool:
    """Whether there is so much more than the newest version of a critic or gate learned from."""
    known = critic_models.newest(session, project_id, learner)
    before = known.labels if known is not None else 0
    return labels >= max(before + EVERY, LEARNER_GROWTH * before)


def probe_lessons(
    session: Session, project_id: int, lesson_ids: Sequence[int], *, revision: int = 0, user_id: int | None = None
) -> int:
    """Enqueue the making and running of edit suites, whose job's id is returned; one waits for each wording of a lesson."""
    key = f"{min(lesson_ids)}:{revision}:{len(lesson_ids)}"
    return _enqueue(session, "probe_lessons", project_id, key, user_id, lesson_ids=list(lesson_ids))


def trials_due(session: Session, project_id: int) -> bool:
    """Whether enough was reviewed since lessons were last tried: five times as many as a run tries items, and some lesson is active."""
    size = ProjectSettings.model_validate(projects.get(session, project_id).settings).trial_size
    if size == 0 or not lessons.any_active(session, project_id):
        return False
    return lesson_trials.reviews_since_last(session, project_id) >= REVIEWS_PER_TRIAL * size


def wake_trials(session: Session, project_id: int) -> bool:
    """Enqueue ``try_lessons`` when it is due; at most one waits per project. Returns whether it was due."""
    if not trials_due(session, project_id):
        return False
    try_lessons(session, project_id)
    return True


def try_lessons(session: Session, project_id: int, *, user_id: int | None = None) -> int:
    """Enqueue the job, whose id is returned: a person asked for it, or it is due."""
    return _enqueue(session, "try_lessons", project_id, user_id=user_id)


def score_risk(session: Session, project_id: int, *, user_id: int) -> None:
    """Every answer gets the risk of the version that a person has put in force."""
    _enqueue(session, "fit_risk", project_id, "score", user_id, priority=JobPriority.NORMAL, train=False)


def _enqueue(
    session: Session,
    kind: str,
    project_id: int,
    key: str = "",
    user_id: int | None = None,
    *,
    priority: JobPriority = JobPriority.BATCH,
    **payload: Any,
) -> int:
    """The id of the job; of those with one ``key`` at most one waits per project."""
    dedupe = f"{kind}:{project_id}:{key}" if key else f"{kind}:{project_id}"
    return jobs.enqueue(
        session,
        kind,
        {"project_id": project_id, **payload},
        priority=priority,
        dedupe_key=dedupe,
        project_id=project_id,
        user_id=user_id,
    ).id


def order_queue(session: Session, project_id: int, kind: QueueKind, user_id: int) -> Job:
    """Let the worker bring a queue to its order and its access; one such job a queue, which begins anew where they change again."""
    return jobs.enqueue(
        session,
        "order_queue",
        {"project_id": project_id, "kind": kind.value},
        priority=JobPriority.NORMAL,
        dedupe_key=f"order_queue:{project_id}:{kind.value}",
        project_id=project_id,
        user_id=user_id,
    )
