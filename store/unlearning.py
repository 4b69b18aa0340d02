"""What heads may have learned from what a retraction holds: labels taken back, and how they differ from those that stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import Verdict
from store.reviews import is_current
from store.tables import Correction, CriticModel, Item, Output, Project, RetractionEntry, Review, RiskModel
from store.withdrawn import held

Pairs = list[tuple[str, str]]


def exchanged(session: Session, retraction_id: int) -> dict[str, Pairs]:
    """(what was taken back, what stands) by ``verdict``, ``kind of error`` and ``label``, of answers that others judged too.

    Of labels an item's reference speaks where nobody else has corrected it.
    """
    verdicts, kinds = _of_reviews(session, retraction_id)
    return {"verdict": verdicts, "kind of error": kinds, "label": _of_labels(session, retraction_id)}


def _held_here(retraction_id: int, kind: str) -> Any:
    return select(RetractionEntry.owner_id).where(
        RetractionEntry.retraction_id == retraction_id, RetractionEntry.kind == kind
    )


def _of_reviews(session: Session, retraction_id: int) -> tuple[Pairs, Pairs]:
    columns = select(Review.output_id, Review.verdict, Review.error_type)
    gone = session.execute(columns.where(Review.id.in_(_held_here(retraction_id, "review")))).all()
    outputs = select(Review.output_id).where(Review.id.in_(_held_here(retraction_id, "review")))
    standing = columns.where(Review.output_id.in_(outputs), is_current(Review), Review.verdict != Verdict.CANNOT_JUDGE)
    rows = session.execute(standing.order_by(Review.id)).all()
    verdicts, kinds = _most((row[0], row[1]) for row in rows), _most((row[0], row[2]) for row in rows if row[2])
    return (
        [(verdict, verdicts[output]) for output, verdict, _ in gone if output in verdicts],
        [(kind, kinds[output]) for output, _, kind in gone if kind and output in kinds],
    )


def _of_labels(session: Session, retraction_id: int) -> Pairs:
    query = (
        select(Correction.output_id, Correction.rewrite, Item.reference, Project.labels)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(Project, Project.id == Item.project_id)
        .where(Correction.id.in_(_held_here(retraction_id, "correction")), Correction.rewrite.is_not(None))
    )
    gone = session.execute(query).all()
    outputs = select(Correction.output_id).where(Correction.id.in_(_held_here(retraction_id, "correction")))
    others = select(Correction.output_id, Correction.rewrite).where(
        Correction.output_id.in_(outputs), Correction.rewrite.is_not(None), Correction.id.not_in(held("correction"))
    )
    said = _most((output, rewrite.strip()) for output, rewrite in session.execute(others) if rewrite is not None)
    pairs = [
        (rewrite.strip(), said.get(output, (reference or "").strip()), labels)
        for output, rewrite, reference, labels in gone
        if rewrite is not None
    ]
    return [(one, right) for one, right, labels in pairs if one in labels and right in labels]


def _most(rows: Iterable[tuple[int, str]]) -> dict[int, str]:
    """By output what most say."""
    counts: dict[int, Counter[str]] = {}
    for output, said in rows:
        counts.setdefault(output, Counter())[said] += 1
    return {output: count.most_common(1)[0][0] for output, count in counts.items()}


def affected_outputs(session: Session, retraction_id: int) -> set[int]:
    """Outputs of the reviews that a retraction holds."""
    query = select(Review.output_id).where(Review.id.in_(_held_here(retraction_id, "review")))
    return set(session.scalars(query))


def offered(session: Session, project_id: int, retraction_id: int) -> tuple[list[CriticModel], list[RiskModel]]:
    """Versions of the step critic and of the risk that were made for a retraction, oldest first."""
    critics = select(CriticModel).where(CriticModel.project_id == project_id).order_by(CriticModel.id)
    risks = select(RiskModel).where(RiskModel.project_id == project_id).order_by(RiskModel.id)
    return (
        [row for row in session.scalars(critics) if row.figures.get("retraction") == retraction_id],
        [row for row in session.scalars(risks) if row.figures.get("retraction") == retraction_id],
    )
