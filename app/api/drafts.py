"""Drafts of the review page: what is typed for an assignment is kept here within two seconds.

The answer to a save also proposes how far the words reach and what they build on, so that typing costs one request, not two.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from app import auth
from app.api.sign_in import state_of
from app.auth import Person
from app.view.review_form import ReviewForm
from core.lessons import handling
from store import drafts
from store.clock import now

router = APIRouter(prefix="/api/v1")


class DraftIn(BaseModel):
    """``revision`` counts the changes that the browser has seen; the largest wins."""

    model_config = ConfigDict(extra="ignore")

    revision: int = Field(ge=1, le=2**31 - 1)
    body: ReviewForm


def signed_in(request: Request) -> Person:
    """Who sent this; raises 401."""
    person = auth.person_of(state_of(request), request)
    if person is None:
        raise HTTPException(401, "Sign in first. What you typed is kept in this browser.")
    return person


@router.put("/drafts/{assignment_id}")
def save(assignment_id: int, draft: DraftIn, request: Request) -> dict[str, Any]:
    """Keep a draft of an item that the person holds or held. Refused (403, 404) for anybody else's."""
    person = signed_in(request)
    try:
        with state_of(request).db.write() as session:
            kept = drafts.save(session, assignment_id, person.id, draft.body.model_dump(mode="json"), draft.revision)
    except PermissionError:
        raise HTTPException(403, "not yours, kept here") from None
    except LookupError:
        raise HTTPException(404, "item gone, kept here") from None
    return {"revision": kept, "saved_at": now().isoformat(), "handling": _proposal(draft.body)}


def _proposal(form: ReviewForm) -> dict[str, Any] | None:
    if not form.words or form.handled:
        return None
    proposed = handling.classify(form.words, step_index=form.first_wrong_step)
    return {"scope": proposed.scope, "dependency": proposed.dependency, "why": proposed.why}
