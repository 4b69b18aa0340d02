"""Local refiner rows (GLoRe, paper 45): a draft with ``[BAD]`` before its first wrong step in, the right continuation from there out.

The continuation is a person's rewrite that keeps the steps before, or else a stored continuation from that place that ended right.
Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, rewrite_of, turn
from core.exporters.stepwise import first_error, step_start

BAD = "[BAD]"
CUE = "The step after [BAD] is wrong. Continue correctly from there."


@REGISTRY.register("refine_local")
class LocalRefinerExporter(Format):
    name = "refine_local"
    title = "Local refiner: marked draft to continuation"
    needs = (Need.FIRST_WRONG,)
    extras = frozenset({"rollouts"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in record.attempts:
                error = first_error(attempt)
                start = step_start(attempt, error.index) if error else None
                if error is None or start is None:
                    continue
                if BAD in attempt.text:
                    self.dropped["the draft holds the mark itself"] += 1
                    continue
                found = _continuation(attempt, error.index, attempt.text[:start])
                if found is None:
                    self.dropped["no right continuation from before the wrong step"] += 1
                    continue
                text, origin = found
                marked = f"{attempt.text[:start]}{BAD} {attempt.text[start:]}"
                yield {
                    "prompt": [*prompt_messages(record.question), turn("assistant", marked), turn("user", CUE)],
                    "completion": [turn("assistant", text)],
                    "first_error_step": error.index + 1,
                    "corrigenda": provenance(record, self.schema_version, origin, [attempt.output_id]),
                }


def _continuation(attempt: ExportAttempt, index: int, head: str) -> tuple[str, str] | None:
    rewrite = rewrite_of(attempt)
    if rewrite and rewrite.startswith(head) and rewrite[len(head) :].strip():
        return rewrite[len(head) :], "rewrite"
    found = next((r for r in attempt.rollouts if r.prefix_steps == index and r.right and r.text.strip()), None)
    return (found.text, "rollouts") if found else None
