"""Second tries without a person's correction (dynamic prompting, paper 1): only where the risk is above the project's threshold.

The model answers once more, after its own answer and a refiner's question, or entity memory puts the answer right without it; the new
attempt is judged like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.worker.asking import Answer, Ask, Subject, answer, as_new_output, lessons_of, pictures_for, subject_of
from app.worker.handlers.generate import effect_key
from app.worker.payloads import Reask
from app.worker.retrieval import as_retrievals, still_stand
from app.worker.runner import Context
from core.projects import ProjectSettings
from core.refiners import REGISTRY as REFINERS
from core.refiners.base import RefineInput
from core.refiners.entity_memory import EntityMemoryRefiner
from core.types import Attempt, ItemType, JobPriority, LessonText, RiskEstimate
from store import entities, judgements, lessons, outputs, queue
from store.tables import Output

ROUNDS = 3


def reask(context: Context, payload: Reask) -> dict[str, Any]:
    """Result: ``output_ids`` of the new attempts, and how many outputs were ``not_risky`` enough, have a later attempt (``late``), or
    stay the ``same`` because the memory that was asked knows nothing better."""
    made: list[int] = []
    skipped = {"not_risky": 0, "late": 0, "same": 0}
    again = _from_memory if payload.refiner == EntityMemoryRefiner.name else _again
    for place, output_id in enumerate(payload.output_ids):
        context.progress(place, len(payload.output_ids), "asking again")
        context.check()
        with context.db.read() as session:
            output = outputs.get(session, output_id)
            subject = subject_of(session, output.item_id)
            why = _why_not(session, context, output, subject)
        new = None if why else again(context, payload, subject, output)
        if new is None:
            skipped[why or "same"] += 1
        else:
            made.append(new)
    context.progress(len(payload.output_ids), len(payload.output_ids))
    return {"output_ids": made, **skipped}


def wanted(options: ProjectSettings, output: Output, risk: RiskEstimate) -> bool:
    """Whether a freshly judged answer gets an automatic second try: never one that is itself a second try or answers a person."""
    first = output.refiner is None and output.correction_id is None
    return options.reask != "off" and first and options.is_above(risk.value)


def enqueue_wanted(
    context: Context, session: Session, options: ProjectSettings, judged: Sequence[tuple[Output, RiskEstimate]]
) -> None:
    """In the transaction that keeps the risks: one job for those that get a second try."""
    ids = [output.id for output, risk in judged if wanted(options, output, risk)]
    if ids:
        context.enqueue(
            session,
            "reask",
            {"output_ids": ids, "refiner": options.reask},
            priority=JobPriority.BATCH,
            dedupe_key=f"reask:job:{context.job.id}:output:{ids[0]}",
        )


def _why_not(session: Session, context: Context, output: Output, subject: Subject) -> str:
    """Why there is no second try, or nothing. A job that runs again finds its own attempts, which are no later ones."""
    risk = judgements.risk(session, output.id)
    if risk is None or not subject.options.is_above(risk.value):
        return "not_risky"
    own = Output.effect_key.startswith(f"job:{context.job.id}:", autoescape=True)
    later = exists().where(
        Output.item_id == output.item_id, Output.id > output.id, func.coalesce(own, False).is_(False)
    )
    return "late" if session.scalar(select(later)) else ""


def _again(context: Context, payload: Reask, subject: Subject, output: Output) -> int:
    for number in range(ROUNDS):
        found, looked_up = lessons_of(context, subject, wanted=number < ROUNDS - 1)
        ask = replace(_ask(context, subject, output, payload.refiner, found), looked_up=looked_up)
        answers, errors = answer(context, [ask])
        if errors:
            raise ValueError(errors[0])
        with context.db.write() as session:
            if not still_stand(session, ask.lessons):
                continue
            more = {"parent_id": output.id, "refiner": payload.refiner, "asked_by": "reask"}
            key = f"{effect_key(context, subject.item.id)}:{output.id}"
            made = as_new_output(ask, answers[0], context.models.generator_name, key, **more)
            row = outputs.add(session, made)
            row.mean_logprob = answers[0].mean_logprob
            _put_forward(context, session, payload, subject, output, row.id)
            return row.id
    raise AssertionError("an answer without lessons always stands")


def _from_memory(context: Context, payload: Reask, subject: Subject, output: Output) -> int | None:
    """The answer as entity memory puts it right, in the transaction that read the memory; ``None`` where it would stay as it is."""
    given = RefineInput(subject.question, (Attempt(output.attempt, output.text, outputs.to_steps(output)),), None)
    with context.db.write() as session:
        done = EntityMemoryRefiner().rewrite(given, entities.memory(session, subject.project.id))
        if done is None:
            return None
        shares = {one.entity.id: one.share for one in done.changes}
        texts = lessons.active_texts(session, list(shares))
        used = [replace(text, score=shares[id_]) for id_, text in texts.items()]
        ask = Ask(subject, (), tuple(as_retrievals(session, used)))
        if not still_stand(session, ask.lessons):  # locks them: what is taken back now waits for this transaction
            return None
        more = {"parent_id": output.id, "refiner": payload.refiner, "asked_by": "reask"}
        key = f"{effect_key(context, subject.item.id)}:{output.id}"
        made = as_new_output(ask, Answer(done.text, finish_reason="memory"), payload.refiner, key, **more)
        row = outputs.add(session, made)
        _put_forward(context, session, payload, subject, output, row.id)
        return row.id


def _ask(context: Context, subject: Subject, output: Output, refiner: str, found: Sequence[LessonText]) -> Ask:
    """The reference is no part of what a refiner gets, and the votes were cast without it."""
    with context.db.read() as session:
        votes = tuple(judgements.votes(session, output.id))
        retrievals = as_retrievals(session, found) if found else []
    attempt = Attempt(output.attempt, output.text, outputs.to_steps(output))
    given = RefineInput(subject.question, (attempt,), None, tuple(found), votes, output.label)
    messages = REFINERS.make(refiner, token_budget=subject.options.lesson_tokens).messages(given) or ()
    prefix = "Answer: " if subject.question.item_type is ItemType.LABEL else ""
    images = pictures_for(context, [subject]).get(subject.item.id, ())
    return Ask(subject, tuple(messages), tuple(retrievals), prefix, images=images)


def _put_forward(
    context: Context, session: Session, payload: Reask, subject: Subject, before: Output, output_id: int
) -> None:
    """To be judged, which puts it before people; before the person who waits for it at once."""
    waits = payload.assignment_id is not None
    if waits:
        risk = judgements.risk(session, before.id)
        priority = risk.value if risk else 0.5
        queue.enqueue_output(
            session, subject.project.id, output_id, priority=priority, asked_from=payload.assignment_id
        )
    context.enqueue(
        session,
        "analyse",
        {"output_ids": [output_id]},
        priority=JobPriority.PERSON_WAITING if waits else JobPriority.BATCH,
        dedupe_key=f"analyse:job:{context.job.id}:output:{output_id}",
    )
