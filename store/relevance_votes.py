"""What a project knows of lessons that were looked up: people's votes, corrections that teach a lesson again, and verdicts on answers.

It teaches the relevance gate. A correction that is a source of a lesson which the look-up of that item had found says that the lesson
belonged there, whether it was accepted or refused. A verdict on an answer says little of each lesson in its prompt: see ``OUTCOME``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.lessons.relevance import NAMES, Features, Known
from core.types import Verdict
from store.reviews import is_current
from store.tables import Correction, LessonSource, Lookup, Output, Retrieval, Review
from store.withdrawn import held, parts

MOST = 5000  # newest look-ups that are learned from
OUTCOME = 0.2  # how much the verdict on an answer counts for a lesson in its prompt, beside a vote
STORED = len(NAMES) - 1  # features that a look-up keeps; the last is made of them
Place = tuple[int, int]  # output, lesson


def counts(session: Session, project_id: int) -> tuple[int, int]:
    """Votes that count: used, and not relevant."""
    query = select(Retrieval.vote, func.count()).join(Lookup, Lookup.output_id == Retrieval.output_id)
    query = query.where(Lookup.project_id == project_id, Retrieval.vote.is_not(None), ~_taken_back())
    found = dict(session.execute(query.group_by(Retrieval.vote)).all())
    return found.get("used", 0), found.get("not_relevant", 0)


def known(session: Session, project_id: int) -> list[Known]:
    """One for each lesson and answer of which something is known; the votes of the lesson are those of before."""
    query = select(Lookup.output_id, Lookup.rounds, Output.item_id, Output.attempt).join(
        Output, Output.id == Lookup.output_id
    )
    rows = session.execute(query.where(Lookup.project_id == project_id).order_by(Lookup.id.desc()).limit(MOST)).all()
    outputs = [row.output_id for row in rows]
    votes, placed = _votes(session, outputs)
    taught, verdicts = _taught(session, {row.item_id for row in rows}), _verdicts(session, outputs)
    found, said = [], dict[int, Counter[str]]()
    for output_id, rounds, item_id, attempt in reversed(rows):
        for lesson_id, features in _features(rounds):
            vote = votes.get((output_id, lesson_id))
            before = said.setdefault(lesson_id, Counter())
            then = replace(features, used=before["used"], not_relevant=before["not_relevant"])
            if vote is not None:
                found.append(Known(then, vote == "used", item_id))
                before[vote] += 1
            elif taught.get((item_id, lesson_id), -1) >= attempt:
                found.append(Known(then, True, item_id, 1.0, voted=False))
            elif (output_id, lesson_id) in placed and output_id in verdicts:
                found.append(Known(then, verdicts[output_id], item_id, OUTCOME, voted=False))
    return found


def _taken_back() -> Any:
    """Whoever voted took back what they said of that answer: the vote goes with it."""
    gone = Review.id.in_(held("review"))
    return exists().where(Review.output_id == Retrieval.output_id, Review.user_id == Retrieval.voted_by, gone)


def _votes(session: Session, outputs: Sequence[int]) -> tuple[dict[Place, str], set[Place]]:
    """Votes, and which lessons were in prompts."""
    votes, placed = {}, set[Place]()
    for part in parts(outputs):
        query = select(Retrieval.output_id, Retrieval.lesson_id, Retrieval.vote, _taken_back())
        for output_id, lesson_id, vote, gone in session.execute(query.where(Retrieval.output_id.in_(part))):
            placed.add((output_id, lesson_id))
            if vote is not None and not gone:
                votes[output_id, lesson_id] = vote
    return votes, placed


def _taught(session: Session, items: Iterable[int]) -> dict[Place, int]:
    """The last attempt of an item of which a standing correction is a source of the lesson, by (item, lesson)."""
    found: dict[Place, int] = {}
    for part in parts(sorted(items)):
        query = (
            select(Output.item_id, LessonSource.lesson_id, func.max(Output.attempt))
            .join(Correction, Correction.output_id == Output.id)
            .join(LessonSource, LessonSource.correction_id == Correction.id)
            .where(Output.item_id.in_(part), Correction.id.not_in(held("correction")))
            .group_by(Output.item_id, LessonSource.lesson_id)
        )
        found |= {(item_id, lesson_id): attempt for item_id, lesson_id, attempt in session.execute(query)}
    return found


def _verdicts(session: Session, outputs: Sequence[int]) -> dict[int, bool]:
    """Whether an answer was let stand, of those that were judged; the newest verdict counts."""
    found: dict[int, bool] = {}
    for part in parts(outputs):
        query = select(Review.output_id, Review.verdict).where(Review.output_id.in_(part), is_current(Review))
        for output_id, verdict in session.execute(query.order_by(Review.id)):
            if verdict != Verdict.CANNOT_JUDGE:
                found[output_id] = verdict == Verdict.ACCEPTABLE
    return found


def _features(rounds: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Features]]:
    """Of each lesson in the rounds the features of the round that spoke most for it."""
    best: dict[int, dict[str, Any]] = {}
    for hit in (hit for one in rounds for hit in one["hits"]):
        if len(hit["features"]) == STORED and hit["chance"] > best.get(hit["lesson"], {"chance": -1.0})["chance"]:
            best[hit["lesson"]] = hit
    for lesson_id, hit in best.items():
        cosine, bare, words, link = map(float, hit["features"])
        yield lesson_id, Features(cosine, bare, words, link)
