"""What explains a risk beyond its votes: the project's evidence map, past verdicts, and the evidence kept with each risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import types
from store import judgements
from store.clock import now
from store.reviews.revisions import is_current
from store.tables import Assignment, Critique, EvidenceMap, Item, Output, Queue, Review, Risk, Step, Vote

HELD = (types.AssignmentState.OPEN, types.AssignmentState.CLAIMED)


@dataclass(frozen=True, slots=True)
class ReviewedOutput:
    """An output with the verdict of its newest review that judged it, and the first wrong step that was marked there, if any."""

    output_id: int
    item_id: int
    verdict: types.Verdict
    first_wrong_step: int | None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """A reviewed answer as a page shows it; ``verdict`` is what people say now, ``None`` when they took it back."""

    output_id: int
    item_id: int
    external_id: str
    prompt: str
    text: str
    verdict: types.Verdict | None


def current(session: Session, project_id: int) -> EvidenceMap | None:
    return session.scalar(select(EvidenceMap).where(EvidenceMap.project_id == project_id))


def save(
    session: Session,
    project_id: int,
    *,
    embedder: str,
    state: Mapping[str, Any],
    figures: Mapping[str, Any],
    shown: bool,
    reviewed: int,
) -> EvidenceMap:
    """Replace the project's map. Weights are kept although they are not shown: the next marks may show that they are right."""
    row = current(session, project_id) or EvidenceMap(project_id=project_id)
    row.embedder, row.state, row.figures = embedder, dict(state), dict(figures)
    row.shown, row.reviewed, row.fitted_at = shown, reviewed, now()
    session.add(row)
    session.flush()
    return row


def reviewed(session: Session, project_id: int, limit: int) -> list[ReviewedOutput]:
    """The project's reviewed outputs, latest review first; of several reviews of one output the newest counts."""
    query = (
        select(Review.output_id, Output.item_id, Review.verdict, Review.first_wrong_step)
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, Review.verdict != types.Verdict.CANNOT_JUDGE, is_current(Review))
        .order_by(Review.id.desc())
        .limit(2 * limit)  # room for second reviews of the same output
    )
    found: dict[int, ReviewedOutput] = {}
    for output_id, item_id, verdict, step in session.execute(query):
        found.setdefault(output_id, ReviewedOutput(output_id, item_id, types.Verdict(verdict), step))
    return list(found.values())[:limit]


def waiting(session: Session, project_id: int, limit: int) -> list[tuple[int, int]]:
    """(output, item) of what waits for people and has a risk, most urgent first."""
    query = (
        select(Assignment.output_id, Assignment.item_id)
        .join(Queue, Queue.id == Assignment.queue_id)
        .join(Risk, Risk.output_id == Assignment.output_id)
        .where(Queue.project_id == project_id, Assignment.state.in_(HELD))
        .order_by(Assignment.priority.desc(), Assignment.id)
        .limit(limit)
    )
    return list(dict.fromkeys((output_id, item_id) for output_id, item_id in session.execute(query)))


def step_texts(session: Session, output_ids: Sequence[int]) -> dict[int, list[str]]:
    """The steps of outputs in order, by output id."""
    found: dict[int, list[str]] = {}
    query = select(Step.output_id, Step.text).where(Step.output_id.in_(output_ids)).order_by(Step.output_id, Step.index)
    for output_id, text in session.execute(query):
        found.setdefault(output_id, []).append(text)
    return found


def keep(session: Session, found: Mapping[int, Mapping[str, Any]]) -> None:
    """Set the evidence of these outputs' risks; the risks themselves stay. An output without a risk is passed over."""
    judgements.take_turn(session, found)
    for output_id, evidence in found.items():
        session.execute(update(Risk).where(Risk.output_id == output_id).values(evidence=dict(evidence)))


def past_answers(session: Session, output_ids: Sequence[int]) -> dict[int, PastAnswer]:
    """What a page shows of past answers, by output id, with their verdicts of now."""
    if not output_ids:
        return {}
    judged = select(Review.output_id, Review.verdict).where(
        Review.output_id.in_(output_ids), Review.verdict != types.Verdict.CANNOT_JUDGE, is_current(Review)
    )
    verdicts = dict(session.execute(judged.order_by(Review.id)).all())
    query = (
        select(Output.id, Item.id, Item.external_id, Item.prompt, Output.text)
        .join(Item, Item.id == Output.item_id)
        .where(Output.id.in_(output_ids))
    )
    return {
        row[0]: PastAnswer(*row, types.Verdict(verdicts[row[0]]) if row[0] in verdicts else None)
        for row in session.execute(query)
    }


def step_verdicts(session: Session, project_id: int, limit: int = 20_000) -> list[tuple[types.Critique, list[int]]]:
    """The newest critiques of a project, each with the lengths in characters of all steps of its answer."""
    query = (
        select(Critique)
        .join(Output, Output.id == Critique.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id)
        .order_by(Critique.id.desc())
        .limit(limit)
    )
    rows = session.scalars(query).all()
    lengths: dict[int, list[int]] = {}
    ids = list({row.output_id for row in rows})
    for start in range(0, len(ids), 500):
        texts = step_texts(session, ids[start : start + 500])
        lengths |= {output_id: [len(text) for text in steps] for output_id, steps in texts.items()}
    return [
        (
            types.Critique(row.step_index, row.source, types.StepLabel(row.label), "", row.confidence),
            lengths[row.output_id],
        )
        for row in rows
        if row.output_id in lengths
    ]


def judge_votes(session: Session, project_id: int, source: str = "judge") -> list[types.Vote]:
    """The stored votes of a judge, for ``core.reports.judge_audit``."""
    query = (
        select(Vote)
        .join(Output, Output.id == Vote.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, Vote.source == source)
        .order_by(Vote.id)
    )
    return [
        types.Vote(
            row.source, types.Verdict(row.verdict) if row.verdict else None, evidence=row.evidence, details=row.details
        )
        for row in session.scalars(query)
    ]
