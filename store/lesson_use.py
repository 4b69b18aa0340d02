"""Where a lesson was used and what came of it: the answers with it in their prompt and people's verdicts, week by week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ScalarSelect, select
from sqlalchemy.orm import Session

from core.types import Verdict
from store.clock import now
from store.reviews import is_current
from store.tables import Item, Output, Retrieval, Review

WEEKS = 26
READ = 20_000  # newest uses that are counted


@dataclass(frozen=True, slots=True)
class Use:
    """An answer that had the lesson in its prompt. ``verdict``: the newest of a person; ``vote``: used or not_relevant."""

    item_id: int
    prompt: str
    attempt: int
    revision: int
    when: datetime
    vote: str | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Week:
    """``begins``: its Monday, UTC. ``judged`` answers of it have a verdict, ``accepted`` of those were let stand."""

    begins: date
    retrieved: int
    used: int
    not_relevant: int
    judged: int
    accepted: int


def newest(session: Session, lesson_id: int, limit: int = 20) -> list[Use]:
    """The newest first."""
    query = (
        select(Retrieval, Output.item_id, Output.attempt, Item.prompt, _verdict())
        .join(Output, Output.id == Retrieval.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Retrieval.lesson_id == lesson_id)
        .order_by(Retrieval.id.desc())
        .limit(limit)
    )
    return [
        Use(item_id, prompt, attempt, row.lesson_revision, row.created_at, row.vote, verdict)
        for row, item_id, attempt, prompt, verdict in session.execute(query)
    ]


def weeks(session: Session, lesson_id: int) -> list[Week]:
    """The last ``WEEKS`` weeks from the first use in them, the oldest first, without gaps; empty where there was no use."""
    since = _monday(now().date()) - timedelta(weeks=WEEKS - 1)
    query = select(Retrieval.created_at, Retrieval.vote, _verdict()).where(Retrieval.lesson_id == lesson_id)
    found: dict[date, list[tuple[str | None, str | None]]] = defaultdict(list)
    for moment, vote, verdict in session.execute(query.order_by(Retrieval.id.desc()).limit(READ)):
        if (begins := _monday(moment.date())) >= since:
            found[begins].append((vote, verdict))
    if not found:
        return []
    first, last = min(found), _monday(now().date())
    mondays = [first + timedelta(weeks=k) for k in range((last - first).days // 7 + 1)]
    return [_week(monday, found[monday]) for monday in mondays]


def _week(begins: date, rows: Sequence[tuple[str | None, str | None]]) -> Week:
    verdicts = [verdict for _, verdict in rows if verdict in (Verdict.ACCEPTABLE, Verdict.FAULTY)]
    votes = [vote for vote, _ in rows]
    accepted = verdicts.count(Verdict.ACCEPTABLE.value)
    return Week(begins, len(rows), votes.count("used"), votes.count("not_relevant"), len(verdicts), accepted)


def _verdict() -> ScalarSelect[str]:
    """The newest current verdict on the answer."""
    query = select(Review.verdict).where(Review.output_id == Retrieval.output_id, is_current(Review))
    return query.order_by(Review.id.desc()).limit(1).correlate(Retrieval).scalar_subquery()


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
