"""Outputs with their steps, the lessons in their prompts, and the continuations sampled for them.

Writing is idempotent by effect key: a job that is killed and run again leaves one row of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from core import types
from core.item_types.asr_transcript import hypotheses_of
from store.tables import Correction, Item, Lesson, Lookup, Output, Project, Retrieval, Risk, Rollout, Step
from store.text import clean, shift


@dataclass(frozen=True, slots=True)
class NewRetrieval:
    """A lesson that was in the prompt: which revision, in which slot, at which place, with which cosine."""

    lesson_id: int
    lesson_revision: int
    slot: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class NewOutput:
    """``attempt`` 0 takes the next free number of the item. ``tokens`` are [text, logprob, entropy]; ``messages`` [role, content]."""

    item_id: int
    text: str
    model: str
    origin: str = "generated"
    attempt: int = 0
    parent_id: int | None = None
    correction_id: int | None = None
    refiner: str | None = None
    label: str | None = None
    messages: Sequence[Any] = ()
    tokens: Sequence[Any] = ()
    label_scores: Mapping[str, float] = field(default_factory=dict)
    finish_reason: str = ""
    effect_key: str | None = None
    steps: Sequence[types.Step] = ()
    lessons: Sequence[NewRetrieval] = ()
    lookup: Mapping[str, Any] | None = None  # how they were found: rounds, stopped, best
    asked_by: str = "generate"  # who looked them up: see ``store.lookups``


@dataclass(frozen=True, slots=True)
class NewRollout:
    item_id: int
    text: str
    sampler: str
    output_id: int | None = None
    prefix_steps: int = 0
    answer: str | None = None
    outcome: bool | None = None
    seed: int | None = None
    effect_key: str | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A lesson that was in the prompt of an output, with what people said of it there."""

    retrieval: Retrieval
    lesson: Lesson


def add(session: Session, new: NewOutput) -> Output:
    """The stored output; one that carries the same effect key is returned unchanged. Raises ``ValueError`` on a bad step span."""
    if new.effect_key is not None:
        known: Output | None = session.scalar(_with_steps().where(Output.effect_key == new.effect_key))
        if known is not None:
            return known
    # One at a time per item: two attempts must not get one number.
    session.execute(select(Item.id).where(Item.id == new.item_id).with_for_update(key_share=True))
    output = Output(
        item_id=new.item_id,
        attempt=new.attempt or _next_attempt(session, new.item_id),
        parent_id=new.parent_id,
        correction_id=new.correction_id,
        refiner=new.refiner,
        text=clean(new.text),
        label=clean(new.label),
        model=new.model,
        origin=new.origin,
        messages=clean([list(message) for message in new.messages]),
        tokens=clean([list(token) for token in new.tokens]),
        mean_logprob=_mean_logprob(new.tokens),
        label_scores=clean(dict(new.label_scores)),
        finish_reason=new.finish_reason,
        effect_key=new.effect_key,
        steps=[_step(new.text, step) for step in new.steps],
    )
    session.add(output)
    session.flush()
    session.add_all(_retrieval(output.id, lesson) for lesson in new.lessons)
    if new.lookup is not None:
        project_id = session.get_one(Item, new.item_id).project_id
        session.add(
            Lookup(project_id=project_id, output_id=output.id, asked_by=new.asked_by, **clean(dict(new.lookup)))
        )
    session.flush()
    return output


def _next_attempt(session: Session, item_id: int) -> int:
    return (session.scalar(select(func.max(Output.attempt)).where(Output.item_id == item_id)) or 0) + 1


def _mean_logprob(tokens: Sequence[Any]) -> float | None:
    return sum(token[1] for token in tokens) / len(tokens) if tokens else None


def _step(text: str, step: types.Step) -> Step:
    if text[step.start : step.end] != step.text:
        raise ValueError(f"step {step.index + 1} does not lie at {step.start}..{step.end} of its answer")
    start, end = shift(text, step.start), shift(text, step.end)
    return Step(index=step.index, text=clean(step.text), start=start, end=end, kind=step.kind.value)


def _retrieval(output_id: int, new: NewRetrieval) -> Retrieval:
    return Retrieval(
        output_id=output_id,
        lesson_id=new.lesson_id,
        lesson_revision=new.lesson_revision,
        slot=new.slot,
        rank=new.rank,
        score=new.score,
    )


def _with_steps() -> Any:
    return select(Output).options(selectinload(Output.steps))


def get(session: Session, output_id: int) -> Output:
    """With its steps. Raises ``LookupError``."""
    output: Output | None = session.scalar(_with_steps().where(Output.id == output_id))
    if output is None:
        raise LookupError(f"there is no output {output_id}")
    return output


def under_review(session: Session, assignment_id: int, item_id: int, output_id: int) -> Output:
    """A slot's output, or the latest attempt at its item that the slot's own correction led to; with steps, item, project and risk."""
    later = (
        select(func.max(Output.id))
        .join(Correction, Correction.id == Output.correction_id)
        .where(Correction.assignment_id == assignment_id, Output.item_id == item_id, Output.id > output_id)
    )
    shown = aliased(Output)
    query = select(shown).where(shown.id == func.coalesce(later.scalar_subquery(), output_id))
    output: Output | None = session.scalar(
        query.options(
            joinedload(shown.item).joinedload(Item.project), joinedload(shown.judged), selectinload(shown.steps)
        )
    )
    if output is None:
        raise LookupError(f"there is no output {output_id}")
    return output


