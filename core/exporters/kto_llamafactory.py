"""KTO rows as LLaMA-Factory reads them: a conversation with ``label``, to be named as ``kto_tag`` in its dataset description.
Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, read_messages, read_provenance, read_question, turn
from core.exporters.kto import one_attempt, wanted


@REGISTRY.register("kto_llamafactory")
class KtoLlamaFactoryExporter(Format):
    name = "kto_llamafactory"
    title = "Wanted and unwanted answers (KTO, LLaMA-Factory)"
    needs = (Need.JUDGED,)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt, text, label, origin in wanted(record):
                yield {
                    "messages": [*prompt_messages(record.question), turn("assistant", text)],
                    "label": label,
                    "corrigenda": provenance(record, self.schema_version, origin, [attempt.output_id]),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with the last message as one attempt, accepted or faulty by its label."""
        info = read_provenance(row, self.schema_version)
        messages = read_messages(row.get("messages"), "messages")
        if messages[-1][0] != "assistant":
            raise ValueError("field 'messages' must end with a message of the assistant")
        return one_attempt(row, info, read_question(messages[:-1], info, "messages"), messages[-1][1])
