"""Reviews and corrections: what people decided and what they said is wrong. Append-only; a revision points at the one it replaces."""

from store.reviews.blind import is_blind
from store.reviews.corrections import NewCorrection, add_correction, corrections_for, get_correction, has_corrections
from store.reviews.deciding import Decided, compared, decided, mark_seen
from store.reviews.reading import (
    as_text,
    finished,
    get,
    history,
    latest_review,
    reviewed_count,
    reviews_for,
    verdicts_on,
)
from store.reviews.revisions import is_current, is_latest
from store.reviews.submitting import NewReview, SubmitResult, submit

__all__ = [
    "Decided",
    "NewCorrection",
    "NewReview",
    "SubmitResult",
    "add_correction",
    "as_text",
    "compared",
    "corrections_for",
    "decided",
    "finished",
    "get",
    "get_correction",
    "has_corrections",
    "history",
    "is_blind",
    "is_current",
    "is_latest",
    "latest_review",
    "mark_seen",
    "reviewed_count",
    "reviews_for",
    "submit",
    "verdicts_on",
]
