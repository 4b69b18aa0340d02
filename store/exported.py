"""Exported rows that come back: items, answers, judgements and corrections as far as the file carried them.

What was judged elsewhere is kept under an account that nobody can sign in to, never under a person who did not judge it. Everything is
keyed by what it says, so that a file that is imported again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.exporters.base import ExportAttempt, ExportRecord
from core.types import LessonDraft, Role, Step, StepKind, Verdict
from store import audit, items, lessons, outputs, projects, reviews, users
from store.export_records import moment
from store.items import NewItem
from store.outputs import NewOutput, NewRollout
from store.reviews import NewCorrection, is_current
from store.tables import Correction, Critique, Item, Output, Project, Review
from store.text import clean, digest

ACCOUNT = "imported reviews"
Split = Callable[[str], Sequence[Step]]


@dataclass(slots=True)
class Brought:
    """What an import brought: counts, and the answers that nobody judged yet."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    answers: int = 0
    reviews: int = 0
    corrections: int = 0
    lessons: int = 0
    unjudged: list[int] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "unjudged"}


def account(session: Session) -> int:
    """Who stands for everybody who judged elsewhere: an account without a password that is not active.

    Raises ``ValueError`` where a person has that name.
    """
    known = users.by_name(session, ACCOUNT)
    if known is None:
        known = users.create(session, ACCOUNT, Role.ANNOTATOR)
        users.deactivate(session, known.id)
    elif known.active or known.password_hash is not None:
        raise ValueError(f"somebody who can sign in is called {ACCOUNT!r}: give that account another name first")
    return known.id


def fit_project(session: Session, project_id: int, record: ExportRecord, user_id: int | None) -> None:
    """Give an empty project without guidelines those of the file, and labels. Raises ``ValueError`` where types differ."""
    project, question = projects.get(session, project_id), record.question
    _check_type(project, record)
    empty = session.scalar(select(Item.id).where(Item.project_id == project_id).limit(1)) is None
    if empty and not project.guidelines:
        changes: dict[str, Any] = {"guidelines": question.guidelines}
        if question.labels and not project.labels:
            changes["labels"] = list(question.labels)
        projects.update(session, project_id, user_id=user_id, **changes)


def _check_type(project: Project, record: ExportRecord) -> None:
    if project.item_type != record.question.item_type:
        raise ValueError(
            f"the file holds items of type {record.question.item_type.value}, the project {project.slug} those of type "
            f"{project.item_type}: import it into a project of that type"
        )


def keep(
    session: Session, project: Project, record: ExportRecord, *, judge: int, split: Split, brought: Brought
) -> None:
    """Store one item with what the file says of it, in the caller's transaction, and add to ``brought``.

    ``judge`` is the account that judgements go to, ``split`` makes steps of answers that came without. Raises ``ValueError``.
    """
    _check_type(project, record)
    item_id = _item(session, project, record, brought)
    before = brought.counts()
    ids: dict[int, int] = {}
    said: list[int] = []
    for attempt in sorted((*record.attempts, *record.others), key=lambda a: (a.number == 0, a.number)):
        output, new = _output(session, item_id, attempt, ids, split)
        ids.setdefault(attempt.number, output.id)
        brought.answers += new
        if attempt.verdict is not None or attempt.corrections:
            brought.reviews += _reviews(session, output, attempt, judge)
            said += _corrections(session, output, attempt, judge, brought)
        elif new:
            brought.unjudged.append(output.id)
        _evidence(session, item_id, output, attempt)
    brought.lessons += _lessons(session, project.id, record, said, judge)
    gained = {name: count - before[name] for name, count in brought.counts().items() if count != before[name]}
    if gained:
        audit.record(session, "item.import_reviewed", "item", item_id, user_id=judge, new=gained)
    session.flush()


def _item(session: Session, project: Project, record: ExportRecord, brought: Brought) -> int:
    found = session.scalar(
        select(Item).where(Item.project_id == project.id, Item.external_id == clean(record.external_id))
    )
    question = record.question
    if found is not None and (found.prompt, found.context) != (clean(question.prompt), clean(question.context)):
        raise ValueError(
            f"item {record.external_id!r} of this project asks something else: import the file into another project"
        )
    reference = record.reference if record.reference is not None else found.reference if found else None
    meta: dict[str, Any] = {**(found.meta if found else {}), **record.meta}
    new = NewItem(record.external_id, question.prompt, question.context, reference, meta)
    made = items.add_many(session, project.id, [new])
    for name in ("added", "updated", "unchanged"):
        setattr(brought, name, getattr(brought, name) + getattr(made, name))
    return made.ids[0]


def _key(item_id: int, attempt: ExportAttempt) -> str:
    return f"exported:{item_id}:{attempt.number}:{digest(attempt.model, clean(attempt.text))}"


def _output(
    session: Session, item_id: int, attempt: ExportAttempt, ids: Mapping[int, int], split: Split
) -> tuple[Output, bool]:
    """The stored answer, and whether it was not there yet. An answer keeps its number where no other has it."""
    key = _key(item_id, attempt)
    known = session.scalar(select(Output).where(Output.effect_key == key))
    if known is not None:
        return known, False
    taken = select(Output.id).where(Output.item_id == item_id, Output.attempt == attempt.number)
    free = attempt.number > 0 and session.scalar(taken.limit(1)) is None
    new = NewOutput(
        item_id=item_id,
        text=attempt.text,
        model=attempt.model[:200] or "imported",
        origin=attempt.origin if attempt.origin == "generated" and attempt.model else "imported",
        attempt=attempt.number if free else 0,
        parent_id=ids.get(attempt.parent_id or 0),
        label=attempt.label,
        effect_key=key,
        steps=_steps(attempt) or split(attempt.text),
    )
    return outputs.add(session, new), True


