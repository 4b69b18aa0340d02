"""Step ratings as a conversation: each turn of the user brings one step, each answer is ``+`` or ``-``.

The chat form in which a language model is tuned as a step-wise judge without a new head; the loss belongs on the answers alone, which
``train`` says turn by turn. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, turn
from core.exporters.prm800k import step_ratings
from core.exporters.stepwise import bare_step
from core.lessons.prompt import question_text
from core.types import StepLabel


@REGISTRY.register("prm_chat")
class ChatPrmExporter(Format):
    name = "prm_chat"
    title = "Step ratings as a conversation"
    needs = (Need.STEPS,)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in record.attempts:
                turns: list[dict[str, str]] = []
                for k, rating in enumerate(step_ratings(attempt), 1):
                    step = f"Step {k}: {bare_step(attempt.steps[k - 1])}"
                    turns.append(turn("user", step if turns else f"{question_text(record.question)}\n\n{step}"))
                    turns.append(turn("assistant", "-" if rating is StepLabel.WRONG else "+"))
                if turns:
                    yield {
                        "messages": turns,
                        "train": [message["role"] == "assistant" for message in turns],
                        "corrigenda": provenance(record, self.schema_version, "judged", [attempt.output_id]),
                    }
