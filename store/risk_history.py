"""What is known of how well risk did: reviewed risks, sources, versions, and what a threshold would do, in bounded queries.

A review keeps the risk that its reader saw. That risk was made before the verdict, so it judges the calibration fairly; the output's
risk of today may have learned from that very review.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, case, cast, func, or_, select
from sqlalchemy.orm import Session

from core.types import Verdict
from store.projects import queue_of
from store.queue.states import CLAIMED, OPEN, PASSED
from store.reviews.revisions import is_current
from store.tables import Assignment, AuditEvent, Item, Output, Review, Risk, RiskModel, Vote

LATEST = 2_000  # reviews that figures are computed from
ANSWERS = 1_000  # newest answers over which the coverage of sources is counted
BINS = 100  # of the histogram behind the threshold
WAITING = (OPEN, PASSED)
LEFT = (OPEN, PASSED, CLAIMED)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One output with its newest verdict. ``shown`` is the risk its reader saw; ``value`` and ``raw`` are those of now."""

    output_id: int
    item_id: int
    model: str
    wrong: bool
    audit: bool
    at: datetime
    shown: float | None
    shown_raw: float | None
    shown_calibrated: bool
    value: float | None
    raw: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """``votes`` of ``answers`` were no abstentions; ``doubt`` is the mean risk of its votes being wrong (POLAR, paper 1)."""

    name: str
    answers: int
    votes: int
    doubt: float | None
    reviewed: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """Answers of a queue with a risk in one hundredth: how many, with their mean risk, and how many of them are not reviewed."""

    low: float
    calibrated: bool
    audit: bool
    count: int
    waiting: int  # for people, or passed
    left: int  # waiting, or in somebody's hands
    mean: float


def reviewed(session: Session, project_id: int, limit: int = LATEST, *, only_audit: bool = False) -> list[Reviewed]:
    """The newest reviews that judged, or those of random draws alone, one per output, oldest first."""
    query = (
        select(
            Review.output_id,
            Output.item_id,
            Output.model,
            Review.verdict,
            func.coalesce(Assignment.audit, False),
            Review.created_at,
            Review.shown["risk"].label("shown"),
            Risk.value,
            Risk.raw,
        )
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .outerjoin(Assignment, Assignment.id == Review.assignment_id)
        .outerjoin(Risk, Risk.output_id == Review.output_id)
        .where(Item.project_id == project_id, Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review))
        .order_by(Review.id.desc())
    )
    if only_audit:
        query = query.where(Assignment.audit.is_(True))
    found: dict[int, Reviewed] = {}
    for output_id, item_id, model, verdict, audit, at, shown, value, raw in session.execute(query.limit(limit)):
        seen = shown if isinstance(shown, dict) else {}
        found.setdefault(
            output_id,
            Reviewed(
                output_id,
                item_id,
                model,
                verdict == Verdict.FAULTY,
                bool(audit),
                at,
                _number(seen.get("value")),
                _number(seen.get("raw")),
                bool(seen.get("calibrated")),
                value,
                raw,
            ),
        )
    return list(found.values())[::-1]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def sources(session: Session, project_id: int, judged: Sequence[Reviewed]) -> list[Source]:
    """Every source that voted on the newest answers, with how often its votes agree with people on the ``judged`` ones."""
    newest = select(Output.id).join(Item, Item.id == Output.item_id).where(Item.project_id == project_id)
    latest = newest.order_by(Output.id.desc()).limit(ANSWERS).cte("latest")
    answers = session.scalar(select(func.count()).select_from(latest)) or 0
    against, voted = _against(), or_(Vote.verdict.is_not(None), Vote.label.is_not(None))
    doubt = func.avg(case((against == 1, 1 - Risk.value), else_=Risk.value))
    query = (
        select(Vote.source, func.count(), doubt)
        .join(latest, latest.c.id == Vote.output_id)
        .join(Output, Output.id == Vote.output_id)
        .outerjoin(Risk, Risk.output_id == Vote.output_id)
        .where(voted)
        .group_by(Vote.source)
    )
    found = {name: (count, _number(mean)) for name, count, mean in session.execute(query)}
    agreed = _agreed(session, {row.output_id: row.wrong for row in judged[-ANSWERS:]})
    names = sorted({*found, *agreed})
    return [Source(name, answers, *found.get(name, (0, None)), *agreed.get(name, (0, 0))) for name in names]


