"""The map of the lessons that the filters leave, drawn from stored places: colour is the kind, size the use, hollow is proposed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.view.render import render
from core.types import LessonKind, LessonStatus
from store import lesson_listing, lesson_maps

NEAR = 6


@dataclass(frozen=True, slots=True)
class Point:
    """A lesson at ``x`` and ``y`` in [0, 1]; ``size`` is a radius where the map is 400 wide."""

    id: int
    x: float
    y: float
    size: float
    kind: str
    text: str
    proposed: bool


def is_stale(session: Session, project_id: int) -> bool:
    """Whether lessons changed since the map was made, or there is none."""
    known = lesson_maps.current(session, project_id)
    return known is None or known.marks != lesson_maps.marks(session, project_id)


def chart(
    session: Session,
    project_id: int,
    choice: Mapping[str, str],
    text: str | None,
    selected: int | None,
    *,
    total: int,
    worker: bool,
) -> str:
    """The map; what was taken back since it was made is not on it."""
    known = lesson_maps.current(session, project_id)
    places = {int(id_): (float(x), float(y)) for id_, x, y in (known.points if known else ())}
    left = lesson_listing.among(session, project_id, choice, list(places), text=text)
    points = [
        Point(
            row.id,
            *places[row.id],
            min(12.0, 3.5 + 1.5 * math.sqrt(row.used)),
            row.kind,
            row.text,
            row.status == LessonStatus.PROPOSED,
        )
        for row in lesson_maps.stands(session, sorted(left))
    ]
    return render(
        "lessons/map.html",
        points=sorted(points, key=lambda point: (point.id == selected, -point.size)),
        near=_near(points, selected),
        selected=selected,
        stale=is_stale(session, project_id),
        kept=known.kept if known else None,
        left=max(0, total - len(points)),
        most=lesson_maps.MOST,
        kinds=[kind.value for kind in LessonKind if any(point.kind == kind for point in points)],
        worker=worker,
    )


def _near(points: list[Point], selected: int | None) -> list[Point]:
    here = next((point for point in points if point.id == selected), None)
    if here is None:
        return []
    others = [point for point in points if point is not here]
    return sorted(others, key=lambda point: math.hypot(point.x - here.x, point.y - here.y))[:NEAR]
