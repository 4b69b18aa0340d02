"""The order of a queue by its policy: what the policy weighs is read here, for one output as for a million in batches.

A batch is a short transaction of its own, by keyset, so that people go on claiming while a queue is put in another order. Random draws
of the audit slice keep theirs: it must know nothing of what is known of an answer.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from core.critics.combine import suspicion
from core.lessons.prompt import estimate_tokens
from core.policies import REGISTRY as POLICIES
from core.policies.base import Policy, QueueCandidate, RolledOut, Sides
from core.policies.diversity import spread
from core.projects import ANNOTATORS
from core.types import Critique, StepLabel, Verdict
from store import rollouts, vectors
from store.queue.states import OPEN, PASSED, SUBMITTED
from store.tables import Assignment, Output, Queue, Review, Risk, Vote
from store.tables import Critique as CritiqueRow

BATCH = 500  # slots of one transaction
KNOWN = 500  # answers that stand for all that were reviewed, and for all that wait
MODEL_SIGNALS = ("critics", "judge", ANNOTATORS)  # not of the weak side: they repeat the strong one, or are people

Matrix = NDArray[np.float32]


@dataclass(slots=True)
class Surroundings:
    """What answers are compared with, read once per re-ordering: vectors of length 1, shape (n, d), of one encoder."""

    model: str | None = None
    reviewed: Matrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    waiting: Matrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))


def policy_of(queue: Queue) -> Policy:
    return POLICIES.make(queue.order_policy)


def surroundings(session: Session, queue: Queue) -> Surroundings:
    """Empty where the queue's policy compares nothing, or nothing has a vector."""
    policy = policy_of(queue)
    if not policy.needs & {"distance", "density"}:
        return Surroundings()
    waits, done = _waiting(session, queue, KNOWN), session.scalars(_finished(queue)).all()
    for model in vectors.models_in(session, "output"):
        waiting, reviewed = _matrix(session, waits, model), _matrix(session, done, model)
        if len(waiting) or len(reviewed):
            return Surroundings(model, reviewed, waiting)
    return Surroundings()


def _finished(queue: Queue) -> Select[int]:
    mine = (Assignment.queue_id == queue.id, Assignment.finished_at.is_not(None), Assignment.state == SUBMITTED)
    return select(Assignment.output_id).where(*mine).order_by(Assignment.finished_at.desc()).limit(KNOWN)


def _waiting(session: Session, queue: Queue, most: int) -> list[int]:
    """Outputs that wait: random draws of the audit slice, because no order has chosen them, then the first of the others."""
    found: list[int] = []
    for audit in (True, False):
        query = select(Assignment.output_id).where(
            Assignment.queue_id == queue.id, Assignment.state == OPEN, Assignment.audit.is_(audit)
        )
        query = query.order_by(Assignment.priority.desc(), Assignment.id)
        found += session.scalars(query.limit(most - len(found))).all()
    return sorted(set(found))


def _matrix(session: Session, output_ids: Sequence[int], model: str) -> Matrix:
    found = vectors.of(session, "output", output_ids, model)
    return _unit(np.stack(list(found.values()))) if found else np.zeros((0, 0), np.float32)


def _unit(matrix: Matrix) -> Matrix:
    unit: Matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return unit


def priorities(
    session: Session, queue: Queue, output_ids: Sequence[int], around: Surroundings | None = None
) -> dict[int, float]:
    """By output, larger first; ties are settled by a draw that is the same whenever it is asked for."""
    policy = policy_of(queue)
    return {id_: policy.priority(one) for id_, one in candidates(session, queue, output_ids, around).items()}


def lacking(session: Session, queue: Queue, sample: int = 200) -> tuple[int, Counter[str]]:
    """Of how many waiting outputs, and of how many of those the policy lacks what, in words: these stand behind the others."""
    ids, policy = _waiting(session, queue, sample), policy_of(queue)
    said = (policy.lacks(one) for one in candidates(session, queue, ids).values())
    return len(ids), Counter(word for word in said if word)


def candidates(
    session: Session, queue: Queue, output_ids: Sequence[int], around: Surroundings | None = None
) -> dict[int, QueueCandidate]:
    """What the queue's policy may weigh of each output; only what it needs is read."""
    needs = policy_of(queue).needs
    rows = session.execute(
        select(Output.id, Output.created_at, Output.text, Risk.value)
        .outerjoin(Risk, Risk.output_id == Output.id)
        .where(Output.id.in_(output_ids))
    ).all()
    sides = _sides(session, output_ids) if "sides" in needs else {}
    distance, density = _places(session, queue, output_ids, around) if needs & {"distance", "density"} else ({}, {})
    return {
        row.id: QueueCandidate(
            row.value,
            row.created_at,
            random.Random(row.id).random(),
            _rolled_out(session, row.id, row.text) if "rollouts" in needs else None,
            distance.get(row.id),
            density.get(row.id),
            sides.get(row.id),
        )
        for row in rows
    }


