"""Draft, then the text that it should have been (RAC, paper 32), with direct rows in between so that answering at once is kept.

The loss belongs on the reference alone: ``segments`` say so for any trainer, and ``prompt`` and ``completion`` for TRL. The
reference is a person's rewrite; for free texts without one it is the item's reference. Unlike the paper the draft is not cut.
Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, rewrite_of, turn
from core.exporters.masks import segment, train_spans
from core.lessons.prompt import without_reason
from core.types import CorrectionText, ItemType

CUE = "Write the corrected answer in full."


@REGISTRY.register("draft_to_reference")
class DraftToReferenceExporter(Format):
    name = "draft_to_reference"
    title = "Own draft to reference (with loss masks)"
    needs = (Need.REWRITE,)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt, draft, reference in _pairs(record):
                for kind in ("direct", "correction"):
                    yield self._row(record, attempt, draft if kind == "correction" else "", reference)

    def carried(self, record: ExportRecord) -> ExportRecord:
        """A reference that stands in the rows as the right text is carried as a rewrite."""
        targets = {attempt.output_id: text for attempt, _, text in _pairs(record) if not rewrite_of(attempt)}
        said = {output: (CorrectionText(0, "", rewrite=text),) for output, text in targets.items()}
        attempts = [replace(a, corrections=(*a.corrections, *said.get(a.output_id, ()))) for a in record.attempts]
        return replace(record, attempts=tuple(attempts), reference=None)

    def _row(self, record: ExportRecord, attempt: ExportAttempt, draft: str, reference: str) -> dict[str, Any]:
        asked = prompt_messages(record.question)
        turns = [turn("assistant", draft), turn("user", CUE)] if draft else []
        pieces = [segment(m["content"], False) for m in (*asked, *turns)] + [segment(reference, True)]
        return {
            "prompt": [*asked, *turns],
            "completion": [turn("assistant", reference)],
            "draft": draft,
            "kind": "correction" if draft else "direct",
            "segments": pieces,
            "train_spans": train_spans(pieces),
            "corrigenda": provenance(record, self.schema_version, "rewrite", [attempt.output_id]),
        }


def _pairs(record: ExportRecord) -> Iterator[tuple[ExportAttempt, str, str]]:
    for attempt in record.attempts:
        reference = rewrite_of(attempt)
        if reference is None and record.question.item_type is ItemType.TEXT:
            reference = record.reference
        draft = without_reason(attempt.text)
        if reference and draft.strip() and reference.strip() and draft.strip() != reference.strip():
            yield attempt, draft, reference
