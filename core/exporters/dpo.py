"""Preference pairs in TRL's conversational form: what a person let stand against each faulty attempt at the same item.

Chosen is a rewrite or an accepted attempt; rejected is an attempt before it, or the one rewritten, that was judged faulty or
corrected. No reference answer is written. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import (
    accepted,
    faulty,
    prompt_messages,
    provenance,
    read_messages,
    read_provenance,
    read_question,
)
from core.lessons.prompt import without_reason
from core.types import Verdict


@REGISTRY.register("dpo")
class DpoExporter(Format):
    name = "dpo"
    title = "Preference pairs (DPO)"
    needs = (Need.ACCEPTED, Need.FAULTY)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            if (final := accepted(record)) is None:
                continue
            for wrong in faulty(record, final):
                outputs = [wrong.output_id, final.attempt.output_id]
                yield {
                    "prompt": prompt_messages(record.question),
                    "chosen": [{"role": "assistant", "content": final.text}],
                    "rejected": [{"role": "assistant", "content": without_reason(wrong.text)}],
                    "corrigenda": provenance(record, self.schema_version, final.origin, outputs),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with the rejected text as a faulty attempt and the chosen one as an accepted attempt."""
        info = read_provenance(row, self.schema_version)
        question = read_question(read_messages(row.get("prompt"), "prompt"), info, "prompt")
        if len(info["outputs"]) != 2:
            raise ValueError("field 'corrigenda.outputs' must name the rejected and the chosen output")
        rejected, chosen = (read_messages(row.get(f), f)[-1][1] for f in ("rejected", "chosen"))
        attempts = (
            ExportAttempt(info["outputs"][0], 1, rejected, "", (), Verdict.FAULTY),
            ExportAttempt(info["outputs"][1], 2, chosen, "", (), Verdict.ACCEPTABLE),
        )
        return ExportRecord(info["item"], info["external_id"], question, attempts)
