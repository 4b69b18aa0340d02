"""Reviews of steps with what critics said at that time: what the notebook, the comparisons of people, and the training read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import step_labels
from core.critics.step_head_retraining import Label
from core.metrics import NO_ERROR
from core.step_labels import StepReview
from core.types import QueueKind, StepLabel, Verdict
from store.evidence import step_texts
from store.reviews.revisions import is_current
from store.tables import Assignment, Critique, Item, Output, Queue, RetractionEntry, Review, Step, User

LATEST = 5_000  # reviews that are read
REVIEWED = (  # columns alone: thousands of whole rows would take seconds
    Review.id,
    Review.output_id,
    Review.user_id,
    Review.created_at,
    Review.verdict,
    Review.first_wrong_step,
    Review.step_labels,
    Review.error_type,
    Review.blind,
    Review.shown["critiques"].label("critiques"),
)
SAID = (
    Critique.output_id,
    Critique.source,
    Critique.step_index,
    Critique.label,
    Critique.confidence,
    Critique.error_type,
    Critique.explanation,
    Critique.created_at,
)
PART = 500  # ids of one query
Found = TypeVar("Found")


def step_reviews(
    session: Session, project_id: int, limit: int = LATEST, *, taken_back: int | None = None
) -> list[StepReview]:
    """The newest reviews that stand, of answers with steps, oldest first. "Cannot judge" is among them, and says nothing of a step.

    With ``taken_back`` those that this retraction holds instead.
    """
    held = select(RetractionEntry.owner_id).where(
        RetractionEntry.retraction_id == taken_back, RetractionEntry.kind == "review"
    )
    query = (
        select(*REVIEWED, Output.item_id, Output.model, Item.external_id, User.name.label("user"), Queue.kind)
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(User, User.id == Review.user_id)
        .outerjoin(Assignment, Assignment.id == Review.assignment_id)
        .outerjoin(Queue, Queue.id == Assignment.queue_id)
        .where(Item.project_id == project_id, is_current(Review) if taken_back is None else Review.id.in_(held))
        .order_by(Review.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    ids = sorted({row.output_id for row in rows})
    steps = _in_parts(ids, lambda part: _step_counts(session, part))
    critiques = _in_parts(ids, lambda part: _critiques(session, part))
    made = [
        _review(row, steps[row.output_id], critiques.get(row.output_id, ())) for row in rows if row.output_id in steps
    ]
    return made[::-1]


def labels(session: Session, reviews: Sequence[StepReview]) -> list[Label]:
    """Answers whose first wrong step people agree on (``core.step_labels.truth``), with their texts, oldest first; groups are items."""
    told = {output: people for output, people in step_labels.by_output(reviews).items()}
    known = {output: first for output, people in told.items() if (first := step_labels.truth(people)) is not None}
    texts = _in_parts(sorted(known), lambda part: step_texts(session, part))
    prompts = _in_parts(sorted(known), lambda part: _prompts(session, part))
    found = []
    for output, first in sorted(known.items()):
        kind = next((one.error_type for one in told[output] if one.first_error == first and one.error_type), "")
        if first < len(texts.get(output, ())):
            found.append(Label(prompts[output], tuple(texts[output]), first, str(told[output][0].item_id), kind))
    return found


def label_counts(session: Session, project_id: int) -> tuple[int, int]:
    """How many answers of the project have a review that marks a wrong step, and how many one that found none: one cheap query."""
    marked = Review.first_wrong_step.is_not(None)
    query = (
        select(marked, func.count(Review.output_id.distinct()))
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(
            Item.project_id == project_id,
            is_current(Review),
            Review.verdict != Verdict.CANNOT_JUDGE,
            marked | (Review.verdict == Verdict.ACCEPTABLE),
        )
        .group_by(marked)
    )
    counts = {bool(wrong): n for wrong, n in session.execute(query)}
    return counts.get(True, 0), counts.get(False, 0)


def _review(row: Any, steps: int, critiques: Sequence[Any]) -> StepReview:
    verdict = Verdict(row.verdict)
    first = step_labels.first_error(verdict, row.first_wrong_step, row.step_labels)
    return StepReview(
        row.id,
        row.item_id,
        row.output_id,
        row.user_id,
        row.created_at,
        row.model,
        verdict,
        first,
        tuple(step_labels.complete(first, row.step_labels, steps)),
        _said(row, critiques),
        row.blind,
        row.kind not in (None, QueueKind.ANNOTATE),
        row.error_type or "",
        _suggested(critiques, first),
        row.user,
        row.external_id,
    )


def _said(row: Any, critiques: Sequence[Any]) -> dict[str, int]:
    """What stood beside the answer, or would have, had it not been hidden; where that was not kept, what was said before the review."""
    kept = [one for one in row.critiques if _is_triple(one)] if isinstance(row.critiques, list) else []
    told = kept or [(one.source, one.step_index, one.label) for one in critiques if one.created_at <= row.created_at]
    found: dict[str, int] = {}
    for source, step, label in told:
        named = found.setdefault(source, NO_ERROR)
        if label == StepLabel.WRONG and (named == NO_ERROR or step < named):
            found[source] = step
    return found


def _is_triple(one: Any) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 3
        and isinstance(one[0], str)
        and isinstance(one[1], int)
        and one[2] in {-1, 0, 1}
    )


def _suggested(critiques: Sequence[Any], first: int | None) -> str:
    """The type that the surest critic gave the step which the person found wrong."""
    if first in (None, NO_ERROR):
        return ""
    kinds = [one for one in critiques if one.step_index == first and one.label == StepLabel.WRONG and one.error_type]
    best = max(kinds, key=lambda one: one.confidence, default=None)
    return (best.error_type or "") if best else ""


def _step_counts(session: Session, output_ids: Sequence[int]) -> dict[int, int]:
    query = select(Step.output_id, func.count(Step.id)).where(Step.output_id.in_(output_ids)).group_by(Step.output_id)
    return {output: n for output, n in session.execute(query)}


def _critiques(session: Session, output_ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    query = select(*SAID).where(Critique.output_id.in_(output_ids)).order_by(Critique.id)
    for row in session.execute(query):
        found.setdefault(row.output_id, []).append(row)
    return found


def _prompts(session: Session, output_ids: Sequence[int]) -> dict[int, str]:
    query = select(Output.id, Item.prompt).join(Item, Item.id == Output.item_id).where(Output.id.in_(output_ids))
    return {output: prompt for output, prompt in session.execute(query)}


def _in_parts(ids: Sequence[int], read: Callable[[Sequence[int]], dict[int, Found]]) -> dict[int, Found]:
    found: dict[int, Found] = {}
    for start in range(0, len(ids), PART):
        found |= read(ids[start : start + PART])
    return found


@dataclass(frozen=True, slots=True)
class AnswerSteps:
    """An answer as the notebook page shows it. ``why`` maps (critic, step) to what the critic says of that step now."""

    prompt: str
    steps: tuple[str, ...]
    why: Mapping[tuple[str, int], str]


def answers(session: Session, output_ids: Sequence[int]) -> dict[int, AnswerSteps]:
    ids = sorted(set(output_ids))
    steps = _in_parts(ids, lambda part: step_texts(session, part))
    prompts = _in_parts(ids, lambda part: _prompts(session, part))
    said = _in_parts(ids, lambda part: _critiques(session, part))
    return {
        output: AnswerSteps(
            prompts[output],
            tuple(steps.get(output, ())),
            {(one.source, one.step_index): one.explanation for one in said.get(output, ())},
        )
        for output in prompts
    }
