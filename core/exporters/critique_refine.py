"""A draft and what was said of it, then the better answer (AutoMathCritique, paper 40): rows for a model that uses critiques.

Guarded against shortcuts: an answer that holds two numbers fewer than the draft and the reference both do only names a result.
Schema 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import accepted, faulty, prompt_messages, provenance, turn
from core.lessons.prompt import without_reason

CUE = "What is wrong with this answer:\n{critique}\n\nGive the corrected answer in full."
_ANNOTATION = re.compile(r"<<[^<>]{0,200}>>")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def takes_a_shortcut(refined: str, draft: str, reference: str | None = None) -> bool:
    """Paper 40's guard: fewer numbers than the least of a worked reference and the draft, less two.

    Most references here are an answer without its way; then the bound is half the numbers of the draft, less two, as wrong drafts
    wander. Calculator annotations are not counted, since they say each number twice.
    """
    refined_count, draft_count = _numbers(refined), _numbers(draft)
    worked = _numbers(reference or "")
    return refined_count < (min(worked, draft_count) if worked > 2 else draft_count / 2) - 2


def _numbers(text: str) -> int:
    return len(_NUMBER.findall(_ANNOTATION.sub("", text)))


@REGISTRY.register("critique_refine")
class CritiqueRefineExporter(Format):
    name = "critique_refine"
    title = "Draft and critique to better answer"
    needs = (Need.ACCEPTED, Need.WORDS)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            if (final := accepted(record)) is None:
                continue
            for draft in faulty(record, final):
                critique = "\n".join(f"- {c.text.strip()}" for c in draft.corrections if c.text.strip())
                text = without_reason(draft.text)
                if not critique:
                    continue
                if takes_a_shortcut(final.text, text, record.reference):
                    self.dropped["the better answer names a result and leaves out the way there"] += 1
                    continue
                yield {
                    "prompt": [
                        *prompt_messages(record.question),
                        turn("assistant", text),
                        turn("user", CUE.format(critique=critique)),
                    ],
                    "completion": [turn("assistant", final.text)],
                    "corrigenda": provenance(
                        record, self.schema_version, final.origin, [draft.output_id, final.attempt.output_id]
                    ),
                }

    def carried(self, record: ExportRecord) -> ExportRecord:
        """Drafts that were left out are carried without their words, as the reference that shows why is not carried."""
        final = accepted(record)
        short = {
            draft.output_id
            for draft in (faulty(record, final) if final else ())
            if final and takes_a_shortcut(final.text, without_reason(draft.text), record.reference)
        }
        attempts = [
            replace(a, corrections=tuple(replace(c, text="") for c in a.corrections)) if a.output_id in short else a
            for a in record.attempts
        ]
        return replace(record, attempts=tuple(attempts), reference=None)
