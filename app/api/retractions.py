"""Retractions for programs: what a filter would take back, taking it back, what was taken back, and rolling it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from app import lesson_changes
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from app.view import taking_back as view
from app.worker import client
from core.scopes import Scope
from core.types import LessonKind
from store import lessons, listing, projects
from store.lessons import Filter
from store.tables import Retraction

router = APIRouter(tags=["retractions"])
Writer = Annotated[Caller, needs(Scope.LESSONS_WRITE)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]
Words = Annotated[str, StringConstraints(max_length=200)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Wanted(Body):
    """All that is given must hold at once; ids are taken besides. ``import_id`` is a job; ``reviews``: verdicts go too."""

    lesson_ids: Annotated[tuple[Number, ...], Field(max_length=10_000)] = ()
    correction_ids: Annotated[tuple[Number, ...], Field(max_length=10_000)] = ()
    author_id: Number | None = None
    since: datetime | None = None
    until: datetime | None = None
    import_id: Number | None = None
    item_id: Number | None = None
    output_id: Number | None = None
    said: Words = ""
    kind: LessonKind | None = None
    text: Words = ""
    reviews: bool = False

    def filter(self) -> Filter:
        values: dict[str, Any] = {**self.model_dump(), "kind": self.kind.value if self.kind else None}
        for name in ("since", "until"):
            moment = values[name]
            values[name] = moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
        return Filter(**values)


class NewRetraction(Body):
    """``preview: true`` changes nothing and tells the same."""

    filter: Wanted
    why: Reason
    preview: bool = False


class Undo(Body):
    why: Reason


class RetractionOut(BaseModel):
    """Ids of what it holds. ``suspended``: lessons that also drew on it; ``exports``: those that may hold it. No id in a preview."""

    id: int | None
    state: Literal["preview", "stands", "undone"]
    why: str
    lessons: list[int]
    corrections: list[int]
    reviews: list[int]
    suspended: list[int]
    exports: list[int]
    created_at: datetime | None = None


@router.post(
    "/projects/{project_id}/retractions", status_code=201, response_model=RetractionOut, responses=documented(404, 409)
)
def retract(request: Request, project_id: Id, new: NewRetraction, caller: Writer, key: Key = None) -> Response:
    """Take back what the filter finds, in one transaction; with ``preview`` only say what that would be."""
    caller.in_project(project_id)

    def act(session: Any) -> RetractionOut:
        projects.get(session, project_id)
        try:
            if new.preview:
                found = lessons.reach(session, project_id, new.filter.filter())
                return _previewed(found, new.why)
            done = lesson_changes.retract_many(session, project_id, new.filter.filter(), caller.person.id, new.why)
        except ValueError as problem:
            raise Problem(422, "nothing_to_retract", str(problem)) from None
        return _told(session, lessons.get_retraction(session, done.id))

    return once(request, caller, key, new, act)


@router.get("/projects/{project_id}/retractions", responses=documented(404))
def list_retractions(project_id: Id, state: State, caller: Writer, where: Paging) -> Page[RetractionOut]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.retractions(session, project_id, after=where.after, limit=where.limit + 1)
        told = [_told(session, row) for row in rows]
    return Page[RetractionOut](**where.page(told, [row.id for row in rows]))


@router.post("/retractions/{retraction_id}/undo", response_model=RetractionOut, responses=documented(404, 409))
def undo(request: Request, retraction_id: Id, wanted: Undo, caller: Writer, key: Key = None) -> Response:
    """Roll it back: what it held is as it was, unless another retraction holds it or a person decided since."""

    def act(session: Any) -> RetractionOut:
        row = lessons.get_retraction(session, retraction_id)
        caller.in_project(row.project_id)
        try:
            lesson_changes.undo(session, retraction_id, caller.person.id, wanted.why)
        except lessons.BadTransition as problem:
            raise Problem(409, "undone_already", str(problem)) from None
        return _told(session, row)

    return once(request, caller, key, wanted, act, 200)


class Relabelled(BaseModel):
    """How many items got their labels anew; their lessons are proposed once they are distilled."""

    items: int


@router.post("/retractions/{retraction_id}/relabel", response_model=Relabelled, responses=documented(404, 409))
def relabel(request: Request, retraction_id: Id, wanted: Undo, caller: Writer, key: Key = None) -> Response:
    """Exchange the two labels that what it holds has mixed up. 422 where there are none."""

    def act(session: Any) -> Relabelled:
        project_id = _project(session, retraction_id, caller)
        n = lesson_changes.relabel(session, project_id, retraction_id, caller.person.id, wanted.why)
        return Relabelled(items=n)

    return once(request, caller, key, wanted, act, 200)


@router.post("/retractions/{retraction_id}/unlabel", response_model=RetractionOut, responses=documented(404, 409))
def unlabel(request: Request, retraction_id: Id, wanted: Undo, caller: Writer, key: Key = None) -> Response:
    """Take the exchanged labels back, by a retraction of their own."""

    def act(session: Any) -> RetractionOut:
        project_id = _project(session, retraction_id, caller)
        done = lesson_changes.unlabel(session, project_id, retraction_id, caller.person.id, wanted.why)
        return _told(session, lessons.get_retraction(session, done.id))

    return once(request, caller, key, wanted, act, 200)


@router.post("/retractions/{retraction_id}/unlearn", status_code=202, responses=documented(404, 409))
def unlearn(request: Request, retraction_id: Id, caller: Writer, key: Key = None) -> Response:
    """Let a worker offer heads that did not learn from what it holds; none comes into force by itself."""

    def act(session: Any) -> None:
        project_id = _project(session, retraction_id, caller)
        lesson_changes.wake_unlearning(session, project_id, retraction_id, caller.person.id)

    return once(request, caller, key, None, act, 202)


class SuspectOut(BaseModel):
    """A correction that may be wrong for the same reason, with why, and the lessons that drew on it; the likeliest first."""

    correction_id: int
    text: str
    author: str
    at: datetime
    item_id: int
    reasons: list[str]
    score: float
    lessons: list[int]


@router.get("/retractions/{retraction_id}/suspects", responses=documented(404))
def suspects(retraction_id: Id, state: State, caller: Writer) -> list[SuspectOut]:
    """Near what it holds, by author, time, import and, where a worker can say so, meaning."""
    with state.db.read() as session:
        project_id = _project(session, retraction_id, caller)
        texts = view.texts_of(session, project_id, retraction_id)
    vectors = client.embed(state.db, state.settings, list(texts.values())) if texts else None
    known = {} if vectors is None else dict(zip(texts, vectors, strict=True))
    with state.db.read() as session:
        found = view.suspects_of(session, project_id, retraction_id, known)
    return [SuspectOut.model_validate(one, from_attributes=True) for one in found]


def _project(session: Any, retraction_id: int, caller: Caller) -> int:
    project_id: int = lessons.get_retraction(session, retraction_id).project_id
    caller.in_project(project_id)
    return project_id


def _previewed(found: lessons.Reach, why: str) -> RetractionOut:
    return RetractionOut(
        id=None,
        state="preview",
        why=why,
        lessons=found.chosen.lessons,
        corrections=found.chosen.corrections,
        reviews=found.chosen.reviews,
        suspended=sorted(found.suspended),
        exports=list(found.exports),
    )


def _told(session: Any, row: Retraction) -> RetractionOut:
    held = lessons.entries(session, row.id)
    return RetractionOut(
        id=row.id,
        state="undone" if row.undone_at else "stands",
        why=row.why,
        lessons=held["lesson"],
        corrections=held["correction"],
        reviews=held["review"],
        suspended=held["suspended"],
        exports=held["export"],
        created_at=row.created_at,
    )
