"""What drives a project's labels besides quality: what was logged of each judgement, and the last fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from core.types import Verdict
from store.clock import now
from store.reviews.revisions import is_current
from store.tables import Assignment, Item, LabelDrivers, Output, Review, User

LATEST = 10_000  # judgements that are read
SITTING = timedelta(minutes=30)  # a longer pause ends a sitting


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement as it was logged. ``place`` counts a person's answers in a sitting from 0, ``risk`` stood there or would have.

    ``drawn``: the item is a random draw, whatever its risk.
    """

    output_id: int
    item_id: int
    person: str
    acceptable: bool
    text: str
    model: str
    seconds: float | None
    blind: bool
    risk: float | None
    at: datetime
    place: int
    drawn: bool = False


def judged(session: Session, project_id: int, limit: int = LATEST) -> list[Judged]:
    """The newest judgements, oldest first; "cannot judge" is none."""
    query = (
        select(
            Review.output_id,
            Output.item_id,
            Review.user_id,
            User.name,
            Review.verdict,
            Output.text,
            Output.model,
            Review.seconds,
            Review.blind,
            Review.shown,
            Review.created_at,
            func.coalesce(Assignment.audit, False).label("drawn"),
        )
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(User, User.id == Review.user_id)
        .outerjoin(Assignment, Assignment.id == Review.assignment_id)
        .where(Item.project_id == project_id, Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review))
        .order_by(Review.id.desc())
        .limit(limit)
    )
    found: list[Judged] = []
    last: dict[int, tuple[datetime, int]] = {}
    for row in session.execute(query).all()[::-1]:
        before, place = last.get(row.user_id, (row.created_at, -1))
        place = place + 1 if row.created_at - before <= SITTING else 0
        last[row.user_id] = row.created_at, place
        risk = (row.shown or {}).get("risk")
        value = risk.get("value") if isinstance(risk, dict) else None
        found.append(
            Judged(
                row.output_id,
                row.item_id,
                row.name,
                row.verdict == Verdict.ACCEPTABLE,
                row.text,
                row.model,
                row.seconds,
                row.blind,
                float(value) if isinstance(value, int | float) else None,
                row.created_at,
                place,
                bool(row.drawn),
            )
        )
    return found


def current(session: Session, project_id: int) -> LabelDrivers | None:
    """The last fit; its scores are read only where they are asked for."""
    few = load_only(
        LabelDrivers.report,
        LabelDrivers.in_force,
        LabelDrivers.reviewed,
        LabelDrivers.fitted_at,
        LabelDrivers.project_id,
    )
    return session.scalar(select(LabelDrivers).options(few).where(LabelDrivers.project_id == project_id))


def save(
    session: Session,
    project_id: int,
    *,
    report: Mapping[str, Any],
    scores: Mapping[int, Sequence[float]],
    in_force: bool,
    reviewed: int,
) -> None:
    """Replace the project's fit."""
    row = current(session, project_id) or LabelDrivers(project_id=project_id)
    row.report, row.scores = dict(report), {str(output): list(both) for output, both in scores.items()}
    row.in_force, row.reviewed, row.fitted_at = in_force, reviewed, now()
    session.add(row)
    session.flush()


def in_force(session: Session, project_id: int) -> dict[int, tuple[float, float]] | None:
    """(raw, adjusted) by output; ``None`` where nothing is adjusted."""
    query = select(LabelDrivers.scores).where(LabelDrivers.project_id == project_id, LabelDrivers.in_force)
    scores = session.scalar(query)
    return {int(output): (both[0], both[1]) for output, both in scores.items()} if scores is not None else None


def limits(session: Session, project_id: int) -> str:
    """What adjusted labels are adjusted for, and what is not claimed."""
    row = current(session, project_id)
    return str(row.report.get("limits", "")) if row is not None else ""
