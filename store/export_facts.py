"""What a project has to export, and who judged it: for the exports page and for the card beside a written file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from core.exporters.base import Need
from core.exporters.card import Annotator, People
from core.types import LessonStatus, Verdict
from store.export_records import review_filters
from store.reviews import is_current
from store.tables import Correction, Critique, Item, Lesson, LessonSource, Output, Review, Rollout, Step
from store.vectors import withdrawn_corrections


def has(session: Session, project_id: int) -> frozenset[Need]:
    """Which of the things that formats need the project has at least one of."""
    tests = _tests(project_id)
    row = session.execute(select(*(test.label(need.name) for need, test in tests.items()))).one()
    return frozenset(need for need, found in zip(tests, row, strict=True) if found)


def _tests(project_id: int) -> dict[Need, ColumnElement[bool]]:
    mine = (Item.project_id == project_id, Output.item_id == Item.id)
    reviewed = (*mine, Review.output_id == Output.id, is_current(Review))
    corrected = (
        *mine,
        Correction.output_id == Output.id,
        is_current(Correction),
        Correction.id.not_in(withdrawn_corrections()),
    )
    good, bad = Review.verdict == Verdict.ACCEPTABLE, Review.verdict == Verdict.FAULTY
    rewritten = exists().where(*corrected, Correction.rewrite.is_not(None))
    stepped = (*reviewed, Step.output_id == Output.id, or_(good, Review.first_wrong_step.is_not(None)))
    sourced = (*corrected, LessonSource.correction_id == Correction.id, Lesson.id == LessonSource.lesson_id)
    judged = exists().where(*reviewed, or_(good, bad))
    return {
        Need.ACCEPTED: or_(exists().where(*reviewed, good), rewritten),
        Need.FAULTY: or_(exists().where(*reviewed, bad), exists().where(*corrected)),
        Need.JUDGED: or_(judged, exists().where(*corrected)),
        Need.STEPS: exists().where(*stepped),
        Need.FIRST_WRONG: exists().where(*reviewed, Review.first_wrong_step.is_not(None)),
        Need.WORDS: exists().where(*corrected, Correction.text != ""),
        Need.REWRITE: rewritten,
        Need.RETRY: exists().where(*mine, Output.attempt > 1),
        Need.CRITIQUE: exists().where(*mine, Critique.output_id == Output.id, Critique.explanation != ""),
        Need.ROLLOUT: exists().where(*mine, Rollout.output_id == Output.id, Rollout.outcome.is_not(None)),
        Need.LESSON: exists().where(*sourced, Lesson.status == LessonStatus.ACTIVE),
        Need.OUTCOME: or_(judged, exists().where(*mine, Item.reference.is_not(None))),
    }


def people(session: Session, project_id: int, filters: Mapping[str, Any]) -> People:
    """Who judged what the filters keep, as numbers without names, and how often two people agree on the verdict of an output.

    Who could not judge an output agrees with nobody about it, and disagrees with nobody.
    """
    query = select(Review.user_id, Review.output_id, Review.verdict, Review.seconds).order_by(Review.id)
    rows = session.execute(query.where(Item.project_id == project_id, *review_filters(filters))).all()
    by_person: dict[int, list[Any]] = defaultdict(list)
    by_output: dict[int, dict[int, str]] = defaultdict(dict)
    for row in rows:
        by_person[row.user_id].append(row)
        if row.verdict != Verdict.CANNOT_JUDGE:
            by_output[row.output_id][row.user_id] = row.verdict
    pairs = agreed = 0
    for verdicts in by_output.values():
        counts, n = Counter(verdicts.values()), len(verdicts)
        pairs += n * (n - 1) // 2
        agreed += sum(count * (count - 1) // 2 for count in counts.values())
    found = [_annotator(number, by_person[user]) for number, user in enumerate(sorted(by_person), 1)]
    return People(tuple(found), pairs, agreed)


def _annotator(number: int, rows: Sequence[Any]) -> Annotator:
    seconds = [row.seconds for row in rows if row.seconds is not None]
    verdicts = Counter(row.verdict for row in rows)
    return Annotator(number, len(rows), round(median(seconds), 1) if seconds else None, dict(sorted(verdicts.items())))
