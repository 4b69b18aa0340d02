"""First critiques of whole solutions (DeepCritic, paper 14, stage one): a block per step to the first wrong one, then its number.

Only critics' words that a person's step labels bear out; a solution of which no critic said anything so is left out. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters import critique_text as text
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, turn


@REGISTRY.register("critique_initial")
class InitialCritiqueExporter(Format):
    name = "critique_initial"
    title = "Critiques, first look (SFT)"
    needs = (Need.STEPS, Need.CRITIQUE)
    extras = frozenset({"critiques"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record, attempt, critiques in text.judged(iter(records)):
            if not critiques[-1].initial:
                self.dropped["no critic explained the step that decides, in agreement with the person"] += 1
                continue
            said = [c.initial or text.PLAIN[c.right] for c in critiques]
            yield {
                "prompt": [turn("user", text.prompt(record, attempt))],
                "completion": [turn("assistant", text.completion(said, text.answer(critiques)))],
                "corrigenda": provenance(record, self.schema_version, "critic", [attempt.output_id]),
            }
