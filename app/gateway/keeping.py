"""What is kept of an answer that passed: a sample, without what the project's patterns find, before people like any other answer."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.gateway.prompting import Asked, text_of
from app.pushing import Push, effect_key, push
from app.retrieving import Lesson, Retrieved
from core.patterns import compile_pattern
from core.projects import GatewaySettings
from store import judgements, listing, lookups, outputs
from store.engine import Database
from store.items import NewItem
from store.outputs import NewRetrieval
from store.text import digest

REDACTED = "[redacted]"
MAX_TEXT = 400_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice; ``tokens`` are (text, logprob, None) where the program asked for log-probabilities."""

    text: str
    finish_reason: str = ""
    tokens: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """The item that answers to a conversation will belong to."""

    project_id: int
    item: NewItem
    settings: GatewaySettings
    messages: Sequence[tuple[str, str]]
    lessons: Sequence[NewRetrieval]
    lookup: Mapping[str, Any] | None = None  # how they were found


def chosen(settings: GatewaySettings) -> bool:
    """Whether this request is in the sample."""
    return settings.sample_rate > 0 and random.random() < settings.sample_rate


def redacted(text: str, settings: GatewaySettings) -> str:
    """``text`` without what the patterns find."""
    for pattern in settings.redact:
        text = compile_pattern(pattern).sub(REDACTED, text)
    return text[:MAX_TEXT]


def prepared(
    project_id: int,
    asked: Asked,
    settings: GatewaySettings,
    messages: Sequence[Mapping[str, Any]],
    found: Retrieved,
) -> Kept:
    """The same conversation is the same item, so that its answers stand beside each other."""
    prompt, context = redacted(asked.prompt, settings), redacted(asked.context, settings)
    item = NewItem(f"gateway-{digest(prompt, context, length=32)}", prompt, context, meta={"source": "gateway"})
    pairs = [(str(m.get("role")), redacted(text_of(m.get("content")), settings)) for m in messages]
    return Kept(project_id, item, settings, pairs, _retrievals(found.lessons), _lookup(found.log, settings))


def _lookup(log: Mapping[str, Any] | None, settings: GatewaySettings) -> Mapping[str, Any] | None:
    """With the queries as people may see them."""
    if log is None:
        return None
    return {**log, "rounds": [{**one, "query": redacted(one["query"], settings)} for one in log["rounds"]]}


def _retrievals(lessons: Sequence[Lesson]) -> list[NewRetrieval]:
    rows: list[NewRetrieval] = []
    for lesson in lessons:
        rank = sum(row.slot == lesson.slot.value for row in rows)
        rows.append(NewRetrieval(lesson.id, lesson.revision, lesson.slot.value, rank, lesson.score))
    return rows


def note(db: Database, looked_up: tuple[int, Mapping[str, Any]]) -> None:
    """A look-up whose answer is not kept, without the program's words."""
    project_id, log = looked_up
    with db.write() as session:
        lookups.add(session, project_id, log, asked_by="gateway")


def keep(db: Database, kept: Kept, answers: Sequence[Answer], model: str, user_id: int | None) -> list[int]:
    """Ids of the outputs, in the review queue once they are judged. Nothing when a lesson in the prompt was withdrawn meanwhile."""
    from app.worker.retrieval import still_stand

    rows = [_pushed(kept, one, model) for one in answers if one.text.strip()]
    with db.write() as session:
        stands = bool(rows) and still_stand(session, kept.lessons)
        there = push(session, kept.project_id, rows, user_id=user_id).outputs if stands else []
        if not any(one.added for one in there):
            lookups.add(session, kept.project_id, kept.lookup, asked_by="gateway")
        return [one.output_id for one in there]


def _pushed(kept: Kept, one: Answer, model: str) -> Push:
    text = redacted(one.text, kept.settings)
    return Push(
        text=text,
        model=model[:200] or "unknown",
        item=kept.item,
        tokens=one.tokens if text == one.text else (),  # they spell what was taken out
        messages=kept.messages,
        finish_reason=one.finish_reason[:20],
        lessons=kept.lessons,
        lookup=kept.lookup,
        asked_by="gateway",
    )


def known_risk(db: Database, kept: Kept, one: Answer, model: str) -> tuple[float, bool] | None:
    """The risk of the same answer of the same model to the same conversation, if it was judged before, and if it is calibrated."""
    with db.read() as session:
        item_id = listing.items_named(session, kept.project_id, [kept.item.external_id]).get(kept.item.external_id)
        if item_id is None:
            return None
        key = effect_key(item_id, _pushed(kept, one, model))
        output_id = outputs.by_effect(session, [key]).get(key)
        risk = judgements.risk(session, output_id) if output_id is not None else None
    return (risk.value, risk.calibrated) if risk is not None else None
