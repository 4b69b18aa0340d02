"""When people judge the same answer differently it goes to the experts too, with what was said, in the transaction of the review."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.projects import ProjectSettings
from core.types import QueueKind, Verdict
from store import outputs, projects, queue
from store.reviews.revisions import is_current
from store.tables import Assignment, Queue, Review

_SAID = {Verdict.FAULTY: "faulty", Verdict.ACCEPTABLE: "acceptable"}
SURE = 0.9  # how sure a risk is that contradicts people
_QUEUES = {"experts": QueueKind.EXPERT, "adjudication": QueueKind.ADJUDICATE}


def to_experts(session: Session, slot: Assignment) -> int | None:
    """After a review of an annotator's slot: the id of the experts' slot, or ``None`` where people agree or experts are not asked.

    Where the queue lets further people be asked, they are asked first. Nobody is named, so that the expert judges the answer and not
    the people.
    """
    if slot.queue.kind != QueueKind.ANNOTATE or slot.gold:
        return None
    options = ProjectSettings.model_validate(projects.get(session, slot.queue.project_id).settings)
    if options.disagreements == options.contradictions == "off" and not slot.queue.extra_reviews:
        return None
    counts = _verdicts(session, slot)
    if _agreed(counts, slot.queue.agreement_floor):
        return _contradicted(session, slot, counts, options)
    if slot.queue.extra_reviews and queue.one_more(session, slot):
        return None
    if options.disagreements == "off":
        return None
    said = " and ".join(f"{counts[verdict]} found it {word}" for verdict, word in _SAID.items())
    reason = f"People disagree on this answer: {said}."
    kind = _QUEUES[options.disagreements]
    return queue.dispute(
        session, slot.queue.project_id, slot.output_id, reason=reason, priority=slot.priority, kind=kind
    )


def _contradicted(session: Session, slot: Assignment, counts: Counter[Verdict], options: ProjectSettings) -> int | None:
    """The experts' slot of an answer where a sure calibrated risk contradicts what people say, if the project asks for that."""
    if options.contradictions == "off" or not counts:
        return None
    risk = outputs.risk_of(session, slot.output_id)
    if risk is None or not risk.calibrated:
        return None
    says = counts.most_common(1)[0][0]
    against = risk.value >= SURE if says is Verdict.ACCEPTABLE else risk.value <= 1 - SURE
    if not against:
        return None
    reason = f"People found it {_SAID[says]}, and its calibrated risk of being wrong is {round(100 * risk.value)} %."
    return queue.dispute(session, slot.queue.project_id, slot.output_id, reason=reason, priority=slot.priority)


def _agreed(counts: Counter[Verdict], floor: float) -> bool:
    """Whether all say the same, or a majority whose share reaches ``floor``."""
    if len(counts) < len(_SAID):
        return True
    most, total = max(counts.values()), sum(counts.values())
    return 2 * most > total and most / total >= floor


def _verdicts(session: Session, slot: Assignment) -> Counter[Verdict]:
    """What annotators say of the answer now, one verdict a person; "cannot judge" is none."""
    query = (
        select(Review.user_id, Review.verdict)
        .join(Assignment, Assignment.id == Review.assignment_id)
        .join(Queue, Queue.id == Assignment.queue_id)
        .where(
            Review.output_id == slot.output_id,
            Queue.kind == QueueKind.ANNOTATE,
            Review.verdict != Verdict.CANNOT_JUDGE,
            is_current(Review),
        )
        .order_by(Review.id)
    )
    return Counter({user: Verdict(verdict) for user, verdict in session.execute(query)}.values())
