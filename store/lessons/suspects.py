"""Suspects: what may be wrong for the same reason as what is known to be (paper 29: the flagged set is never complete).

Ranked by what they share with the known-bad ones: the author, the time, the import, and how near they are in meaning. They are
shown to a person with the reasons; nothing is taken back by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import LessonStatus
from store.lessons.selecting import sources
from store.tables import Correction, Embedding, Item, Job, Lesson, LessonSource, Output, User
from store.withdrawn import held, parts

WINDOW = timedelta(hours=1)
NEAR = 0.6  # cosine above which two are near: all-MiniLM-L6-v2 puts unrelated sentences below .3, paraphrases above .6
MOST_READ = 20_000  # corrections, the newest, and vectors
WEIGHTS = {"author": 1.0, "time": 0.5, "import": 0.5}  # the nearest neighbour adds its cosine

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A correction that stands, with what it shares with the known-bad ones; ``lessons`` are the standing ones that drew on it."""

    correction_id: int
    text: str
    author: str
    at: datetime
    item_id: int
    reasons: tuple[str, ...]
    score: float
    lessons: tuple[int, ...]


def suspects(
    session: Session,
    project_id: int,
    *,
    corrections: Collection[int],
    lessons: Collection[int] = (),
    vectors: Mapping[int, Floats] | None = None,
    limit: int = 50,
) -> list[Suspect]:
    """The likeliest first. ``corrections`` and ``lessons`` are known to be bad, taken back already or not.

    ``vectors`` of known-bad corrections, by id, where their own are gone; without them nearness is judged by those that are stored.
    """
    bad = set(corrections) | sources(session, lessons)
    rows = _rows(session, project_id)
    known = [row for row in rows if row.id in bad]
    if not known:
        return []
    gone = set(session.scalars(held("correction")))
    others = [row for row in rows if row.id not in bad and row.id not in gone]
    imports = _imports(session, project_id)
    near = _nearest(session, project_id, bad, {row.id for row in others}, vectors or {})
    drew = _lessons_of(session, [row.id for row in others])
    found = [_judged(row, known, imports, near, drew) for row in others]
    ranked = sorted((one for one in found if one is not None), key=lambda one: (-one.score, one.correction_id))
    return ranked[:limit]


def _judged(
    row: _Row,
    known: Sequence[_Row],
    imports: Sequence[_Import],
    near: Mapping[int, tuple[float, int]],
    drew: Mapping[int, list[int]],
) -> Suspect | None:
    reasons, score = [], 0.0
    if any(row.user_id == bad.user_id for bad in known):
        reasons.append(f"also by {row.author}")
        score += WEIGHTS["author"]
    apart = min(abs(row.at - bad.at) for bad in known)
    if apart <= WINDOW:
        reasons.append(f"given within {max(1, round(apart.total_seconds() / 60))} min of one")
        score += WEIGHTS["time"]
    if (mine := _import_of(row, imports)) is not None and any(_import_of(bad, imports) == mine for bad in known):
        reasons.append(f"its item came with the same import ({mine})")
        score += WEIGHTS["import"]
    if row.id in near:
        cosine, other = near[row.id]
        reasons.append(f"near correction {other} in meaning ({cosine:.2f})")
        score += cosine
    if not reasons:
        return None
    return Suspect(
        row.id, row.text, row.author, row.at, row.item_id, tuple(reasons), score, tuple(drew.get(row.id, ()))
    )


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    text: str
    user_id: int
    author: str
    at: datetime
    item_id: int
    item_at: datetime


@dataclass(frozen=True, slots=True)
class _Import:
    id: int
    since: datetime
    until: datetime | None


def _rows(session: Session, project_id: int) -> list[_Row]:
    query = (
        select(Correction.id, Correction.text, User.id, User.name, Correction.created_at, Item.id, Item.created_at)
        .join(User, User.id == Correction.user_id)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id)
    )
    return [_Row(*row) for row in session.execute(query.order_by(Correction.id.desc()).limit(MOST_READ))]


def _imports(session: Session, project_id: int) -> list[_Import]:
    query = select(Job.id, Job.started_at, Job.finished_at).where(Job.project_id == project_id, Job.kind == "import")
    return [_Import(id_, since, until) for id_, since, until in session.execute(query) if since is not None]


def _import_of(row: _Row, imports: Sequence[_Import]) -> int | None:
    return next(
        (one.id for one in imports if one.since <= row.item_at and (one.until is None or row.item_at <= one.until)),
        None,
    )


def _lessons_of(session: Session, corrections: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    standing = (LessonStatus.ACTIVE, LessonStatus.PROPOSED, LessonStatus.SUSPENDED)
    for part in parts(corrections):
        query = select(LessonSource.correction_id, Lesson.id).join(Lesson, Lesson.id == LessonSource.lesson_id)
        query = query.where(LessonSource.correction_id.in_(part), Lesson.status.in_(standing)).order_by(Lesson.id)
        for correction, lesson in session.execute(query):
            found.setdefault(correction, []).append(lesson)
    return found


def _nearest(
    session: Session, project_id: int, bad: Collection[int], others: Collection[int], given: Mapping[int, Floats]
) -> dict[int, tuple[float, int]]:
    """By correction the cosine to the nearest known-bad one, and which; those below ``NEAR`` are left out."""
    query = (
        select(Embedding.owner_id, Embedding.vector, Embedding.model)
        .where(Embedding.project_id == project_id, Embedding.owner_kind == "correction")
        .order_by(Embedding.id.desc())
        .limit(MOST_READ)
    )
    stored: dict[int, Floats] = {}
    sizes: set[int] = set()
    for owner, vector, _ in session.execute(query):
        stored.setdefault(owner, np.frombuffer(vector, dtype="<f2").astype(np.float32))
        sizes.add(len(stored[owner]))
    flagged = {i: given.get(i, stored.get(i)) for i in bad}
    left = [(i, v) for i, v in flagged.items() if v is not None]
    right = [(i, v) for i, v in stored.items() if i in others]
    if not left or not right or len(sizes | {len(v) for _, v in left}) != 1:
        return {}
    cosines = _unit([v for _, v in right]) @ _unit([v for _, v in left]).T
    best = cosines.argmax(1)
    return {
        owner: (float(cosines[k, best[k]]), left[int(best[k])][0])
        for k, (owner, _) in enumerate(right)
        if cosines[k, best[k]] >= NEAR
    }


def _unit(rows: Sequence[Floats]) -> Floats:
    matrix = np.stack(rows)
    return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9))
