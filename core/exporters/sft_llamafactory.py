"""Supervised rows in LLaMA-Factory's alpaca form: instruction, input, output, system; one per item with an accepted text.

The whole of the user's message is the instruction and ``input`` stays empty, since the trainer joins the two by a line end. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import accepted, provenance, question_messages, read_provenance, read_question
from core.types import Verdict


@REGISTRY.register("sft_llamafactory")
class SftLlamaFactoryExporter(Format):
    name = "sft_llamafactory"
    title = "Accepted answers (SFT, LLaMA-Factory)"
    needs = (Need.ACCEPTED,)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            if (final := accepted(record)) is not None:
                system, user = question_messages(record.question)
                yield {
                    "instruction": user,
                    "input": "",
                    "output": final.text,
                    "system": system,
                    "corrigenda": provenance(record, self.schema_version, final.origin, [final.attempt.output_id]),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with its output as one accepted attempt."""
        info = read_provenance(row, self.schema_version)
        texts = [row.get(field) for field in ("instruction", "output", "system")]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("fields 'instruction', 'output' and 'system' must be texts")
        instruction, output, system = map(str, texts)
        said = ([("system", system)] if system else []) + [("user", instruction)]
        attempt = ExportAttempt(info["outputs"][-1], 1, output, "", (), Verdict.ACCEPTABLE)
        return ExportRecord(info["item"], info["external_id"], read_question(said, info, "instruction"), (attempt,))
