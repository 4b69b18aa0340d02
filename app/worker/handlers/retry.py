"""Try again: the model answers once more with a person's correction, while that person watches the words come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from app.worker.asking import (
    Answer,
    Ask,
    Subject,
    answer,
    as_new_output,
    lessons_of,
    pictures_for,
    request_for,
    seed_of,
    subject_of,
)
from app.worker.handlers.generate import effect_key
from app.worker.payloads import Retry
from app.worker.retrieval import as_retrievals, still_stand
from app.worker.runner import Context
from core.lessons.prompt import without_reason
from core.refiners import REGISTRY as REFINERS
from core.refiners.base import RefineInput
from core.types import Attempt, CorrectionText, ItemType, JobPriority, LessonText, TokenLogprob
from store import judgements, outputs, queue, reviews
from store.outputs import NewRetrieval
from store.tables import Output

REFINER, ROUNDS = "feedback", 3


def retry(context: Context, payload: Retry) -> dict[str, Any]:
    """Result: ``output_id`` of the new attempt. With dependency ``initial`` it is the old text: the person said to carry on."""
    with context.db.read() as session:
        output = outputs.get(session, payload.output_id)
        subject = subject_of(session, output.item_id)
        correction = reviews.as_text(reviews.get_correction(session, payload.correction_id))
        attempts = _attempts_up_to(session, output, correction)
    context.progress(0, 1, "trying again")
    for number in range(ROUNDS):
        lessons, looked_up = lessons_of(context, subject, wanted=number < ROUNDS - 1)
        ask = _ask(context, subject, attempts, correction, lessons)
        made = _kept_text(output) if ask is None else _answer(context, ask)
        new_id = _keep(context, replace(ask or Ask(subject, ()), looked_up=looked_up), made, output, correction)
        if new_id is not None:
            context.progress(1, 1)
            return {"output_id": new_id, "asked_model": ask is not None}
    raise AssertionError("an answer without lessons always stands")


def _attempts_up_to(session: Session, output: Output, correction: CorrectionText) -> tuple[Attempt, ...]:
    """The history as it was when the correction was made: its output is the last attempt."""
    before = [a for a in reviews.history(session, output.item_id).attempts if a.number < output.attempt]
    return (*before, Attempt(output.attempt, output.text, outputs.to_steps(output), correction))


def _ask(
    context: Context,
    subject: Subject,
    attempts: tuple[Attempt, ...],
    correction: CorrectionText,
    lessons: Sequence[LessonText],
) -> Ask | None:
    refiner = REFINERS.make(REFINER, token_budget=subject.options.lesson_tokens)
    messages = refiner.messages(RefineInput(subject.question, attempts, correction, tuple(lessons)))
    if messages is None:
        return None
    retrievals: list[NewRetrieval] = []
    if lessons:
        with context.db.read() as session:
            retrievals = as_retrievals(session, lessons)
    prefix = "Answer: " if subject.question.item_type is ItemType.LABEL else ""
    images = pictures_for(context, [subject]).get(subject.item.id, ())
    return Ask(subject, tuple(messages), tuple(retrievals), prefix, images=images)


def _answer(context: Context, ask: Ask) -> Answer:
    if ask.subject.question.item_type is ItemType.LABEL:
        answers, errors = answer(context, [ask])
        if errors:
            raise ValueError(errors[0])
        return answers[0]
    request = request_for(ask, seed=seed_of(context.job.id, ask.subject.item.id))
    made = context.models.batcher.submit(
        request,
        priority=context.job.priority,
        on_text=lambda text: context.say(without_reason(text)),
        should_stop=context.should_stop,
    ).result()
    text = without_reason(made.text)
    context.say(text)
    return Answer(text, tokens_of_end(made.tokens or (), made.text, text), made.finish_reason)


def tokens_of_end(tokens: Sequence[TokenLogprob], whole: str, end: str) -> tuple[TokenLogprob, ...]:
    """The tokens that spell ``end``, with which ``whole`` ends; tokens spell a text up to white space."""
    before = len("".join(whole[: len(whole) - len(end)].split()))
    for place, token in enumerate(tokens):
        if before <= 0:
            return tuple(tokens[place:])
        before -= len("".join(token.text.split()))
    return tuple(tokens) if end == whole else ()


def _kept_text(output: Output) -> Answer:
    tokens = tuple(TokenLogprob(*token) for token in output.tokens)
    return Answer(output.text, tokens, "kept", output.label, dict(output.label_scores))


def _keep(context: Context, ask: Ask, made: Answer, before: Output, correction: CorrectionText) -> int | None:
    """The new attempt, before the person who asked for it and on its way to be judged; ``None`` when a lesson was withdrawn."""
    model = context.models.generator_name if ask.messages else before.model
    key = effect_key(context, before.item_id)
    with context.db.write() as session:
        if not still_stand(session, ask.lessons):
            return None
        asked = REFINER if ask.messages else None  # a text that was kept as it is is no second try of the model's
        more = {"parent_id": before.id, "correction_id": correction.id, "refiner": asked, "asked_by": "retry"}
        row = outputs.add(session, as_new_output(ask, made, model, key, **more))
        row.mean_logprob = made.mean_logprob
        risk = judgements.risk(session, before.id)
        queue.enqueue_output(session, ask.subject.project.id, row.id, priority=risk.value if risk else 0.5)
        context.enqueue(
            session,
            "analyse",
            {"output_ids": [row.id]},
            priority=JobPriority.PERSON_WAITING,
            dedupe_key=f"analyse:job:{context.job.id}:output:{row.id}",
        )
        return row.id
