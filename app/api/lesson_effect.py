"""What lessons do, for programs: the edit suite of one, and answers with and without it or without the whole memory. Read only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.access import Caller, needs
from app.api.common import Id, State
from app.api.problems import documented
from core.scopes import Scope
from store import edit_suites, lesson_proposals, lesson_trials, lessons, projects

router = APIRouter(tags=["lessons"])
Reader = Annotated[Caller, needs(Scope.LESSONS_READ)]
Interval = tuple[float, float]


class Effect(BaseModel):
    """Of ``n`` items answered twice: ``fixed`` of those wrong without, ``broken`` of those right without; 95 % intervals."""

    n: int
    was_wrong: int
    was_right: int
    fixed: int
    broken: int
    fix_rate: float | None
    fix_interval: Interval | None
    break_rate: float | None
    break_interval: Interval | None
    accuracy_without: float | None
    accuracy_with: float | None
    net: float | None
    net_interval: Interval | None


class SuiteOut(BaseModel):
    """The newest run of the present wording: found for its own example, ``found`` of ``probes``, and ``hits`` of ``negatives``."""

    canonical: bool | None
    probes: int
    found: int
    negatives: int
    hits: int
    created_at: datetime


class LessonEffectOut(Effect):
    """``retire`` is why the program proposes to retire it; ``suite`` is null until it was run."""

    lesson_id: int
    suite: SuiteOut | None
    retire: str | None


class Week(Effect):
    week: str


class MemoryEffectOut(Effect):
    """The whole memory against none, over all items and by ISO week. ``retire``: lessons that are proposed to be retired."""

    weeks: list[Week]
    retire: list[int]


@router.get("/lessons/{lesson_id}/effect", responses=documented(404))
def lesson_effect(lesson_id: Id, state: State, caller: Reader) -> LessonEffectOut:
    """What one lesson fixes and breaks, and how it does on its edit suite."""
    with state.db.read() as session:
        lesson = lessons.get(session, lesson_id)
        caller.in_project(lesson.project_id)
        run = edit_suites.newest_run(session, lesson)
        known = lesson_proposals.of_lesson(session, lesson.id)
        return LessonEffectOut(
            lesson_id=lesson.id,
            suite=SuiteOut.model_validate(run, from_attributes=True) if run else None,
            retire=next((one.reason for one in known if one.state == "open"), None),
            **lesson_trials.effect_of(session, lesson),
        )


@router.get("/projects/{project_id}/lessons/effect", responses=documented(404))
def memory_effect(project_id: Id, state: State, caller: Reader) -> MemoryEffectOut:
    """What the lessons of a project fix and break together."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        report: dict[str, Any] = dict(lesson_trials.report(session, project_id))
        report.pop("lessons")
        retire = [one.lesson_id for one in lesson_proposals.proposals(session, project_id)]
    return MemoryEffectOut(retire=retire, **report)
