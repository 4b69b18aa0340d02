"""What signals, critics and risk models said of outputs: votes, critiques, and one current risk each.

Writing is idempotent: votes and critiques are kept by their source and a risk by its output, so that a job that is killed and
run again leaves one row of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core import types
from store import outputs
from store.reviews import is_current
from store.tables import Critique, Item, Output, Review, Risk, Vote


@dataclass(frozen=True, slots=True)
class RiskTrainingRow:
    """One output as a harmonizer needs it: its votes, its own answer, and what people decided, if they did."""

    output_id: int
    item_id: int
    label: str | None
    votes: tuple[types.Vote, ...]
    verdict: types.Verdict | None


@dataclass(frozen=True, slots=True)
class AnswerText:
    """What the correctness history reads of an output."""

    prompt: str
    text: str
    model: str
    mean_logprob: float | None


def take_turn(session: Session, output_ids: Iterable[int]) -> None:
    """Until the transaction ends, others that write what is found of these outputs wait, as far as they ask for this too.

    Without it two jobs that judge one output at once would both delete what was there and both insert.
    """
    ids = sorted(output_ids)
    session.execute(select(Output.id).where(Output.id.in_(ids)).order_by(Output.id).with_for_update(key_share=True))


def save(
    session: Session,
    output_id: int,
    *,
    votes: Sequence[types.Vote] = (),
    critiques: Sequence[types.Critique] = (),
    critics: Sequence[str] = (),
    risk: types.RiskEstimate | None = None,
) -> None:
    """Keep what was found; ``take_turn`` first. A source's votes and critiques replace its older ones; those of others stay.

    ``critics`` were asked, also those that said nothing this time.
    """
    sources = {vote.source for vote in votes}
    session.execute(delete(Vote).where(Vote.output_id == output_id, Vote.source.in_(sources)))
    session.add_all(_vote_row(output_id, vote) for vote in votes)
    asked = {critique.source for critique in critiques} | set(critics)
    session.execute(delete(Critique).where(Critique.output_id == output_id, Critique.source.in_(asked)))
    session.add_all(_critique_row(output_id, critique) for critique in critiques)
    if risk is not None:
        session.execute(delete(Risk).where(Risk.output_id == output_id))
        session.add(_risk_row(output_id, risk))
    session.flush()


def _vote_row(output_id: int, vote: types.Vote) -> Vote:
    return Vote(
        output_id=output_id,
        source=vote.source,
        verdict=vote.verdict.value if vote.verdict else None,
        label=vote.label,
        evidence=vote.evidence,
        step_index=vote.step_index,
        error=vote.error,
        details=dict(vote.details),
    )


def _critique_row(output_id: int, critique: types.Critique) -> Critique:
    return Critique(
        output_id=output_id,
        step_index=critique.step_index,
        source=critique.source,
        label=int(critique.label),
        error_type=critique.error_type,
        explanation=critique.explanation,
        confidence=critique.confidence,
    )


def _risk_row(output_id: int, risk: types.RiskEstimate) -> Risk:
    return Risk(
        output_id=output_id,
        value=float(risk.value),
        method=risk.method,
        version=risk.version,
        calibrated=risk.calibrated,
        reviewed=risk.reviewed,
        low=risk.low,
        high=risk.high,
        raw=risk.raw,
        evidence=dict(risk.evidence),
        drivers=[[source, float(weight)] for source, weight in risk.drivers],
    )


def votes(session: Session, output_id: int) -> list[types.Vote]:
    """By source."""
    return [
        _vote(row) for row in session.scalars(select(Vote).where(Vote.output_id == output_id).order_by(Vote.source))
    ]


def _vote(row: Vote) -> types.Vote:
    verdict = types.Verdict(row.verdict) if row.verdict else None
    return types.Vote(row.source, verdict, row.label, row.evidence, row.step_index, row.error, row.details)


def critiques(session: Session, output_id: int) -> list[types.Critique]:
    """By step, then source."""
    query = select(Critique).where(Critique.output_id == output_id).order_by(Critique.step_index, Critique.source)
    return [
        types.Critique(
            row.step_index, row.source, types.StepLabel(row.label), row.explanation, row.confidence, row.error_type
        )
        for row in session.scalars(query)
    ]


def risk(session: Session, output_id: int) -> types.RiskEstimate | None:
    """``None`` before the output was analysed."""
    row = outputs.risk_of(session, output_id)
    if row is None:
        return None
    drivers = tuple((str(source), float(weight)) for source, weight in row.drivers)
    return types.RiskEstimate(
        row.value,
        row.method,
        row.version,
        row.calibrated,
        row.reviewed,
        row.low,
        row.high,
        drivers,
        row.raw,
        row.evidence,
    )


def logprobs(session: Session, project_id: int) -> list[float]:
    """Mean token log-probs of the project's outputs that have one."""
    query = select(Output.mean_logprob).join(Item, Item.id == Output.item_id)
    return [x for x in session.scalars(query.where(Item.project_id == project_id)) if x is not None]


def analysed_count(session: Session, project_id: int) -> int:
    """How many outputs of the project have a risk."""
    query = select(func.count(Risk.id)).join(Output, Output.id == Risk.output_id).join(Item, Item.id == Output.item_id)
    return session.scalar(query.where(Item.project_id == project_id)) or 0


def risk_rows(session: Session, project_id: int) -> list[RiskTrainingRow]:
    """Every output of the project with its votes and the verdict of its newest review that stands and judged it, by output id."""
    of_project = select(Output.id).join(Item, Item.id == Output.item_id).where(Item.project_id == project_id)
    cast: dict[int, list[types.Vote]] = {}
    for row in session.scalars(select(Vote).where(Vote.output_id.in_(of_project)).order_by(Vote.source)):
        cast.setdefault(row.output_id, []).append(_vote(row))
    judged = select(Review.output_id, Review.verdict).where(
        Review.output_id.in_(of_project), Review.verdict != types.Verdict.CANNOT_JUDGE, is_current(Review)
    )
    verdicts = dict(session.execute(judged.order_by(Review.id)).all())
    columns = select(Output.id, Output.item_id, Output.label).where(Output.id.in_(of_project)).order_by(Output.id)
    return [
        RiskTrainingRow(
            output_id,
            item_id,
            label,
            tuple(cast.get(output_id, ())),
            types.Verdict(verdicts[output_id]) if output_id in verdicts else None,
        )
        for output_id, item_id, label in session.execute(columns)
    ]


def answer_texts(session: Session, output_ids: Sequence[int]) -> dict[int, AnswerText]:
    """Texts by output id; a few hundred at a time, since they may be long."""
    query = select(Output.id, Item.prompt, Output.text, Output.model, Output.mean_logprob)
    query = query.join(Item, Item.id == Output.item_id).where(Output.id.in_(output_ids))
    return {row.id: AnswerText(row.prompt, row.text, row.model, row.mean_logprob) for row in session.execute(query)}
