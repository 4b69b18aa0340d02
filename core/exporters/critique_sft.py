"""Merged critiques of whole solutions (DeepCritic, paper 14): first and second look in one voice, a block per step, then the answer.

A solution gives a row when somebody said something of the step that decides: its first wrong step or, of a clean one, any. Unlike the
paper the merge is a fixed wording, not a model's. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters import critique_text as text
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, turn


@REGISTRY.register("critique_sft")
class MergedCritiqueExporter(Format):
    name = "critique_sft"
    title = "Critiques, merged (SFT)"
    needs = (Need.STEPS,)
    extras = frozenset({"critiques"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record, attempt, critiques in text.judged(iter(records)):
            last = critiques[-1]
            if not (last.initial or last.in_depth or (last.right and any(c.initial for c in critiques))):
                self.dropped["nobody said why, of the step that decides"] += 1
                continue
            yield {
                "prompt": [turn("user", text.prompt(record, attempt))],
                "completion": [
                    turn("assistant", text.completion([c.merged for c in critiques], text.answer(critiques)))
                ],
                "label": text.answer(critiques),
                "corrigenda": provenance(record, self.schema_version, "critic", [attempt.output_id]),
            }
