"""Preference pairs at the first wrong step (SuperCorrect, paper 2): a person's cause and correction against the model's own.

The prompt ends before the wrong step, so that right steps are never pushed down. Rejected is what the model itself made of the
step: its critic's view or, without one, that it saw no error, and the step of its next attempt or, without one, the step as it stood.
``inspector`` says how many people judged the answer and whether two agree on the step; unlike the paper no model inspects.
Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import provenance
from core.exporters.stepwise import FirstError, bare_step, first_error, numbered, tagged
from core.lessons.prompt import question_text, without_reason
from core.types import Verdict

SEES_NONE = "I see no error in this step."


@REGISTRY.register("cross_dpo")
class CrossDpoExporter(Format):
    name = "cross_dpo"
    title = "Preference pairs at the first wrong step"
    needs = (Need.FIRST_WRONG, Need.WORDS)
    extras = frozenset({"critiques"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for place, attempt in enumerate(record.attempts):
                if (error := first_error(attempt)) is None:
                    continue
                if not error.cause:
                    self.dropped["nobody said in words what is wrong with the step"] += 1
                    continue
                chosen = _trace(error.cause, error.correction)
                rejected = _own(attempt, record.attempts[place + 1 :], error)
                if chosen == rejected:
                    self.dropped["the model's own correction is the person's"] += 1
                    continue
                info = provenance(record, self.schema_version, "judged", [attempt.output_id])
                yield {
                    "prompt": _prompt(record, attempt, error.index),
                    "chosen": chosen,
                    "rejected": rejected,
                    "first_error_step": error.index + 1,
                    "inspector": {"rounds": attempt.reviews, "passed": attempt.agreeing >= 2},
                    "corrigenda": info,
                }


def _prompt(record: ExportRecord, attempt: ExportAttempt, index: int) -> str:
    prefix = numbered(attempt.steps[:index])
    asked = f"{question_text(record.question)}\n\n"
    return f"{asked}{prefix}\n\n" if prefix else asked


def _trace(cause: str, correction: str) -> str:
    parts = [tagged("Cause", cause)] if cause else []
    parts += [tagged("Correction", bare_step(correction))] if correction else []
    return "\n".join(parts)


def _own(attempt: ExportAttempt, later: Iterable[ExportAttempt], error: FirstError) -> str:
    """The model's critic on the step, and what the model wrote in its place when it tried again and was still wrong."""
    views = [
        c.explanation.strip()
        for c in sorted(attempt.critiques, key=lambda c: c.source)
        if c.step_index == error.index and c.explanation.strip() and c.source.startswith("model")
    ]
    wrong_again = (a for a in later if a.verdict is Verdict.FAULTY and len(a.steps) > error.index)
    retry = next(wrong_again, None)
    step = without_reason(retry.steps[error.index]) if retry else attempt.steps[error.index]
    return _trace(views[0] if views else SEES_NONE, step if error.correction else "")
