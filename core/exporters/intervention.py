"""Interventions (InT, paper 19): the answer up to its first wrong step, byte for byte, then one step of a person's in its place.

Learnt are prefix and intervention; the prompt is not, nothing follows, and no end-of-sequence token belongs at the end (``add_eos`` is
false). A step that gives the final answer away is left out. ``verified`` counts stored continuations from the same place. Schema 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from core.answers import final_answer
from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, turn
from core.exporters.masks import segment, train_spans
from core.exporters.stepwise import first_error, step_start


def leaks(content: str, answers: Iterable[str | None]) -> bool:
    """Whether one of the answers stands in the step as words of its own, whatever its case."""
    folded = " ".join(content.casefold().split())
    for answer in answers:
        said = " ".join((answer or "").casefold().split()).strip(" .")
        if said and re.search(rf"(?<![\w.]){re.escape(said)}(?!\w|[.,]\d)", folded):
            return True
    return False


@REGISTRY.register("intervention")
class InterventionExporter(Format):
    name = "intervention"
    title = "Interventions before the first wrong step"
    needs = (Need.FIRST_WRONG, Need.REWRITE)
    extras = frozenset({"rollouts"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            seen: set[str] = set()
            for attempt in record.attempts:
                error = first_error(attempt)
                start = step_start(attempt, error.index) if error else None
                if error is None or start is None or not error.correction or attempt.text in seen:
                    continue
                seen.add(attempt.text)
                if leaks(error.correction, self._answers(record, attempt)):
                    self.dropped["the step gives the final answer away"] += 1
                    continue
                yield self._row(record, attempt, error.index, attempt.text[:start], error.correction)

    def carried(self, record: ExportRecord) -> ExportRecord:
        """Without the answers whose step was left out, as the reference that shows it is not carried."""
        leaking = {
            attempt.text
            for attempt in record.attempts
            if (error := first_error(attempt)) and leaks(error.correction, self._answers(record, attempt))
        }
        kept = tuple(attempt for attempt in record.attempts if attempt.text not in leaking)
        return replace(record, attempts=kept, reference=None)

    def _answers(self, record: ExportRecord, attempt: ExportAttempt) -> list[str | None]:
        """The reference and, where a person wrote the whole answer, its final answer."""
        rewrite = next((c.rewrite for c in reversed(attempt.corrections) if c.rewrite), None)
        return [record.reference, final_answer(rewrite) if rewrite else None]

    def _row(
        self, record: ExportRecord, attempt: ExportAttempt, index: int, prefix: str, content: str
    ) -> dict[str, Any]:
        pieces = [segment(prefix, True), segment(content, True)] if prefix else [segment(content, True)]
        tried = [r.right for r in attempt.rollouts if r.prefix_steps == index and r.right is not None]
        return {
            "prompt": prompt_messages(record.question),
            "completion": [turn("assistant", prefix + content)],
            "location": index + 1,
            "intervention": content,
            "segments": pieces,
            "train_spans": train_spans(pieces),
            "add_eos": False,
            "before": {"tried": len(tried), "right": sum(tried)},
            "corrigenda": provenance(record, self.schema_version, "rewrite", [attempt.output_id]),
        }
