"""Preference pairs in LLaMA-Factory's sharegpt form: a conversation, then the chosen and the rejected turn. Schema 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import read_provenance
from core.exporters.dpo import DpoExporter


@REGISTRY.register("dpo_llamafactory")
class DpoLlamaFactoryExporter(Format):
    name = "dpo_llamafactory"
    title = "Preference pairs (DPO, LLaMA-Factory)"
    needs = (Need.ACCEPTED, Need.FAULTY)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for row in DpoExporter().rows(records):
            said = {message["role"]: message["content"] for message in row["prompt"]}
            yield {
                "conversations": [{"from": "human", "value": said["user"]}],
                "chosen": {"from": "gpt", "value": row["chosen"][0]["content"]},
                "rejected": {"from": "gpt", "value": row["rejected"][0]["content"]},
                "system": said.get("system", ""),
                "corrigenda": row["corrigenda"],
            }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with the rejected text as a faulty attempt and the chosen one as an accepted attempt."""
        read_provenance(row, self.schema_version)
        try:
            asked, chosen, rejected = row["conversations"][0]["value"], row["chosen"]["value"], row["rejected"]["value"]
        except (KeyError, IndexError, TypeError):
            raise ValueError(
                "fields 'conversations', 'chosen' and 'rejected' must hold turns with 'from' and 'value'"
            ) from None
        system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
        plain = {
            "prompt": [*system, {"role": "user", "content": asked}],
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
            "corrigenda": row["corrigenda"],
        }
        return DpoExporter().read(plain)