def _against() -> Any:
    """1 where a vote speaks against the answer as it is."""
    return case(
        (Vote.verdict == Verdict.FAULTY.value, 1),
        (Vote.verdict == Verdict.ACCEPTABLE.value, 0),
        (Vote.label == Output.label, 0),
        else_=1,
    )


def _agreed(session: Session, wrong: dict[int, bool]) -> dict[str, tuple[int, int]]:
    """Of each source: how many of its votes are on judged answers, and how many of those agree."""
    counts: dict[str, tuple[int, int]] = {}
    ids = list(wrong)
    for start in range(0, len(ids), 500):
        query = (
            select(Vote.source, Vote.output_id, _against())
            .join(Output, Output.id == Vote.output_id)
            .where(Vote.output_id.in_(ids[start : start + 500]))
            .where(or_(Vote.verdict.is_not(None), Vote.label.is_not(None)))
        )
        for source, output_id, against in session.execute(query):
            seen, right = counts.get(source, (0, 0))
            counts[source] = (seen + 1, right + (bool(against) == wrong[output_id]))
    return counts


def versions(session: Session, project_id: int, limit: int = 12) -> list[dict[str, Any]]:
    """The risk models that were kept, newest first, without their weights."""
    names = ("version", "method", "rows", "reviewed", "figures", "current", "created_at")
    query = select(*(getattr(RiskModel, name) for name in names)).where(RiskModel.project_id == project_id)
    rows = session.execute(query.order_by(RiskModel.id.desc()).limit(limit))
    return [dict(zip(names, row, strict=True)) for row in rows]


def census(session: Session, project_id: int) -> list[Band]:
    """The risks of the annotate queue's answers in hundredths: one walk over the queue, from which several figures follow."""
    queue = queue_of(session, project_id)
    # Rounding a half less is rounding down, alike on both databases; the last part undoes what binary fractions lose.
    band = cast(func.round(Risk.value * BINS - 0.5 + 1e-7), Integer).label("band")
    waits, left = (func.sum(case((Assignment.state.in_(names), 1), else_=0)) for names in (WAITING, LEFT))
    query = (
        select(band, Risk.calibrated, Assignment.audit, func.count(), waits, left, func.sum(Risk.value))
        .join(Risk, Risk.output_id == Assignment.output_id)
        .where(Assignment.queue_id == queue.id, Assignment.slot == 0)
        .group_by(band, Risk.calibrated, Assignment.audit)
        .order_by(band)
    )
    return [
        Band(
            min(max(0, number), BINS - 1) / BINS,
            calibrated,
            audit,
            count,
            int(waiting),
            int(rest),
            float(total) / count,
        )
        for number, calibrated, audit, count, waiting, rest, total in session.execute(query)
    ]


def marks(session: Session) -> tuple[int, int]:
    """The newest risk and the newest audited act: while they stand, so does ``census``. Two look-ups in an index."""
    return (session.scalar(select(func.max(Risk.id))) or 0, session.scalar(select(func.max(AuditEvent.id))) or 0)


@dataclass(frozen=True, slots=True)
class Worked:
    """How far the ordered queue was worked off: see ``core.reports.audit_slice.combined``."""

    cutoff: float
    total_above: int
    total_below: int


def worked(bands: Sequence[Band], judged: Sequence[Reviewed]) -> Worked:
    """Down to which hundredth of risk every answer that is no draw was reviewed, and how many answers lie on either side.

    Those reviewed count by the risk that they had then, those left by the one they have now.
    """
    lowest = max((band.low + 1 / BINS for band in bands if band.left and not band.audit), default=0.0)
    cutoff = round(lowest, 6) if lowest < 1 else 2.0  # a risk of 1 is in the last hundredth
    seen = sum(risk_of(row) >= cutoff for row in judged)
    above = sum(band.left for band in bands if band.low >= cutoff - 1e-9)
    return Worked(cutoff, seen + above, len(judged) - seen + sum(band.left for band in bands) - above)


def risk_of(row: Reviewed) -> float:
    """The risk that a reviewed answer was ordered by, as far as it was kept."""
    return next((value for value in (row.shown, row.value) if value is not None), 0.5)
