"""Segment revisions (ReDiff, paper 12): a draft, ``{org, target, kind}`` replacements each with a unique original, and where the
loss is.

``loss_spans`` are the targets in the revised text and nothing else: what a person did not touch is neither rewarded nor
punished. ``round`` is the number of the attempt. Unlike the paper the pairs come from a person's rewrite. Schema 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from core.edits import extract, segments, words
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, rewrite_of

CountTokens = Callable[[str], int]


def count_words(text: str) -> int:
    return len(words(text))


@REGISTRY.register("revise")
class ReviseExporter(Format):
    name = "revise"
    title = "Segment revisions"
    needs = (Need.REWRITE,)

    def __init__(self, equal_length: CountTokens | None = None) -> None:
        super().__init__()
        self.equal_length = equal_length

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in record.attempts:
                rewrite = rewrite_of(attempt)
                if not rewrite or rewrite == attempt.text or not attempt.text:
                    continue
                found = segments(attempt.text, extract(attempt.text, rewrite), equal_length=self.equal_length)
                if not found:
                    self.dropped["no segment keeps its length"] += 1
                    continue
                result, spans = revised(attempt.text, found)
                yield {
                    "prompt": prompt_messages(record.question),
                    "draft": attempt.text,
                    "revise": found,
                    "result": result,
                    "loss_spans": spans,
                    "round": attempt.number,
                    "corrigenda": provenance(record, self.schema_version, "rewrite", [attempt.output_id]),
                }


def revised(draft: str, found: list[dict[str, str]]) -> tuple[str, list[list[int]]]:
    """The draft with each segment replaced in turn, and where the targets stand in it."""
    text, at, spans = draft, 0, []
    for one in found:
        at = text.index(one["org"], at)
        text = text[:at] + one["target"] + text[at + len(one["org"]) :]
        spans.append([at, at + len(one["target"])])
        at += len(one["target"])
    return text, spans
