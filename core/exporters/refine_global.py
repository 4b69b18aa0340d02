"""Global refiner rows (GLoRe, paper 45): a question and a wrong solution in, a right solution of the same question out.

Wrong and right come from people's verdicts and rewrites or from the reference; every wrong solution is paired with the one that was let
stand or, without one, with the first right one. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import accepted, prompt_messages, provenance, turn
from core.exporters.outcomes import outputs, right
from core.lessons.prompt import without_reason

CUE = "This solution may be wrong. Write a new solution of the same problem."


@REGISTRY.register("refine_global")
class GlobalRefinerExporter(Format):
    name = "refine_global"
    title = "Global refiner: wrong draft to new solution"
    needs = (Need.OUTCOME, Need.RETRY)
    extras = frozenset({"others"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            target = _target(record)
            if target is None:
                continue
            text, output = target
            for draft in outputs(record):
                said = without_reason(draft.text)
                if right(record, draft) is False and said.strip() and said.strip() != text.strip():
                    yield {
                        "prompt": [*prompt_messages(record.question), turn("assistant", said), turn("user", CUE)],
                        "completion": [turn("assistant", text)],
                        "corrigenda": provenance(record, self.schema_version, "outcome", [draft.output_id, output]),
                    }


def _target(record: ExportRecord) -> tuple[str, int] | None:
    if (final := accepted(record)) is not None:
        return final.text, final.attempt.output_id
    found = next((a for a in outputs(record) if right(record, a) and a.text.strip()), None)
    return (without_reason(found.text), found.output_id) if found else None
