"""What a person had typed for an item: the draft to go on with, and kept texts whose item went to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth import Person
from app.view import review as view
from app.view import review_form
from app.view.languages import _
from app.view.render import excerpt
from store import drafts, items, reviews
from store.tables import Assignment, Correction


def draft_of(session: Session, slot: Assignment, person: Person) -> dict[str, Any] | None:
    """What the person had typed here, or, of a reopened review, what they had submitted."""
    draft = drafts.load(session, slot.id, person.id)
    if draft is not None:
        return {"revision": draft.revision, "body": draft.body}
    review = reviews.latest_review(session, slot.id)
    if review is None or review.user_id != person.id:
        return None
    return {
        "revision": 0,
        "body": review_form.of_review(review, correction_of(session, review.assignment_id, review.output_id)),
    }


def correction_of(session: Session, assignment_id: int | None, output_id: int) -> Correction | None:
    """The correction that was submitted with the review of that answer; one that only led to another attempt is not it."""
    query = select(Correction).where(
        Correction.assignment_id == assignment_id,
        Correction.output_id == output_id,
        Correction.effect_key.is_(None),
        reviews.is_current(Correction),
    )
    return session.scalars(query.order_by(Correction.id.desc()).limit(1)).first()


def kept_drafts(session: Session, person: Person) -> tuple[view.KeptView, ...]:
    """The person's texts whose item went to somebody else."""
    kept = []
    for draft in drafts.of_user(session, person.id, stale=True)[:20]:
        item = items.get(session, session.get_one(Assignment, draft.assignment_id).item_id)
        text, rewrite = _typed(draft.body)
        name = f"{item.external_id}: {excerpt(item.prompt, 60)}"
        kept.append(
            view.KeptView(draft.assignment_id, text or _("Marks without words."), rewrite, name, draft.updated_at)
        )
    return tuple(kept)


def _typed(body: Mapping[str, Any]) -> tuple[str, str]:
    """The words of a draft, alternatives included, and its rewrite; what was sent in vain is newer than what was saved."""
    unsent = body.get("unsent") or {}
    sent = unsent.get("correction") or {}
    alternatives = (unsent.get("review") or {}).get("alternatives") or body.get("alternatives") or ()
    says = _("Instead of step {n}: {text}")
    instead = [says.format(n=one[0] + 1, text=one[1].strip()) for one in alternatives if one[1].strip()]
    text = sent.get("text") or body.get("text") or ""
    return "\n".join(part for part in (text, *instead) if part), sent.get("rewrite") or body.get("rewrite") or ""
