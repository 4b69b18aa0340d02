"""Full-text correction as pairs (ChFT, paper 38): ``{doc_id, segment_id, source, edits: [{start, end, error, correction, type}],
target}``.

A long text is cut at line ends that no edit crosses; joined, the segments of a document spell it exactly. Rows without an index
are read too, and spans that stand in several places are refused, not guessed. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core import edits as E
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import provenance, read_provenance
from core.exporters.edit_spans import corrected, edited, read_target
from core.exporters.lines import Row
from core.exporters.writing import typed_first

SEGMENT_CHARS = 600  # about five sentences


@REGISTRY.register("edit_pairs")
class EditPairsExporter(Format):
    name = "edit_pairs"
    title = "Edit pairs of long texts"
    needs = (Need.ACCEPTED,)
    readable = True
    shows = (lambda row: bool(row["edits"]),)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        return typed_first(self.each(records), self.shows)

    def each(self, records: Iterable[ExportRecord]) -> Iterable[Row]:
        for record in records:
            for attempt, rewrite in corrected(record):
                found = E.extract(attempt.text, rewrite)
                for number, (start, end) in enumerate(cut(attempt.text, found)):
                    source = attempt.text[start:end]
                    pairs = [pair for pair in E.to_pairs(attempt.text, found) if start <= pair["start"] < max(end, 1)]
                    pairs += [p for p in E.to_pairs(attempt.text, found) if p["start"] == end == len(attempt.text) > 0]
                    pairs = [{**pair, "start": pair["start"] - start, "end": pair["end"] - start} for pair in pairs]
                    yield {
                        "doc_id": f"{record.external_id}/{attempt.number}",
                        "segment_id": number,
                        "source": source,
                        "edits": pairs,
                        "target": E.apply(source, E.from_pairs(source, pairs).edits),
                        "corrigenda": provenance(record, self.schema_version, "rewrite", [attempt.output_id]),
                    }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """One segment as an answer with its target as a rewrite; reads rows without ``corrigenda`` as well."""
        if not isinstance(row.get("source"), str):
            raise ValueError("field 'source' must be a text")
        plain = {"item": 0, "external_id": f"{row.get('doc_id', '')}#{row.get('segment_id', 0)}", "outputs": [0]}
        info = read_provenance(row, self.schema_version) if "corrigenda" in row else plain
        return edited(row["source"], read_target(row, row["source"]), info)


def cut(text: str, found: E.Edits, most: int = SEGMENT_CHARS) -> list[tuple[int, int]]:
    """Spans that spell the text, each at most ``most`` characters where a line end that no edit crosses allows it."""
    spans, start, last = [], 0, 0
    at = text.find("\n")
    while at >= 0:
        place = at + 1
        free = not any(edit.start < place < edit.end or place in (edit.start, edit.end) for edit in found)
        if place - start > most and last > start:
            spans.append((start, last))
            start = last
        last = place if free else last
        at = text.find("\n", place)
    if len(text) - start > most and start < last < len(text):
        spans.append((start, last))
        start = last
    return [*spans, (start, len(text))]
