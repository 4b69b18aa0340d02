"""Step ratings in PRM800K's shape (Lightman et al. 2023): one row per judged attempt, ending with its first wrong step.

A step before the first wrong one is rated 1 unless a person rated it otherwise, as reviewers read in order; so is every step of an
accepted attempt. The reviewer's rewrite of the wrong step is its ``human_completion``. The first completion of a step is the model's;
alternatives that people wrote for it are further ones, rated as they said, null where they did not. Unlike PRM800K the whole attempt
stands in ``question.pre_generated_steps``, and ``corrigenda`` says where a row came from and, in ``answer_right``, what a person said
of the final answer, which may be right although a step is wrong. Schema 2; schema 1 had neither alternatives nor ``answer_right``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.edits import extract, target_span
from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import split_context
from core.exporters.lines import Row
from core.exporters.writing import typed_first
from core.lessons.prompt import plain_text, question_text
from core.types import CorrectionText, ItemType, Question, StepLabel, Verdict


def _has_own(row: Row) -> bool:
    return any(step["human_completion"] is not None for step in row["label"]["steps"])


def _has_chosen(row: Row) -> bool:
    return any(step["chosen_completion"] is not None for step in row["label"]["steps"])


def _has_answer(row: Row) -> bool:
    return row["corrigenda"]["answer_right"] is not None


@REGISTRY.register("prm800k")
class Prm800kExporter(Format):
    name = "prm800k"
    title = "Step ratings (PRM800K)"
    schema_version = 2
    needs = (Need.STEPS,)
    readable = True
    shows = (_has_own, _has_chosen, _has_answer)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        return typed_first(self.each(records), self.shows)

    def each(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        judged = ((r, a, ratings) for r in records for a in r.attempts if (ratings := step_ratings(a)))
        return (_row(r, a, ratings, self.schema_version) for r, a, ratings in judged)

    def read(self, row: Mapping[str, Any]) -> ExportRecord:
        """Reads PRM800K's own rows as well: of several completions the chosen one, or else the first, is the step.

        The others are its alternatives.
        """
        question, label = _mapping(row, "question"), _mapping(row, "label")
        info = row.get("corrigenda") or {}
        if info.get("schema", 0) > self.schema_version:
            raise ValueError(
                f"field 'corrigenda.schema' is {info['schema']}; this version reads up to {self.schema_version}"
            )
        context, prompt = split_context(_text(question, "problem"), info.get("context_chars", 0))
        asked = Question(prompt, context, info.get("guidelines", ""), ItemType.REASONING)
        attempt = _read_attempt(row, question, label, info)
        reference = question.get("ground_truth_answer") or None
        return ExportRecord(info.get("item", 0), info.get("external_id", ""), asked, (attempt,), reference)

    def carried(self, record: ExportRecord) -> ExportRecord:
        """With the reference, which stands in ``question.ground_truth_answer`` anyway."""
        return record


def step_ratings(attempt: ExportAttempt) -> list[StepLabel]:
    """One rating per step from the first, ending with the first wrong step or before the first that nobody judged."""
    labels = [*attempt.step_labels, *[None] * len(attempt.steps)][: len(attempt.steps)]
    marked = attempt.first_wrong_step
    wrong = labels.index(StepLabel.WRONG) if StepLabel.WRONG in labels else len(labels)
    if marked is not None and 0 <= marked < len(labels):
        wrong = min(wrong, marked)
    ratings: list[StepLabel] = []
    for index, label in enumerate(labels[: wrong + 1]):
        implied = index < wrong < len(labels) or attempt.verdict is Verdict.ACCEPTABLE
        rating = (
            StepLabel.WRONG if index == wrong else label if label is not None else StepLabel.RIGHT if implied else None
        )
        if rating is None:
            break
        ratings.append(rating)
    return ratings


def _row(record: ExportRecord, attempt: ExportAttempt, ratings: list[StepLabel], schema: int) -> dict[str, Any]:
    steps = [
        _step(text, rating, [(said, label) for step, said, label in attempt.alternatives if step == index])
        for index, (text, rating) in enumerate(zip(attempt.steps, ratings, strict=False))
    ]
    if ratings[-1] is StepLabel.WRONG and (own := rewritten_step(attempt, len(ratings) - 1)):
        steps[-1]["human_completion"] = {"text": own, "rating": None, "source": "human", "flagged": False}
    found = ratings[-1] is StepLabel.WRONG
    whole = len(ratings) == len(attempt.steps) and attempt.verdict is Verdict.ACCEPTABLE
    return {
        "timestamp": attempt.reviewed_at or "",
        "generation": None,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {
            "problem": question_text(record.question),
            "ground_truth_answer": record.reference or "",
            "pre_generated_steps": list(attempt.steps),
        },
        "label": {
            "steps": steps,
            "total_time": round(1000 * (attempt.seconds or 0)),
            "finish_reason": "found_error" if found else "solution" if whole else "give_up",
        },
        "corrigenda": {
            "schema": schema,
            "item": record.item_id,
            "external_id": record.external_id,
            "output": attempt.output_id,
            "attempt": attempt.number,
            "model": attempt.model,
            "answer_right": attempt.answer_right,
            "guidelines": record.question.guidelines,
            "context_chars": len(plain_text(record.question.context).strip()),
        },
    }


def _step(text: str, rating: StepLabel, alternatives: Sequence[tuple[str, StepLabel | None]]) -> dict[str, Any]:
    wrong = rating is StepLabel.WRONG
    return {
        "completions": [_completion(text, rating), *(_completion(said, label) for said, label in alternatives)],
        "human_completion": None,
        "chosen_completion": None if wrong else 0,
    }


def _completion(text: str, rating: StepLabel | None) -> dict[str, Any]:
    return {"text": text, "rating": None if rating is None else int(rating), "flagged": False}


def rewritten_step(attempt: ExportAttempt, index: int) -> str | None:
    """What the last rewrite of the whole answer made of one step; ``None`` without a rewrite or when the step stayed as it was."""
    rewrite = next((c.rewrite for c in reversed(attempt.corrections) if c.rewrite), None)
    if rewrite is None:
        return None
    at = 0
    for text in attempt.steps[: index + 1]:
        if (at := attempt.text.find(text, at)) < 0:
            return None
        end = at + len(text)
        start, at = at, end
    low, high = target_span(extract(attempt.text, rewrite), start, end)
    own = rewrite[low:high].strip()
    return own if own and own != attempt.steps[index].strip() else None


def _read_attempt(
    row: Mapping[str, Any], question: Mapping[str, Any], label: Mapping[str, Any], info: Mapping[str, Any]
) -> ExportAttempt:
    given = _list(label, "steps")
    if given and isinstance(given[-1], Mapping) and not any(given[-1].values()):
        given = given[:-1]  # PRM800K ends so where the labeler gave up
    rated = [_read_step(step, number) for number, step in enumerate(given, 1)]
    texts = [text for text, _, _, _ in rated]
    steps = tuple((info and question.get("pre_generated_steps")) or texts)
    labels = tuple(rating for _, rating, _, _ in rated)
    wrong = labels.index(StepLabel.WRONG) if StepLabel.WRONG in labels else None
    finish = label.get("finish_reason")
    verdict = Verdict.FAULTY if wrong is not None else Verdict.ACCEPTABLE if finish == "solution" else None
    own = next((own for _, _, own, _ in rated if own), None)
    fixes: tuple[CorrectionText, ...] = ()
    if own and wrong is not None:
        rewrite = "\n".join([*steps[:wrong], own, *steps[wrong + 1 :]])
        fixes = (CorrectionText(0, "", step_index=wrong, rewrite=rewrite),)
    return ExportAttempt(
        output_id=info.get("output", 0),
        number=info.get("attempt", 1),
        text="\n".join(steps),
        model=info.get("model", ""),
        steps=steps,
        verdict=verdict,
        first_wrong_step=wrong,
        step_labels=labels,
        corrections=fixes,
        seconds=label["total_time"] / 1000 if isinstance(label.get("total_time"), int | float) else None,
        reviewed_at=row.get("timestamp") or None,
        answer_right=info.get("answer_right"),
        alternatives=tuple((at, said, label) for at, step in enumerate(rated) for said, label in step[3]),
    )


def _read_step(
    step: object, number: int
) -> tuple[str, StepLabel | None, str | None, list[tuple[str, StepLabel | None]]]:
    """Text, rating and the reviewer's own wording of a step, and its other completions."""
    if not isinstance(step, Mapping):
        raise ValueError(f"field 'label.steps': step {number} is not an object")
    completions, human, chosen = (
        step.get("completions") or [],
        step.get("human_completion"),
        step.get("chosen_completion"),
    )
    own = human.get("text") if isinstance(human, Mapping) else None
    if not completions:
        if not isinstance(own, str):
            raise ValueError(f"field 'label.steps': step {number} has neither completions nor a human_completion")
        return own, None, None, []
    if not isinstance(chosen, int) or not 0 <= chosen < len(completions):
        chosen = 0
    read = [_read_completion(completion, number) for completion in completions]
    text, rating = read.pop(chosen)
    return text, rating, own, read


def _read_completion(completion: object, number: int) -> tuple[str, StepLabel | None]:
    if not isinstance(completion, Mapping) or not isinstance(completion.get("text"), str):
        raise ValueError(f"field 'label.steps': step {number} has a completion without text")
    rating = completion.get("rating")
    if rating not in (-1, 0, 1, None):
        raise ValueError(f"field 'label.steps': step {number} has the rating {rating!r}; allowed are -1, 0, 1 and null")
    return completion["text"], None if rating is None else StepLabel(rating)


def _mapping(row: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = row.get(field)
    if not isinstance(value, Mapping):
        raise ValueError(f"field {field!r} must be an object")
    return value


def _list(row: Mapping[str, Any], field: str) -> list[Any]:
    value = row.get(field)
    if not isinstance(value, list):
        raise ValueError(f"field {field!r} must be a list")
    return value


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise ValueError(f"field {field!r} must be a text")
    return value
