"""Reports over the API: the figures that the pages draw, as they were computed. Every number stands on the page of that name too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.api.access import Caller, needs
from app.api.common import Id, State
from app.api.problems import documented
from app.view import calibration, critics, quality, self_correction
from core.reports.loop import LoopReport
from core.scopes import Scope
from store import lesson_trials, lookup_outcomes, projects, queue, reviews

router = APIRouter(tags=["reports"])


class Name(StrEnum):
    """Which report: those of the pages of these names; ``lessons`` is what they fix and break, ``loop`` the line of *Home*."""

    QUALITY = "quality"
    CALIBRATION = "calibration"
    CRITICS = "critics"
    SELF_CORRECTION = "self-correction"
    LESSONS = "lessons"
    LOOP = "loop"


class Report(BaseModel):
    """``figures`` are null where too little is known for them."""

    project_id: int
    name: Name
    figures: dict[str, Any]


@router.get("/projects/{project_id}/reports/{name}", responses=documented(404))
def get_report(
    project_id: Id, name: Name, state: State, caller: Annotated[Caller, needs(Scope.REPORTS_READ)]
) -> Report:
    """Computed now, from stored rows."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        found = _READERS[name](session, project_id)
    return Report(project_id=project_id, name=name, figures=plain(found))


def _loop(session: Session, project_id: int) -> Mapping[str, Any]:
    waiting = queue.counts(session, project_id)
    return {**LoopReport().compute(reviews.finished(session, project_id)), "queue": waiting}


def _lessons(session: Session, project_id: int) -> Mapping[str, Any]:
    outcomes = lookup_outcomes.summary(lookup_outcomes.newest(session, project_id))
    return {**lesson_trials.report(session, project_id), "lookups": outcomes}


_READERS: Mapping[Name, Callable[[Session, int], Mapping[str, Any]]] = {
    Name.QUALITY: quality.read,
    Name.CALIBRATION: calibration.report,
    Name.CRITICS: critics.report,
    Name.SELF_CORRECTION: self_correction.read,
    Name.LESSONS: _lessons,
    Name.LOOP: _loop,
}


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON can carry it: values by their fields, and null for what is no number."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    found: dict[str, Any] = orjson.loads(orjson.dumps(value, _otherwise, options))
    return found


def _otherwise(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
