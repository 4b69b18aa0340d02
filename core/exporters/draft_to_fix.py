"""A question, its chain of drafts and the text that a person let stand (PTR, paper 25): the model learns to refine, not to answer.

Question and drafts are masked, the fix is not; a fix that shares nothing with the last draft is left out as the paper's consistency
filter does. Unlike the paper the drafts are the model's own and a person closes the chain. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.edits import change
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import accepted, faulty, prompt_messages, provenance, turn
from core.exporters.masks import segment, train_spans
from core.lessons.prompt import without_reason

CUE = "Please think further and give a more precise answer."
MOST_CHANGE = 0.95  # of the characters; above, draft and fix are unrelated


@REGISTRY.register("draft_to_fix")
class DraftToFixExporter(Format):
    name = "draft_to_fix"
    title = "Drafts to fix (with loss masks)"
    needs = (Need.ACCEPTED, Need.FAULTY)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            final = accepted(record)
            drafts = list(faulty(record, final)) if final else []
            if final is None or not drafts:
                continue
            texts = [without_reason(draft.text) for draft in drafts]
            if change(texts[-1], final.text) > MOST_CHANGE:
                self.dropped["draft and fix have next to nothing in common"] += 1
                continue
            asked = prompt_messages(record.question)
            for text in texts:
                asked += [turn("assistant", text), turn("user", CUE)]
            pieces = [segment(m["content"], False) for m in asked] + [segment(final.text, True)]
            outputs = [draft.output_id for draft in drafts] + [final.attempt.output_id]
            yield {
                "prompt": asked,
                "completion": [turn("assistant", final.text)],
                "drafts": texts,
                "segments": pieces,
                "train_spans": train_spans(pieces),
                "corrigenda": provenance(record, self.schema_version, final.origin, outputs),
            }