def _steps(attempt: ExportAttempt) -> list[Step]:
    """The steps that the file names, where they stand in the answer; none where they are not found there in order."""
    found: list[Step] = []
    at = 0
    for index, text in enumerate(attempt.steps):
        start = attempt.text.find(text, at)
        if start < 0 or not text:
            return []
        at = start + len(text)
        found.append(Step(index, text, start, at, StepKind.REASONING))
    return found


def _reviews(session: Session, output: Output, attempt: ExportAttempt, judge: int) -> int:
    """Every judgement that the file carries, the one that stands last; those that it says otherwise now are replaced."""
    if attempt.verdict is None:
        return 0
    wanted = [_judgement(Verdict(verdict), wrong) for verdict, wrong in attempt.earlier]
    wanted.append(_judgement(attempt.verdict, attempt.first_wrong_step) | _details(attempt, len(output.steps)))
    query = select(Review).where(Review.output_id == output.id, Review.user_id == judge, is_current(Review))
    there = list(session.scalars(query.order_by(Review.id)))
    new = 0
    for place, values in enumerate(wanted):
        old = there[place] if place < len(there) else None
        if old is not None and all(getattr(old, name) == value for name, value in values.items()):
            continue
        revision = {"revision": old.revision + 1, "replaces_id": old.id} if old else {}
        row = Review(output_id=output.id, user_id=judge, shown={"imported": True}, **values, **revision)
        session.add(row)
        session.flush()
        new += 1
    return new


def _judgement(verdict: Verdict, wrong: int | None) -> dict[str, Any]:
    return {"verdict": verdict.value, "first_wrong_step": wrong}


def _details(attempt: ExportAttempt, steps: int) -> dict[str, Any]:
    """What the standing judgement says besides; labels fill up to the answer's steps as a person's do."""
    if attempt.first_wrong_step is not None and attempt.first_wrong_step >= max(steps, 1):
        raise ValueError(f"the answer has {steps} steps, and no step {attempt.first_wrong_step + 1}")
    labels = [None if label is None else int(label) for label in attempt.step_labels][:steps]
    said = any(label is not None for label in labels)
    return {
        "step_labels": labels + [None] * (steps - len(labels)) if said else [],
        "error_type": attempt.error_type,
        "seconds": attempt.seconds,
        "answer_right": attempt.answer_right,
        "alternatives": [
            [step, clean(text), None if label is None else int(label)] for step, text, label in attempt.alternatives
        ],
        **({"created_at": moment(attempt.reviewed_at)} if attempt.reviewed_at else {}),
    }


def _corrections(session: Session, output: Output, attempt: ExportAttempt, judge: int, brought: Brought) -> list[int]:
    """Ids of the corrections; a step that the answer does not have is left out, the words stay."""
    ids = []
    for place, said in enumerate(attempt.corrections):
        if not clean(said.text).strip() and said.rewrite is None:
            continue
        key = f"exported:{output.id}:{place}:{digest(said.text, said.rewrite or '', str(said.step_index))}"
        known = session.scalar(select(Correction.id).where(Correction.effect_key == key))
        if known is not None:
            ids.append(known)
            continue
        step = said.step_index if said.step_index is not None and said.step_index < len(output.steps) else None
        new = NewCorrection(
            judge,
            output.id,
            said.text,
            said.scope.value,
            said.dependency.value,
            step_index=step,
            error_type=said.error_type,
            rewrite=said.rewrite,
            effect_key=key,
        )
        ids.append(reviews.add_correction(session, new).id)
        brought.corrections += 1
    return ids


def _evidence(session: Session, item_id: int, output: Output, attempt: ExportAttempt) -> None:
    """Critiques and continuations that are not there yet."""
    there = select(Critique.step_index, Critique.source).where(Critique.output_id == output.id)
    known = {(step, source) for step, source in session.execute(there)} if attempt.critiques else set()
    for one in attempt.critiques:
        if (one.step_index, one.source) in known or not 0 <= one.step_index < len(output.steps):
            continue
        known.add((one.step_index, one.source))
        values = {"label": int(one.label), "explanation": clean(one.explanation), "confidence": one.confidence}
        session.add(
            Critique(
                output_id=output.id,
                step_index=one.step_index,
                source=clean(one.source)[:120],
                error_type=one.error_type,
                **values,
            )
        )
    outputs.add_rollouts(
        session,
        [
            NewRollout(
                item_id,
                clean(one.text),
                clean(one.sampler)[:200] or "imported",
                output.id,
                one.prefix_steps,
                outcome=one.right,
                effect_key=f"exported:{output.id}:rollout:{place}",
            )
            for place, one in enumerate(attempt.rollouts)
        ],
    )


def _lessons(session: Session, project_id: int, record: ExportRecord, said: Sequence[int], judge: int) -> int:
    """The lessons that came from an item's corrections come back as proposals: a person approves what goes into prompts."""
    new = 0
    for one in record.lessons:
        key = f"exported:{project_id}:lesson:{digest(one.kind, one.text)}"
        known = lessons.by_effect(session, f"{key}:0")
        if known is not None:
            lessons.support(session, known, said, judge)
            continue
        draft = LessonDraft(one.kind, one.text, one.applicability, source_corrections=tuple(said), name=one.name)
        lessons.propose(session, project_id, [draft], author_id=judge, effect_key=key)
        new += 1
    return new
