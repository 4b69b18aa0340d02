"""What the operations on queues and decisions give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class QueueMember:
    """``waits``: places for this person alone; ``gold_right`` of ``gold_answered`` gold items were judged as is known."""

    person_id: int
    takes_part: bool
    waits: int
    holds: int
    finished: int
    gold_right: int
    gold_answered: int


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """``finished_by_hour``: the last 24 hours, the latest one last; ``nobodys``: places that wait for being assigned."""

    counts: dict[str, int]
    finished_by_hour: list[int]
    nobodys: int
    gold: int
    people: list[QueueMember]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One of the reviews of a case, by a letter. Steps count from 0."""

    review_id: int
    letter: str
    verdict: str
    first_wrong_step: int | None
    step_labels: list[int | None]
    error_type: str | None
    answer_right: bool | None
    words: str
    rewrite: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that people judged differently. What follows ``created_at`` comes with a single case only."""

    assignment_id: int
    item_id: int
    external_id: str
    output_id: int
    state: str
    why: str
    created_at: str
    output: dict[str, Any] | None = None
    reviews: list[Opinion] = field(default_factory=list)
    differ_in: list[str] = field(default_factory=list)
    decision_id: int | None = None


@dataclass(frozen=True, slots=True)
class DecidedReview:
    """What was decided about one's own review. ``taken``: the decision is what one said."""

    id: int
    project_id: int
    external_id: str
    prompt: str
    said: str
    said_step: int | None
    decided: str
    decided_step: int | None
    taken: bool
    reason: str
    at: str
    revision: int
    seen_at: str | None
