"""Preference pairs by strict dominance (SPARE, paper 22): chosen is better than rejected in its outcome and in its mean step label.

The outcome is a person's verdict or the comparison with the reference; step labels are people's, or else the mean of the critics'. At
most ten pairs an item, those that are furthest apart first. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, turn
from core.exporters.outcomes import outputs, right
from core.exporters.prm800k import step_ratings
from core.lessons.prompt import without_reason

MOST_PAIRS = 10


def step_score(attempt: ExportAttempt) -> float | None:
    """Mean label of the steps from -1 to 1; ``None`` where nobody judged a step."""
    labels = [int(label) for label in attempt.step_labels if label is not None] or [
        int(x) for x in step_ratings(attempt)
    ]
    labels = labels or [int(critique.label) for critique in attempt.critiques]
    return float(round(mean(labels), 6)) if labels else None


@REGISTRY.register("orpo")
class OrpoExporter(Format):
    name = "orpo"
    title = "Preference pairs by strict dominance (ORPO)"
    needs = (Need.OUTCOME, Need.RETRY)
    extras = frozenset({"critiques", "others"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            scored = [
                (a, ok, score)
                for a in outputs(record)
                if (ok := right(record, a)) is not None and (score := step_score(a)) is not None
            ]
            pairs = [(a, b) for a in scored for b in scored if a[1] and not b[1] and a[2] > b[2]]
            pairs.sort(key=lambda pair: (pair[1][2] - pair[0][2], pair[0][0].output_id, pair[1][0].output_id))
            for (better, _, high), (worse, _, low) in pairs[:MOST_PAIRS]:
                yield {
                    "prompt": prompt_messages(record.question),
                    "chosen": [turn("assistant", without_reason(better.text))],
                    "rejected": [turn("assistant", without_reason(worse.text))],
                    "scores": {"chosen": [1.0, high], "rejected": [0.0, low]},
                    "corrigenda": provenance(
                        record, self.schema_version, "dominance", [worse.output_id, better.output_id]
                    ),
                }
