"""Answers that other programs bring, by the API or through the gateway: kept once, split into steps, and sent to be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.worker.asking import subject_of
from core.types import ItemType, JobPriority
from store import items, listing, lookups, outputs, projects
from store.items import NewItem
from store.outputs import NewOutput, NewRetrieval
from store.text import digest


class PushError(ValueError):
    """An output cannot be kept; the message says which, from 1, and why."""


@dataclass(frozen=True, slots=True)
class Push:
    """An answer and its item, named in one of three ways. ``tokens`` are (text, logprob, entropy), ``messages`` (role, content)."""

    text: str
    model: str
    item_id: int | None = None
    external_id: str | None = None
    item: NewItem | None = None
    label: str | None = None
    tokens: Sequence[Any] = ()
    messages: Sequence[Any] = ()
    finish_reason: str = ""
    lessons: Sequence[NewRetrieval] = ()
    lookup: Mapping[str, Any] | None = None  # how they were found
    asked_by: str = "gateway"
    lookup_id: int | None = None  # of a look-up that the program made before


@dataclass(frozen=True, slots=True)
class Kept:
    output_id: int
    item_id: int
    added: bool


@dataclass(frozen=True, slots=True)
class PushResult:
    outputs: list[Kept]
    job_id: int | None


def push(session: Session, project_id: int, pushed: Sequence[Push], *, user_id: int | None) -> PushResult:
    """Keep answers in this transaction and enqueue their analysis. Raises ``PushError``, ``LookupError`` for no such project."""
    from app.worker.jobs import enqueue

    projects.get(session, project_id)
    item_ids = _items(session, project_id, pushed)
    keys = [effect_key(item_id, one) for item_id, one in zip(item_ids, pushed, strict=True)]
    there = outputs.by_effect(session, keys)
    kept: list[Kept] = []
    for number, (item_id, one, key) in enumerate(zip(item_ids, pushed, keys, strict=True), 1):
        if key in there:
            kept.append(Kept(there[key], item_id, False))
            continue
        row = outputs.add(session, _new(session, number, item_id, one, key))
        if one.lookup_id is not None and not lookups.attach(session, project_id, one.lookup_id, row.id):
            raise PushError(f"Output {number}: look-up {one.lookup_id} is another answer's, or not of this project.")
        there[key] = row.id
        kept.append(Kept(row.id, item_id, True))
    new = [one.output_id for one in kept if one.added]
    if not new:
        return PushResult(kept, None)
    job = enqueue(
        session,
        "analyse",
        {"output_ids": new},
        priority=JobPriority.NORMAL,
        project_id=project_id,
        user_id=user_id,
    )
    return PushResult(kept, job.id)


def _items(session: Session, project_id: int, pushed: Sequence[Push]) -> list[int]:
    """The id of the item of each answer; items that come with it are added, and left as they are when they are there."""
    given = {one.item.external_id: one.item for one in pushed if one.item is not None}
    named = list(given) + [one.external_id for one in pushed if one.external_id is not None]
    ids = listing.items_named(session, project_id, named)
    fresh = [item for name, item in given.items() if name not in ids]
    if fresh:
        added = items.add_many(session, project_id, fresh)
        ids |= {item.external_id: item_id for item, item_id in zip(fresh, added.ids, strict=True)}
    own = listing.items_of(session, project_id, [one.item_id for one in pushed if one.item_id is not None])
    found = []
    for number, one in enumerate(pushed, 1):
        name = one.item.external_id if one.item is not None else one.external_id
        item_id = ids.get(name) if name is not None else one.item_id if one.item_id in own else None
        if item_id is None:
            raise PushError(f"Output {number}: this project has no item {name or one.item_id!r}. Push the item first.")
        found.append(item_id)
    return found


def effect_key(item_id: int, one: Push) -> str:
    """By content, so that an answer that is pushed again is not there twice."""
    return f"push:item:{item_id}:{digest(one.model, one.label or '', one.text)}"


def _new(session: Session, number: int, item_id: int, one: Push, key: str) -> NewOutput:
    subject = subject_of(session, item_id)
    labels = subject.question.labels
    label = one.label if one.label is not None else one.text.strip()
    if one.label is not None and one.label not in labels:
        raise PushError(f"Output {number}: {one.label!r} is no label of this project. Its labels: {', '.join(labels)}.")
    return NewOutput(
        item_id=item_id,
        text=one.text,
        model=one.model,
        origin="imported",
        label=label if subject.question.item_type is ItemType.LABEL and label in labels else None,
        messages=one.messages,
        tokens=one.tokens,
        finish_reason=one.finish_reason,
        effect_key=key,
        steps=subject.split(one.text),
        lessons=one.lessons,
        lookup=one.lookup,
        asked_by=one.asked_by,
    )
