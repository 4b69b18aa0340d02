"""The row that a record gives, whatever the format: its prompt, the response that teaches, and what the store knows of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from core.exporters.base import ExportAttempt, ExportRecord
from core.exporters.chat import accepted, question_messages
from core.lessons.prompt import without_reason
from core.quality.duplicates import normalised
from core.types import Critique, StepLabel, Verdict


@dataclass(frozen=True, slots=True)
class QualityRow:
    """``author`` is the model that wrote the response, ``None`` where a person did."""

    item_id: int
    system: str
    prompt: str
    response: str
    author: str | None
    critic: float
    agreement: float

    def key(self, *models: str) -> str:
        """Hash of what models are shown, and of which models these are."""
        return hashlib.sha256(orjson.dumps([*models, self.system, self.prompt, self.response])).hexdigest()

    def same(self) -> bytes:
        """Equal for rows that say the same but for case, punctuation and space."""
        said = f"{normalised(self.prompt)}\0{normalised(self.response)}"
        return hashlib.blake2b(said.encode(), digest_size=16).digest()


def row_of(record: ExportRecord) -> QualityRow | None:
    """The accepted or rewritten text, else the latest attempt; ``None`` where nothing was said."""
    system, prompt = question_messages(record.question)
    final = accepted(record)
    if final is not None:
        wrote = final.attempt.model if final.origin == "accepted" else None
        attempt, response = final.attempt, final.text
    else:
        told = [one for one in record.attempts if one.text.strip()]
        if not told:
            return None
        attempt, wrote, response = told[-1], told[-1].model, without_reason(told[-1].text)
    critic = _critic(attempt.critiques) if wrote is not None else math.nan
    agreement = attempt.agreeing / attempt.reviews if attempt.reviews >= 2 else math.nan
    return QualityRow(record.item_id, system, prompt, response, wrote, critic, agreement)


def _critic(critiques: tuple[Critique, ...]) -> float:
    """Mean over critiques of the probability that the step is right."""
    found = []
    for one in critiques:
        sure = 0.5 if one.confidence is None else one.confidence
        found.append({StepLabel.RIGHT: sure, StepLabel.WRONG: 1 - sure}.get(one.label, 0.5))
    return sum(found) / len(found) if found else math.nan


def admitted(record: ExportRecord, errors: Mapping[str, float], most: float) -> ExportRecord:
    """Where nothing was accepted, the latest answer of an author with so few wrong steps stands, although its outcome is wrong.

    Paper 7: hard items with wrong answers teach, as long as most of their steps are right. For supervised formats alone.
    """
    if accepted(record) is not None:
        return record
    fitting = [one for one in record.attempts if one.text.strip() and errors.get(one.model, math.inf) <= most]
    if not fitting:
        return record
    last: ExportAttempt = fitting[-1]
    taken = replace(last, verdict=Verdict.ACCEPTABLE, corrections=())
    return replace(record, attempts=tuple(taken if one is last else one for one in record.attempts))
