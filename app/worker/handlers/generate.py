"""Answer items: lessons are retrieved, prompts answered in batches, and each answer kept with what was in its prompt.

A lesson that is withdrawn while the model writes takes the answer with it: that item is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.worker.asking import Answer, Ask, answer, as_new_output, prepare, subject_of
from app.worker.payloads import Generate
from app.worker.retrieval import still_stand
from app.worker.runner import Context
from core.generators.base import GeneratorError
from store import outputs

ROUNDS = 3  # the last one without lessons, so that it always ends


def generate(context: Context, payload: Generate) -> dict[str, Any]:
    """Result: ``outputs`` made and ``errors`` per item. Each chunk is judged by an ``analyse`` job of its own."""
    item_ids = list(dict.fromkeys(payload.item_ids))
    waiting = _unanswered(context, item_ids)
    errors: list[dict[str, Any]] = []
    done = len(item_ids) - len(waiting)
    context.progress(done, len(item_ids), "answering")
    for chunk in _chunks(waiting, context.settings.batch_size):
        errors += _answer_chunk(context, chunk)
        done += len(chunk)
        context.progress(done, len(item_ids), "answering")
    made = len(item_ids) - len(_unanswered(context, item_ids))
    if errors and not made:
        raise GeneratorError(errors[0]["error"])
    return {"outputs": made, "errors": errors[:200], "error_count": len(errors)}


def _chunks(item_ids: Sequence[int], size: int) -> list[Sequence[int]]:
    return [item_ids[start : start + size] for start in range(0, len(item_ids), size)]


def effect_key(context: Context, item_id: int) -> str:
    return f"job:{context.job.id}:item:{item_id}"


def _unanswered(context: Context, item_ids: Sequence[int]) -> list[int]:
    """What an earlier attempt of this job has not done."""
    missing = []
    with context.db.read() as session:
        for chunk in _chunks(item_ids, 500):
            there = outputs.by_effect(session, [effect_key(context, item_id) for item_id in chunk])
            missing += [item_id for item_id in chunk if effect_key(context, item_id) not in there]
    return missing


def _answer_chunk(context: Context, item_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Errors by item; the answers are stored."""
    subjects, errors = [], []
    with context.db.read() as session:
        for item_id in item_ids:
            try:
                subjects.append(subject_of(session, item_id))
            except LookupError as problem:
                errors.append({"item_id": item_id, "error": str(problem)})
    for number in range(ROUNDS):
        if not subjects:
            break
        asks = prepare(context, subjects, with_lessons=number < ROUNDS - 1)
        made, bad = answer(context, asks)
        errors += [{"item_id": asks[place].subject.item.id, "error": text} for place, text in bad.items()]
        again = _keep(context, [(asks[place], made[place]) for place in sorted(made)])
        subjects = [ask.subject for ask in again]
    return errors


def _keep(context: Context, pairs: Sequence[tuple[Ask, Answer]]) -> list[Ask]:
    """Store answers and enqueue their analysis in one transaction; returns those whose lessons do not stand any more."""
    again, ids = [], []
    with context.db.write() as session:
        for ask, made in pairs:
            if not still_stand(session, ask.lessons):
                again.append(ask)
                continue
            key = effect_key(context, ask.subject.item.id)
            row = outputs.add(session, as_new_output(ask, made, context.models.generator_name, key))
            row.mean_logprob = made.mean_logprob
            ids.append(row.id)
        if ids:
            dedupe = f"analyse:job:{context.job.id}:output:{ids[0]}"
            context.enqueue(session, "analyse", {"output_ids": ids}, dedupe_key=dedupe)
    return again
