"""Two labels that corrections exchanged are put right (paper 29): dampening does not help there, labelling anew does.

Corrections are never changed: each gets a revision with the other label. Taking it back is a retraction of those revisions, which can
itself be rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.recipes.swapped import Swap, swapped
from store import audit, lessons, unlearning
from store.reviews import NewCorrection, add_correction, is_current
from store.tables import Correction, Output, Retraction, RetractionEntry
from store.withdrawn import held

LABEL = "label"  # what is exchanged, among ``store.unlearning.exchanged``


def found_swap(session: Session, retraction_id: int) -> Swap | None:
    """The two labels that the corrections which a retraction holds exchange, if any."""
    return swapped(unlearning.exchanged(session, retraction_id)[LABEL])


def relabel(session: Session, project_id: int, retraction_id: int, user_id: int, why: str) -> list[int]:
    """Give each held correction that names one of two exchanged labels a revision with the other one, in this transaction.

    Returns the items concerned, whose lessons are to be distilled anew. The person who asks signs the revisions. Raises
    ``LookupError``, and ``ValueError`` without a reason, where no two labels are exchanged, or where it was done before.
    """
    row = session.get(Retraction, retraction_id, with_for_update=True)
    if row is None or row.project_id != project_id:
        raise LookupError(f"this project has no retraction {retraction_id}")
    if not why.strip():
        raise ValueError("say why the labels are exchanged: the reason is kept with what is changed")
    if row.undone_at is not None:
        raise ValueError("this retraction was rolled back: what it held stands as it was")
    if session.scalar(select(Correction.id).where(_made_by(retraction_id)).limit(1)) is not None:
        raise ValueError("the labels were exchanged before: if that was taken back, roll that retraction back")
    swap = found_swap(session, retraction_id)
    if swap is None:
        raise ValueError("no two labels look exchanged here: label these answers anew one by one")
    other = {swap.a: swap.b, swap.b: swap.a}
    rows = [one for one in _held(session, retraction_id) if (one.rewrite or "").strip() in other]
    for one in rows:
        add_correction(session, _revised(one, other, retraction_id, user_id))
    new = {"labels": sorted(other), "corrections": [one.id for one in rows], "why": why.strip()}
    audit.record(session, "retraction.relabel", "retraction", retraction_id, user_id=user_id, new=new)
    return sorted(set(session.scalars(select(Output.item_id).where(Output.id.in_([one.output_id for one in rows])))))


def standing(session: Session, retraction_id: int) -> list[int]:
    """Corrections that exchanging the labels made and that stand."""
    query = select(Correction.id).where(_made_by(retraction_id), Correction.id.not_in(held("correction")))
    return list(session.scalars(query.order_by(Correction.id)))


def takes_back(session: Session, retraction_id: int) -> lessons.Filter:
    """What a retraction must find to take the new labels back. Raises ``ValueError`` where none stand."""
    made = standing(session, retraction_id)
    if not made:
        raise ValueError("no labels that were exchanged stand here")
    return lessons.Filter(correction_ids=tuple(made))


def _held(session: Session, retraction_id: int) -> Sequence[Correction]:
    """What the retraction holds and nobody has revised since."""
    ids = select(RetractionEntry.owner_id).where(
        RetractionEntry.retraction_id == retraction_id, RetractionEntry.kind == "correction"
    )
    query = select(Correction).where(Correction.id.in_(ids), Correction.rewrite.is_not(None), is_current(Correction))
    return session.scalars(query.order_by(Correction.id)).all()


def _revised(one: Correction, other: dict[str, str], retraction_id: int, user_id: int) -> NewCorrection:
    return NewCorrection(
        user_id,
        one.output_id,
        exchanged(one.text, other),
        scope=one.scope,
        dependency=one.dependency,
        assignment_id=one.assignment_id,
        step_index=one.step_index,
        span_start=one.span_start,
        span_end=one.span_end,
        error_type=one.error_type,
        rewrite=other[(one.rewrite or "").strip()],
        replaces_id=one.id,
        effect_key=f"{_key(retraction_id)}{one.id}",
    )


def exchanged(text: str, other: dict[str, str]) -> str:
    """The words of a correction with each of the labels, as a whole word, in place of the other."""
    longest = sorted(other, key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", lambda found: other[found.group()], text)


def _key(retraction_id: int) -> str:
    return f"relabel:{retraction_id}:"


def _made_by(retraction_id: int) -> ColumnElement[bool]:
    return Correction.effect_key.startswith(_key(retraction_id), autoescape=True)
