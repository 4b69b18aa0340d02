"""Edits as what a model writes (paper 13): ``4 4 need, 10 12 transportation fees`` where that is shorter than the text, else the text.

The completion begins with the mode that it is in. Each row also holds source, target, typed edits and the M2 block. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core import edits as E
from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import provenance, read_provenance, rewrite_of, turn
from core.exporters.lines import Row
from core.exporters.writing import typed_first
from core.types import CorrectionText, Question, Verdict

INSTRUCTION = (
    "Correct the text. Write “Edits:” and then, for each change, the number of the first word, the number of the word after the "
    "last, and the new words, separated by commas; words and punctuation marks are numbered from 0. Write “Edits: None” if nothing "
    "is wrong, or “Text:” and the whole corrected text if that is shorter."
)


def corrected(record: ExportRecord) -> Iterator[tuple[ExportAttempt, str]]:
    """Each answer with its rewrite; an accepted one without a rewrite is its own, which teaches leaving alone what is right."""
    for attempt in record.attempts:
        rewrite = rewrite_of(attempt)
        if rewrite is None and attempt.verdict is Verdict.ACCEPTABLE and not attempt.corrections:
            rewrite = attempt.text
        if rewrite is not None and attempt.text.strip():
            yield attempt, rewrite


@REGISTRY.register("edit_spans")
class EditSpansExporter(Format):
    name = "edit_spans"
    title = "Edit spans (SFT and M2)"
    needs = (Need.ACCEPTED,)
    readable = True
    shows = (lambda row: bool(row["edits"]),)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        return typed_first(self.each(records), self.shows)

    def each(self, records: Iterable[ExportRecord]) -> Iterable[Row]:
        for record in records:
            for attempt, target in corrected(record):
                found = E.extract(attempt.text, target)
                mode, text = E.as_target(attempt.text, target)
                yield {
                    "prompt": [turn("system", INSTRUCTION), turn("user", attempt.text)],
                    "completion": [turn("assistant", text)],
                    "mode": mode,
                    "source": attempt.text,
                    "target": target,
                    "edits": E.to_pairs(attempt.text, found),
                    "types": [edit.type for edit in found],
                    "m2": E.write_m2(attempt.text, [found]),
                    "corrigenda": provenance(record, self.schema_version, "rewrite", [attempt.output_id]),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The source as an answer with its target as a rewrite; the question itself is not in such rows."""
        info = read_provenance(row, self.schema_version)
        if not isinstance(row.get("source"), str):
            raise ValueError("field 'source' must be a text")
        return edited(row["source"], read_target(row, row["source"]), info)


def read_target(row: Mapping[str, Any], source: str) -> str:
    """The target, which the edits must give; raises ``ValueError`` where they do not."""
    target, parsed = row.get("target"), E.from_pairs(source, row.get("edits"))
    if not parsed.fine:
        raise ValueError(f"field 'edits': {parsed.problems[0].message}")
    made = E.apply(source, parsed.edits)
    if target is not None and target != made:
        raise ValueError("field 'target' is not what 'edits' make of 'source'")
    return made


def edited(source: str, target: str, info: Mapping[str, Any]) -> ExportRecord:
    """A record of one answer and its rewrite, or of one that was accepted as it is."""
    same = source == target
    fixes = () if same else (CorrectionText(0, "", rewrite=target),)
    attempt = ExportAttempt(
        info["outputs"][-1], 1, source, "", (), Verdict.ACCEPTABLE if same else Verdict.FAULTY, corrections=fixes
    )
    return ExportRecord(info["item"], info["external_id"], Question(source), (attempt,))
