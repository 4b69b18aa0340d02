"""Step ratings in TRL's stepwise-supervision form: ``prompt``, ``completions`` and one label per step up to the first wrong one.

Steps after the first wrong one are left out (DeepCritic, paper 14, masks them): nobody judged them. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance
from core.exporters.prm800k import step_ratings
from core.lessons.prompt import question_text
from core.types import StepLabel


@REGISTRY.register("prm_stepwise")
class StepwiseExporter(Format):
    name = "prm_stepwise"
    title = "Step ratings (TRL stepwise supervision)"
    needs = (Need.STEPS,)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in record.attempts:
                if ratings := step_ratings(attempt):
                    yield {
                        "prompt": question_text(record.question),
                        "completions": list(attempt.steps[: len(ratings)]),
                        "labels": [rating is not StepLabel.WRONG for rating in ratings],
                        "corrigenda": provenance(record, self.schema_version, "judged", [attempt.output_id]),
                    }
