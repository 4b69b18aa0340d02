"""From rows to a risk: a project's stack of votes, past verdicts and calibration, or the share of votes before there is one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from core.risk.base import ACCEPTABLE, FAULTY, RiskRow
from core.risk.history import HistoryRow
from core.risk.stack import BEFORE_FIT, RiskCase, RiskStack
from core.types import JobPriority, RiskEstimate, Verdict, Vote
from store import judgements, projects, queue, reviews, risk_models, vectors
from store.engine import Database
from store.judgements import AnswerText
from store.tables import Output, Project

if TYPE_CHECKING:
    from app.worker.runner import Context

LOG = structlog.get_logger("risk")
Vector = NDArray[np.float32]
FEWEST_ROWS = 20
GROWTH = 1.25
HELD_OUT = 7  # one item in so many never teaches the votes' model, so that its versions can be compared


@dataclass(frozen=True, slots=True)
class Judged:
    """An output as the risk sees it."""

    item_id: int
    label: str | None
    votes: Sequence[Vote]
    vector: Vector
    text: AnswerText | None = None


@dataclass(frozen=True, slots=True)
class RiskJudge:
    """A project's risk as it stands: ``rows`` and ``reviewed`` are what it was fitted and calibrated on."""

    labels: tuple[str, ...]
    stack: RiskStack
    rows: int = 0
    reviewed: int = 0

    @classmethod
    def of_project(cls, db: Database, project: Project, embedder_id: str) -> RiskJudge:
        """The current fitted risk; the share of votes when there is none, it is of another version of this program, or it was
        fitted on another encoder's vectors."""
        labels = tuple(project.labels)
        with db.read() as session:
            kept = risk_models.current(session, project.id)
        if kept is None or kept.state.get("embedder") not in (None, embedder_id):
            return cls(labels, RiskStack())
        try:
            stack = RiskStack.from_state(kept.state, kept.version)
        except (ValueError, KeyError, TypeError) as problem:
            LOG.warning("risk is fitted anew", project=project.id, why=str(problem))
            return cls(labels, RiskStack())
        return cls(labels, stack, kept.rows, kept.reviewed)

    def estimate(self, judged: Sequence[Judged]) -> list[RiskEstimate]:
        return self.stack.estimate([case_of(one, self.labels) for one in judged])


def case_of(judged: Judged, labels: Sequence[str]) -> RiskCase:
    row = row_of(judged.label, judged.votes, judged.vector, labels)
    text = judged.text
    if text is None:
        return RiskCase(row)
    row = replace(row, text=embedded_text(text.prompt, text.text))
    signals = {} if text.mean_logprob is None else {"logprob": text.mean_logprob}
    past = HistoryRow(text.prompt, text.text, text.model, None, judged.vector, signals, str(judged.item_id))
    return RiskCase(row, past)


def embedded_text(prompt: str, answer: str) -> str:
    """What stands for an output in the risk model: the encoder reads about 256 tokens, so a long prompt must leave room."""
    return f"{prompt[:400]}\n{answer}"


def held_out(item_id: int) -> bool:
    """Whether an item is in the slice on which versions of the votes' model are compared: fixed by its id."""
    return zlib.crc32(f"held out {item_id}".encode()) % HELD_OUT == 0


def row_of(label: str | None, votes: Sequence[Vote], vector: Vector, labels: Sequence[str]) -> RiskRow:
    answer = labels.index(label) if label in labels else ACCEPTABLE
    cast = {vote.source: said for vote in votes if (said := class_of(vote, answer, labels)) is not None}
    return RiskRow(vector, cast, answer)


def class_of(vote: Vote, answer: int, labels: Sequence[str]) -> int | None:
    """The class that a vote names, ``None`` for an abstention. Of labels, "faulty" names another one only where there are two."""
    if vote.label is not None:
        return labels.index(vote.label) if vote.label in labels else None
    if vote.verdict is Verdict.ACCEPTABLE:
        return answer if labels else ACCEPTABLE
    if vote.verdict is Verdict.FAULTY:
        return FAULTY if not labels else 1 - answer if len(labels) == 2 else None
    return None


def needs_fit(session: Session, project_id: int, judge: RiskJudge) -> bool:
    """Whether enough came since the last fit: a quarter more outputs, or a quarter and at least five more reviews."""
    count = judgements.analysed_count(session, project_id)
    reviewed = reviews.reviewed_count(session, project_id)
    if count < FEWEST_ROWS:
        return False
    return count >= GROWTH * judge.rows or reviewed >= max(GROWTH * judge.reviewed, judge.reviewed + 5)


def wake_fit(context: Context, session: Session, project_id: int) -> None:
    """Let the project's risk be fitted again; at most one such job waits per project."""
    context.enqueue(
        session,
        "fit_risk",
        {"project_id": project_id},
        priority=JobPriority.BATCH,
        dedupe_key=f"fit_risk:{project_id}",
        project_id=project_id,
    )


def put_output_vector(session: Session, project_id: int, output_id: int, model: str, vector: Vector) -> None:
    """Keep the embedding of ``embedded_text`` of an output."""
    vectors.put(
        session,
        project_id=project_id,
        scope="output",
        owner_kind="output",
        owner_id=output_id,
        model=model,
        vector=vector,
    )


def queue_priority(session: Session, project_id: int, output: Output) -> float:
    """By the order policy of the project's annotate queue; keep its risk first."""
    return queue.ordering.priorities(session, projects.queue_of(session, project_id), [output.id])[output.id]


def kept_state(stack: RiskStack, embedder_id: str) -> dict[str, Any]:
    """What ``RiskJudge.of_project`` reads; the share of votes needs no vectors and fits every encoder."""
    alone = stack.model.name == BEFORE_FIT and stack.history is None
    return {"embedder": None if alone else embedder_id, **stack.state()}
