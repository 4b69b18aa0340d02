"""Outcome rows (GLoRe, paper 45): a question, a whole solution, and whether it ends right; what an outcome reward model learns.
Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance
from core.exporters.outcomes import outputs, right
from core.lessons.prompt import question_text


@REGISTRY.register("orm")
class OrmExporter(Format):
    name = "orm"
    title = "Outcome labels of whole solutions (ORM)"
    needs = (Need.OUTCOME,)
    extras = frozenset({"others"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in outputs(record):
                label = right(record, attempt)
                if label is not None and attempt.text.strip():
                    yield {
                        "prompt": question_text(record.question),
                        "solution": attempt.text,
                        "label": int(label),
                        "source": "person" if attempt.verdict else "reference",
                        "corrigenda": provenance(record, self.schema_version, "outcome", [attempt.output_id]),
                    }
