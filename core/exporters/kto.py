"""Single answers marked as wanted or not, in TRL's unpaired-preference form for KTO: accepted and rewritten against faulty ones.

An answer that was accepted and then rewritten counts as unwanted beside its rewrite. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import (
    prompt_messages,
    provenance,
    read_messages,
    read_provenance,
    read_question,
    rewrite_of,
    turn,
)
from core.lessons.prompt import without_reason
from core.types import Verdict


def wanted(record: ExportRecord) -> Iterator[tuple[ExportAttempt, str, bool, str]]:
    """(attempt, text, wanted, origin) of every judged or rewritten answer, each text once."""
    seen: set[str] = set()
    for attempt in record.attempts:
        rewrite, text = rewrite_of(attempt), without_reason(attempt.text)
        good = attempt.verdict is Verdict.ACCEPTABLE and rewrite is None
        bad = attempt.verdict is Verdict.FAULTY or bool(attempt.corrections and not good)
        found = [(text, good, "accepted" if good else "faulty")] if good or bad else []
        found += [(rewrite, True, "rewrite")] if rewrite else []
        for said, label, origin in found:
            if said.strip() and said.strip() not in seen:
                seen.add(said.strip())
                yield attempt, said, label, origin


@REGISTRY.register("kto")
class KtoExporter(Format):
    name = "kto"
    title = "Wanted and unwanted answers (KTO, TRL)"
    needs = (Need.JUDGED,)
    steps = False
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt, text, label, origin in wanted(record):
                yield {
                    "prompt": prompt_messages(record.question),
                    "completion": [turn("assistant", text)],
                    "label": label,
                    "corrigenda": provenance(record, self.schema_version, origin, [attempt.output_id]),
                }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """The item with the completion as one attempt, accepted or faulty by its label."""
        info = read_provenance(row, self.schema_version)
        question = read_question(read_messages(row.get("prompt"), "prompt"), info, "prompt")
        return one_attempt(row, info, question, read_messages(row.get("completion"), "completion")[-1][1])


def one_attempt(row: Mapping[str, Any], info: Mapping[str, Any], question: Any, text: str) -> ExportRecord:
    """A record of one attempt that is judged by the row's ``label``."""
    if not isinstance(row.get("label"), bool):
        raise ValueError("field 'label' must be true or false")
    verdict = Verdict.ACCEPTABLE if row["label"] else Verdict.FAULTY
    attempt = ExportAttempt(info["outputs"][-1], 1, text, "", (), verdict)
    return ExportRecord(info["item"], info["external_id"], question, (attempt,))
