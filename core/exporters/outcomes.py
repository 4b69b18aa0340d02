"""Whether an answer is right: what a person said, or else one bit from comparing its final answer with the reference."""

from __future__ import annotations

from collections.abc import Mapping

from core.answers import final_answer
from core.equality import same
from core.exporters.base import ExportAttempt, ExportRecord
from core.types import Verdict


def right(record: ExportRecord, attempt: ExportAttempt) -> bool | None:
    """A person's word wins over the comparison, and about the final answer over the verdict; ``None`` where nothing is known."""
    if attempt.answer_right is not None:
        return attempt.answer_right
    if attempt.verdict in (Verdict.ACCEPTABLE, Verdict.FAULTY):
        return attempt.verdict is Verdict.ACCEPTABLE
    return known_outcome(record, attempt)


def known_outcome(record: ExportRecord, attempt: ExportAttempt) -> bool | None:
    """What comparing with the reference gave: here, or where an item was exported that came without it."""
    found = answers_right(record, attempt.text)
    told = record.meta.get("outcomes")
    if found is None and record.reference is None and isinstance(told, Mapping):
        kept = told.get(str(attempt.number))
        return kept if isinstance(kept, bool) else None
    return found


def answers_right(record: ExportRecord, text: str) -> bool | None:
    """Whether the final answer of a text agrees with the reference; ``None`` without a reference or a final answer."""
    found = final_answer(text) if record.reference else None
    return None if found is None else same(found, record.reference or "")


def outputs(record: ExportRecord) -> list[ExportAttempt]:
    """Every output of the item, judged or not, in the order of attempts."""
    return sorted((*record.attempts, *record.others), key=lambda a: (a.number, a.output_id))
