"""Step ratings in Math-Shepherd's shape: ``input`` with the tag ``ки`` after each step, ``label`` with ``+`` or ``-`` in its place.

An answer ends with its first wrong step, as nobody judged what follows; a neutral step counts as right. Unlike Math-Shepherd the
ratings are people's. Answers that hold the tag themselves are left out. Schema 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import provenance, split_context
from core.exporters.prm800k import step_ratings
from core.exporters.stepwise import bare_step
from core.lessons.prompt import question_text
from core.types import ItemType, Question, StepLabel, Verdict

TAG = "ки"
_STEP = re.compile(r"\AStep \d+: ")


@REGISTRY.register("math_shepherd")
class MathShepherdExporter(Format):
    name = "math_shepherd"
    title = "Step ratings (Math-Shepherd)"
    needs = (Need.STEPS,)
    readable = True

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for attempt in record.attempts:
                ratings = step_ratings(attempt)
                question = question_text(record.question)
                if ratings and TAG in question + attempt.text:
                    self.dropped["the text holds the tag that marks the end of a step"] += 1
                elif ratings:
                    yield self._row(record, attempt, ratings, question)

    def _row(
        self, record: ExportRecord, attempt: ExportAttempt, ratings: list[StepLabel], question: str
    ) -> dict[str, Any]:
        steps = [f"Step {k}: {bare_step(text)}" for k, text in enumerate(attempt.steps[: len(ratings)], 1)]
        signs = ["-" if rating is StepLabel.WRONG else "+" for rating in ratings]
        info = provenance(record, self.schema_version, "judged", [attempt.output_id])
        return {
            "input": f"{question} " + "\n".join(f"{step} {TAG}" for step in steps),
            "label": f"{question} " + "\n".join(f"{step} {sign}" for step, sign in zip(steps, signs, strict=True)),
            "task": str(record.question.item_type),
            "corrigenda": {**info, "question_chars": len(question)},
        }

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """Reads Math-Shepherd's own rows as well; raises ``ValueError`` where ``label`` is not ``input`` with signs for tags."""
        told, label = row.get("input"), row.get("label")
        if not isinstance(told, str) or not isinstance(label, str):
            raise ValueError("fields 'input' and 'label' must be texts")
        info = row.get("corrigenda") or {}
        chars = info.get("question_chars")
        start = chars if isinstance(chars, int) else max(told.find("Step 1: ") - 1, 0)
        pieces = told[start + 1 :].split(f" {TAG}")
        steps = [piece.removeprefix("\n") for piece in pieces[:-1]]
        if not steps or pieces[-1].strip() or not all(_STEP.match(step) for step in steps):
            raise ValueError(f"field 'input' must be a question and steps 'Step 1: ...', each ending with {TAG}")
        signs, at = [], start
        for piece in pieces[:-1]:
            at += len(piece) + 2
            signs.append(label[at : at + 1])
        same = label.rstrip() == told[: start + 1] + "".join(f"{p} {s}" for p, s in zip(pieces, signs, strict=False))
        if not same or any(sign not in ("+", "-") for sign in signs):
            raise ValueError("field 'label' must be 'input' with + or - in place of each tag")
        return _record(told[:start], [_STEP.sub("", step) for step in steps], signs, info)


def _record(question: str, steps: list[str], signs: list[str], info: Mapping[str, Any]) -> ExportRecord:
    context, prompt = split_context(question, info.get("context_chars", 0))
    labels = tuple(StepLabel.WRONG if sign == "-" else StepLabel.RIGHT for sign in signs)
    wrong = labels.index(StepLabel.WRONG) if StepLabel.WRONG in labels else None
    verdict = Verdict.FAULTY if wrong is not None else Verdict.ACCEPTABLE
    output = (info.get("outputs") or [0])[0]
    attempt = ExportAttempt(output, 1, "\n".join(steps), "", tuple(steps), verdict, wrong, labels)
    asked = Question(prompt, context, "", ItemType(info.get("item_type", ItemType.REASONING)))
    return ExportRecord(info.get("item", 0), info.get("external_id", ""), asked, (attempt,))