def _rolled_out(session: Session, output_id: int, text: str) -> RolledOut | None:
    found = rollouts.found(session, output_id)
    return RolledOut(found.mc, found.wrong, found.searches, estimate_tokens(text)) if found else None


def _places(
    session: Session, queue: Queue, output_ids: Sequence[int], around: Surroundings | None
) -> tuple[dict[int, float], dict[int, float]]:
    """Distance to what was reviewed or comes before, and density among what waits, of those outputs that have a vector."""
    around = around or surroundings(session, queue)
    found = vectors.of(session, "output", output_ids, around.model) if around.model is not None else {}
    if not found:
        return {}, {}
    ids, matrix = list(found), _unit(np.stack(list(found.values())))
    distances = spread(matrix, around.reviewed)
    densities = (matrix @ around.waiting.T).mean(axis=1) if len(around.waiting) else np.full(len(ids), np.nan)
    density = {id_: float(one) for id_, one in zip(ids, densities, strict=True) if np.isfinite(one)}
    return dict(zip(ids, map(float, distances), strict=True)), density


def _sides(session: Session, output_ids: Sequence[int]) -> dict[int, Sides]:
    people = _people(session, output_ids)
    against: dict[int, list[bool]] = defaultdict(list)
    votes = select(Vote.output_id, Vote.source, Vote.verdict).where(
        Vote.output_id.in_(output_ids), Vote.verdict.is_not(None), Vote.source.not_in(MODEL_SIGNALS)
    )
    for output_id, _, verdict in session.execute(votes):
        against[output_id].append(verdict == Verdict.FAULTY)
    strong = _strong(session, output_ids)
    weak = {id_: (sum(said) + 0.5) / (len(said) + 1) for id_, said in against.items()} | people
    return {id_: Sides(weak[id_], strong[id_]) for id_ in weak if id_ in strong}


def _people(session: Session, output_ids: Iterable[int]) -> dict[int, float]:
    """Share of those who judged an output that found it faulty."""
    said: dict[int, list[bool]] = defaultdict(list)
    query = select(Review.output_id, Review.verdict).where(
        Review.output_id.in_(list(output_ids)), Review.verdict != Verdict.CANNOT_JUDGE, ~Review.decides
    )
    for output_id, verdict in session.execute(query):
        said[output_id].append(verdict == Verdict.FAULTY)
    return {id_: sum(one) / len(one) for id_, one in said.items()}


def _strong(session: Session, output_ids: Sequence[int]) -> dict[int, float]:
    """How faulty critics find an output: the most suspicious of them."""
    told: dict[int, dict[str, list[Critique]]] = defaultdict(lambda: defaultdict(list))
    query = select(CritiqueRow).where(CritiqueRow.output_id.in_(output_ids))
    for row in session.scalars(query):
        one = Critique(row.step_index, row.source, StepLabel(row.label), row.explanation, row.confidence)
        told[row.output_id][row.source].append(one)
    return {id_: max(suspicion(said) for said in by.values()) for id_, by in told.items()}


START = (0, -1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Slots that wait, with their outputs; ``after`` is where the next batch begins."""

    slots: Mapping[int, int]  # output by slot
    after: tuple[int, int]


def batch(session: Session, queue: Queue, after: tuple[int, int], size: int = BATCH) -> Batch | None:
    """The next waiting slots of the queue by (item, slot), from ``START`` on; ``None`` when there are no more."""
    rows: Sequence[Any] = session.execute(
        select(Assignment.id, Assignment.output_id, Assignment.item_id, Assignment.slot)
        .where(
            Assignment.queue_id == queue.id,
            tuple_(Assignment.item_id, Assignment.slot) > tuple_(*after),
            Assignment.state.in_((OPEN, PASSED)),
            Assignment.gold.is_(False),
        )
        .order_by(Assignment.item_id, Assignment.slot)
        .limit(size)
    ).all()
    if not rows:
        return None
    return Batch({row.id: row.output_id for row in rows}, (rows[-1].item_id, rows[-1].slot))
