"""Reviews of steps for tests of what is computed from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core.step_labels import StepReview, complete
from core.types import Verdict

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


def review(number: int, first: int | None, *, output: int = 1, user: int = 1, day: int = 0, **more: Any) -> StepReview:
    """The ``number``-th review; ``first`` is its first wrong step of three, -1 for none."""
    verdict = Verdict.CANNOT_JUDGE if first is None else Verdict.ACCEPTABLE if first == -1 else Verdict.FAULTY
    made: dict[str, Any] = {
        "review_id": number,
        "item_id": output,
        "output_id": output,
        "user_id": user,
        "at": START + timedelta(days=day),
        "model": "m",
        "verdict": verdict,
        "first_error": first,
        "labels": tuple(complete(first, [], 3)),
        "said": {},
        "user": f"person {user}",
    }
    return StepReview(**{**made, **more})
