"""Prompts for critics that learn by reward (DeepCritic, paper 14): the number of the first wrong step, or -1, is the label.

The reward is 1 where the number in ``\\boxed{}`` equals the label, else 0. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters import critique_text as text
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, turn


@REGISTRY.register("critique_rl")
class CritiqueRlExporter(Format):
    name = "critique_rl"
    title = "Critique prompts with labels (RL)"
    needs = (Need.STEPS,)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record, attempt, critiques in text.judged(iter(records)):
            yield {
                "prompt": [turn("user", text.prompt(record, attempt))],
                "label": text.answer(critiques),
                "steps": len(attempt.steps),
                "corrigenda": provenance(record, self.schema_version, "judged", [attempt.output_id]),
            }