def step_count(session: Session, output_id: int) -> int:
    """How many steps an output has; nothing is asked where they were read already."""
    known: Output | None = session.identity_map.get(session.identity_key(Output, output_id))
    if known is not None and "steps" in known.__dict__:
        return len(known.steps)
    return session.scalar(select(func.count()).where(Step.output_id == output_id)) or 0


def risk_of(session: Session, output_id: int) -> Risk | None:
    """The risk of an output as it is stored; nothing is asked where it was read with it."""
    known: Output | None = session.identity_map.get(session.identity_key(Output, output_id))
    if known is not None and "judged" in known.__dict__:
        return known.judged
    return session.scalar(select(Risk).where(Risk.output_id == output_id))


def by_effect(session: Session, effect_keys: Sequence[str]) -> dict[str, int]:
    """Ids of the outputs that are there already, by effect key."""
    query = select(Output.effect_key, Output.id).where(Output.effect_key.in_(effect_keys))
    return {key: output_id for key, output_id in session.execute(query) if key is not None}


def latest(session: Session, item_id: int) -> Output | None:
    """The newest attempt on the item, with its steps."""
    query = _with_steps().where(Output.item_id == item_id)
    found: Output | None = session.scalar(query.order_by(Output.attempt.desc(), Output.id.desc()).limit(1))
    return found


def attempts(session: Session, item_id: int) -> list[Output]:
    """Every attempt on the item, oldest first, with its steps."""
    return list(session.scalars(_with_steps().where(Output.item_id == item_id).order_by(Output.attempt, Output.id)))


def to_steps(output: Output) -> tuple[types.Step, ...]:
    """The output's steps as plain values, in order."""
    return tuple(
        types.Step(step.index, step.text, step.start, step.end, types.StepKind(step.kind)) for step in output.steps
    )


def question(session: Session, item_id: int) -> types.Question:
    """What a model may see of an item: all but its reference. Raises ``LookupError``."""
    row = session.execute(
        select(Item, Project).join(Project, Project.id == Item.project_id).where(Item.id == item_id)
    ).one_or_none()
    if row is None:
        raise LookupError(f"there is no item {item_id}")
    return question_of(row.Item, row.Project)


def question_of(item: Item, project: Project) -> types.Question:
    kind = types.ItemType(project.item_type)
    return types.Question(
        prompt=item.prompt,
        context=item.context,
        guidelines=project.guidelines,
        item_type=kind,
        labels=tuple(project.labels),
        item_id=item.id,
        hypotheses=hypotheses_of(item.prompt, item.meta) if kind is types.ItemType.ASR_TRANSCRIPT else (),
        domain=str(item.meta.get("domain") or ""),
    )


def add_rollouts(session: Session, rows: Sequence[NewRollout]) -> int:
    """Keep sampled continuations; those whose effect key is there already are left alone. Returns how many were new."""
    keys = {row.effect_key for row in rows if row.effect_key is not None}
    known = set(session.scalars(select(Rollout.effect_key).where(Rollout.effect_key.in_(keys)))) if keys else set()
    fresh = {row.effect_key or index: row for index, row in enumerate(rows) if row.effect_key not in known}
    for row in fresh.values():
        session.add(Rollout(**{name: getattr(row, name) for name in NewRollout.__dataclass_fields__}))
    session.flush()
    return len(fresh)


def rollouts(session: Session, output_id: int) -> Sequence[Rollout]:
    """Continuations sampled for an output, oldest first."""
    return session.scalars(select(Rollout).where(Rollout.output_id == output_id).order_by(Rollout.id)).all()


def chips(session: Session, output_id: int) -> list[Chip]:
    """The lessons that were in the output's prompt, in the order of their slots and places."""
    query = (
        select(Retrieval, Lesson)
        .join(Lesson, Lesson.id == Retrieval.lesson_id)
        .where(Retrieval.output_id == output_id)
        .order_by(Retrieval.slot, Retrieval.rank)
    )
    return [Chip(retrieval, lesson) for retrieval, lesson in session.execute(query)]


def vote_chip(session: Session, retrieval_id: int, vote: str | None, user_id: int) -> None:
    """Say that a retrieved lesson was ``used`` or ``not_relevant``; ``None`` takes it back. The lesson's counts follow."""
    if vote not in ("used", "not_relevant", None):
        raise ValueError("a lesson in a prompt was used, or not_relevant")
    retrieval = session.get(Retrieval, retrieval_id, with_for_update=True)
    if retrieval is None:
        raise LookupError(f"there is no retrieval {retrieval_id}")
    retrieval.vote, retrieval.voted_by = vote, user_id if vote else None
    session.flush()
    said = {
        name: select(func.count())
        .where(Retrieval.lesson_id == retrieval.lesson_id, Retrieval.vote == name)
        .scalar_subquery()
        for name in ("used", "not_relevant")
    }
    session.execute(update(Lesson).where(Lesson.id == retrieval.lesson_id).values(**said))
