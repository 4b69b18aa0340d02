"""Confidence and critique tuning (paper 3): the question, an answer, the question again; the right answer is to be kept or found.

``clt`` rows begin with a right answer and teach confidence, ``cst`` rows with a wrong one and teach critique. At most ``clt_share`` of
the rows so far are ``clt`` (.4 was best in the paper). Schema 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import accepted, faulty, prompt_messages, provenance, turn
from core.lessons.prompt import without_reason

MOST_WAITING = 1000  # clt rows kept until enough cst rows have come


@REGISTRY.register("cct")
class CctExporter(Format):
    name = "cct"
    title = "Confidence and critique tuning (CLT, CST)"
    needs = (Need.ACCEPTED,)
    local = False  # rows wait for others to keep a balance

    def __init__(self, clt_share: float = 0.4) -> None:
        super().__init__()
        if not 0 <= clt_share <= 1:
            raise ValueError("the share of clt rows must be from 0 to 1")
        self.clt_share = clt_share

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        clt = total = 0
        for record in records:
            final = accepted(record)
            if final is None:
                continue
            waiting.append(self._row(record, "clt", final.text, final.text, [final.attempt.output_id]))
            for wrong in faulty(record, final):
                total += 1
                outputs = [wrong.output_id, final.attempt.output_id]
                yield self._row(record, "cst", without_reason(wrong.text), final.text, outputs)
            while waiting and clt + 1 <= self.clt_share * (total + 1):
                clt, total = clt + 1, total + 1
                yield waiting.popleft()
        if waiting:
            self.dropped["more right first answers than the share of clt rows allows"] += len(waiting)

    def _row(self, record: ExportRecord, kind: str, first: str, last: str, outputs: list[int]) -> dict[str, Any]:
        asked = prompt_messages(record.question)
        again = [message for message in asked if message["role"] == "user"]
        return {
            "prompt": [*asked, turn("assistant", first), *again],
            "completion": [turn("assistant", last)],
            "kind": kind,
            "corrigenda": provenance(record, self.schema_version, kind, outputs),
        }
