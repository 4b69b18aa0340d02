"""What the quality page is computed from: who judged what, how wrong the steps of each author are, and the curve over corrections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core import step_labels
from core.item_types import REGISTRY as ITEM_TYPES
from core.metrics import NO_ERROR
from core.reports.agreement import Judgement
from core.reports.learning_curve import Point
from core.reports.supervision_quality import Supervised
from core.types import QueueKind, Verdict
from store import notebook, projects
from store.reviews.revisions import is_current, is_latest
from store.tables import Assignment, Correction, Item, Output, Queue, Review, Step, User

LATEST = 20_000  # reviews that are read
WINDOW = 20  # first answers of the random draw that make one point of the curve


def judgements(session: Session, project_id: int, limit: int = LATEST) -> list[Judgement]:
    """The newest reviews that judged, oldest first, also those that an adjudication decided over: they are what people said.

    What an expert decided of the same answer is gold: an adjudication, else a review in a queue of the experts. Reviews of gold items
    are among those that it judges.
    """
    query = (
        select(
            Review.id,
            Review.output_id,
            Review.user_id,
            User.name,
            Review.verdict,
            Review.seconds,
            func.coalesce(Queue.kind, QueueKind.ANNOTATE).label("kind"),
            Review.decides,
            Review.created_at,
            Review.first_wrong_step,
            Review.step_labels,
            Review.blind,
            Review.shown["risk"].label("risk"),
            exists().where(Step.output_id == Review.output_id).label("in_steps"),
        )
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(User, User.id == Review.user_id)
        .outerjoin(Assignment, Assignment.id == Review.assignment_id)
        .outerjoin(Queue, Queue.id == Assignment.queue_id)
        .where(Item.project_id == project_id, Review.verdict != Verdict.CANNOT_JUDGE, is_latest(Review))
        .order_by(Review.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()[::-1]
    experts = sorted((row for row in rows if _by_expert(row)), key=lambda row: row.decides)
    gold = {row.output_id: row.verdict == Verdict.FAULTY for row in experts}
    marked = _marked(session, project_id, limit)
    return [
        Judgement(
            row.output_id,
            row.user_id,
            row.name,
            row.verdict == Verdict.FAULTY,
            row.seconds,
            None if _by_expert(row) else gold.get(row.output_id),
            row.created_at,
            step_labels.first_error(Verdict(row.verdict), row.first_wrong_step, row.step_labels)
            if row.in_steps
            else None,
            marked.get((row.output_id, row.user_id), ()),
            row.blind,
            _risk(row.risk),
            _by_expert(row),
        )
        for row in rows
    ]


def _risk(shown: Any) -> float | None:
    """What stood there, or would have; ``None`` where the answer had no risk yet."""
    value = shown.get("value") if isinstance(shown, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _marked(session: Session, project_id: int, limit: int) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
    """The spans of each answer that each person marked or rewrote, by (output, person); of the newest corrections."""
    query = (
        select(Correction.output_id, Correction.user_id, Correction.span_start, Correction.span_end, Correction.edits)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, is_latest(Correction))
        .order_by(Correction.id.desc())
        .limit(limit)
    )
    found: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for output, user, start, end, edits in session.execute(query):
        own = found.setdefault((output, user), set())
        if start is not None and end is not None:
            own.add((start, end))
        own.update((edit["start"], edit["end"]) for edit in edits or ())
    return {key: tuple(sorted(spans)) for key, spans in found.items() if spans}


def _by_expert(row: Any) -> bool:
    return bool(row.decides or row.kind != QueueKind.ANNOTATE)


def supervised(session: Session, project_id: int) -> list[Supervised]:
    """Answers whose steps a person judged, by the newest review of each; their outcome is compared with the reference."""
    latest = {row.output_id: row for row in notebook.step_reviews(session, project_id) if row.first_error is not None}
    outcome = _outcomes(session, project_id, list(latest))
    return [
        Supervised(
            row.model,
            outcome.get(row.output_id),
            row.first_error if row.first_error is not None else NO_ERROR,
            len(row.labels),
            row.labels,
        )
        for row in latest.values()
    ]


def _outcomes(session: Session, project_id: int, output_ids: Sequence[int]) -> dict[int, bool]:
    """Whether each answer differs from the reference; items without one are not in it."""
    same = ITEM_TYPES.make(projects.get(session, project_id).item_type).same_answer
    found: dict[int, bool] = {}
    ids = iter(output_ids)
    while part := list(islice(ids, 500)):
        query = select(Output.id, Output.text, Item.reference).join(Item, Item.id == Output.item_id)
        for id_, text, reference in session.execute(query.where(Output.id.in_(part), Item.reference.is_not(None))):
            found[id_] = not same(text, reference or "")
    return found


def curve(session: Session, project_id: int, window: int = WINDOW) -> list[Point]:
    """Share of acceptable first answers among random draws, by the corrections made until then: a point per ``window`` of them.

    Only items that were drawn at random count, because the others are chosen for their risk; only first answers, because later
    ones had a correction of their own.
    """
    query = (
        select(Output.id, Review.verdict, Output.created_at)
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(Assignment, Assignment.id == Review.assignment_id)
        .where(
            Item.project_id == project_id,
            Output.attempt == 1,
            Assignment.audit.is_(True),
            Review.verdict != Verdict.CANNOT_JUDGE,
            is_current(Review),
        )
        .order_by(Output.created_at, Review.id)
    )
    newest: dict[int, Any] = {row.id: row for row in session.execute(query)}
    moments = session.scalars(
        select(Correction.created_at)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, is_current(Correction))
        .order_by(Correction.created_at)
    ).all()
    points: dict[int, list[bool]] = {}
    rows, before, part = iter(sorted(newest.values(), key=lambda row: row.created_at)), 0, []
    for row in rows:
        while before < len(moments) and moments[before] <= row.created_at:
            before += 1
        part.append(row.verdict == Verdict.ACCEPTABLE)
        if len(part) == window:
            points.setdefault(before, []).extend(part)
            part = []
    return [Point(float(x), sum(fine) / len(fine), float(len(fine))) for x, fine in points.items() if x]
