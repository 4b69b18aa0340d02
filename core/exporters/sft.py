"""Supervised fine-tuning rows in the ``messages`` form that TRL and ``datasets`` load: one per item with an accepted text.

No reference answer is written: what a model learns here is what people accepted or wrote. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import accepted, prompt_messages, provenance, read_messages, read_provenance, read_question
from core.types import Verdict


@REGISTRY.register("sft")
class SftExporter(Format):
    name = "sft"
    title = "Accepted answers (SFT)"
    needs = (Need.ACCEPTED,)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            if (final := accepted(record)) is not None:
                yield {
                    "messages": [*prompt_messages(record.question), {"role": "assistant", "content": final.text}],
                    "corrigenda": provenance(record, self.schema_version, final.origin, [final.attempt.output_id]),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with its final text as one accepted attempt."""
        info = read_provenance(row, self.schema_version)
        messages = read_messages(row.get("messages"), "messages")
        if messages[-1][0] != "assistant":
            raise ValueError("field 'messages' must end with a message of the assistant")
        question = read_question(messages[:-1], info, "messages")
        attempt = ExportAttempt(info["outputs"][-1], 1, messages[-1][1], "", (), Verdict.ACCEPTABLE)
        return ExportRecord(info["item"], info["external_id"], question, (attempt,))
