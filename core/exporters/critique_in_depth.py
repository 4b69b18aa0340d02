"""Critiques of critiques (DeepCritic, paper 14, stage two): problem, step and first critique in, the deeper one with its verdict out.

One row per step that has both; the deeper one is a person's words on the step or a second critic's. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters import critique_text as text
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, turn
from core.exporters.stepwise import numbered
from core.lessons.prompt import question_text

INSTRUCTION = (
    "Judge the last step again: check it in another way, or say what the critique overlooked. "
    "End with \\boxed{1} if the step is right and \\boxed{-1} if it is wrong."
)


@REGISTRY.register("critique_in_depth")
class InDepthCritiqueExporter(Format):
    name = "critique_in_depth"
    title = "Critiques, second look (SFT)"
    needs = (Need.STEPS, Need.CRITIQUE)
    extras = frozenset({"critiques"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record, attempt, critiques in text.judged(iter(records)):
            for critique in critiques:
                if not (critique.initial and critique.in_depth):
                    continue
                steps = numbered(attempt.steps[: critique.index + 1])
                asked = f"{question_text(record.question)}\n\n{steps}\n\nCritique: {critique.initial}\n\n{INSTRUCTION}"
                said = f"{critique.in_depth}\n\n\\boxed{{{1 if critique.right else -1}}}"
                yield {
                    "prompt": [turn("user", asked)],
                    "completion": [turn("assistant", said)],
                    "step": critique.index + 1,
                    "corrigenda": provenance(record, self.schema_version, "critic", [attempt.output_id]),
                }
