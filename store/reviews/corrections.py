"""Corrections: what people said is wrong, as rows that are added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core import edits
from core.types import Dependency, Scope
from store import audit, outputs
from store.reviews.revisions import is_current
from store.tables import Correction, Output
from store.text import clean


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """``rewrite`` is the whole answer as it should be; spans index the output's text."""

    user_id: int
    output_id: int
    text: str
    scope: str = Scope.SKILL.value
    dependency: str = Dependency.LAST.value
    assignment_id: int | None = None
    step_index: int | None = None
    span_start: int | None = None
    span_end: int | None = None
    error_type: str | None = None
    rewrite: str | None = None
    replaces_id: int | None = None
    effect_key: str | None = None


def add_correction(session: Session, new: NewCorrection) -> Correction:
    """Keep what a person said; one that carries the same effect key is returned unchanged.

    The rewrite is kept with its edits against the output. Raises ``ValueError`` on an empty text, a step or span outside the
    output, or an unknown scope or dependency.
    """
    if new.effect_key is not None:
        known = session.scalar(select(Correction).where(Correction.effect_key == new.effect_key))
        if known is not None:
            return known
    output = session.get(Output, new.output_id)
    if output is None:
        raise LookupError(f"there is no output {new.output_id}")
    text, rewrite = clean(new.text).strip(), clean(new.rewrite)
    if not text and rewrite is None:
        raise ValueError("say in words what is wrong, or rewrite the answer")
    _check_place(session, new, output)
    before = session.get_one(Correction, new.replaces_id) if new.replaces_id is not None else None
    row = Correction(
        output_id=new.output_id,
        assignment_id=new.assignment_id,
        user_id=new.user_id,
        text=text,
        scope=Scope(new.scope).value,
        dependency=Dependency(new.dependency).value,
        step_index=new.step_index,
        span_start=new.span_start,
        span_end=new.span_end,
        error_type=new.error_type,
        rewrite=rewrite,
        edits=edits.to_json(edits.extract(output.text, rewrite)) if rewrite is not None else [],
        revision=before.revision + 1 if before else 1,
        replaces_id=new.replaces_id,
        effect_key=new.effect_key,
    )
    session.add(row)
    session.flush()
    new_values = {"output": new.output_id, "scope": row.scope, "dependency": row.dependency, "revision": row.revision}
    audit.record(session, "correction.add", "correction", row.id, user_id=new.user_id, new=new_values)
    return row


def _check_place(session: Session, new: NewCorrection, output: Output) -> None:
    if new.step_index is not None:
        steps = outputs.step_count(session, output.id)
        if not 0 <= new.step_index < steps:
            raise ValueError(f"the answer has {steps} steps, and no step {new.step_index + 1}")
    if (new.span_start is None) != (new.span_end is None):
        raise ValueError("a span has a start and an end")
    start, end = new.span_start or 0, new.span_end or 1
    if new.span_start is not None and not 0 <= start < end <= len(output.text):
        raise ValueError(f"no span {start}..{end} in an answer of {len(output.text)} characters")


def get_correction(session: Session, correction_id: int) -> Correction:
    """Raises ``LookupError``."""
    correction = session.get(Correction, correction_id)
    if correction is None:
        raise LookupError(f"there is no correction {correction_id}")
    return correction


def corrections_for(session: Session, item_id: int) -> Sequence[Correction]:
    """Current corrections of the item's outputs, oldest first."""
    query = select(Correction).where(*_of_item(item_id))
    return session.scalars(query.order_by(Correction.id)).all()


def has_corrections(session: Session, item_id: int) -> bool:
    """Whether there are any of these."""
    return session.scalar(select(Correction.id).where(*_of_item(item_id)).limit(1)) is not None


def _of_item(item_id: int) -> tuple[ColumnElement[bool], ...]:
    answers = select(Output.id).where(Output.item_id == item_id)
    return Correction.output_id.in_(answers), is_current(Correction)
