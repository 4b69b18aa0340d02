"""Error types counted per model (the analysis figure of LEMMA, paper 5): what people chose, else what a critic suggested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.metrics import NO_ERROR
from core.reports.base import REGISTRY
from core.step_labels import StepReview
from core.types import Verdict


@REGISTRY.register("error_counts")
class ErrorCountsReport:
    name = "error_counts"

    def compute(self, rows: Sequence[StepReview]) -> Mapping[str, Any]:
        """``types``: keys by falling count. ``models``: per model ``n`` and, per key, ``count``, ``share`` and ``suggested``.

        One count per answer that was found wrong: the newest review that has a type, else the newest with a suggestion. Those
        without either are ``untyped``.
        """
        found: dict[int, tuple[str, str, bool]] = {}
        for one in sorted(rows, key=lambda review: (bool(review.error_type), bool(review.suggested), review.review_id)):
            if one.verdict is Verdict.FAULTY or one.first_error not in (None, NO_ERROR):
                found[one.output_id] = (one.model, one.error_type or one.suggested, not one.error_type)
        typed = [entry for entry in found.values() if entry[1]]
        totals = Counter(kind for _, kind, _ in typed)
        return {
            "types": sorted(totals, key=lambda kind: (-totals[kind], kind)),
            "models": [_model(model, typed) for model in sorted({model for model, _, _ in typed})],
            "untyped": len(found) - len(typed),
        }


def _model(model: str, typed: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    mine = [(kind, suggested) for name, kind, suggested in typed if name == model]
    counts = Counter(kind for kind, _ in mine)
    guessed = Counter(kind for kind, suggested in mine if suggested)
    return {
        "model": model,
        "n": len(mine),
        "types": {
            kind: {"count": n, "share": n / len(mine), "suggested": guessed[kind]} for kind, n in counts.most_common()
        },
    }
