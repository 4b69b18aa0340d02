"""Deciding on lessons over the API: propose, edit, accept, reject, retire, merge, split, settle; their probes; knowledge bases in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app import lesson_changes, lesson_retiring
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, State, once
from app.api.lessons import LessonOut, Reader
from app.api.problems import Problem, documented
from app.api.retractions import RetractionOut
from app.api.retractions import _told as retraction_told
from app.worker.waking import probe_lessons
from core.scopes import Scope
from core.types import LessonDraft, LessonKind
from store import edit_suites, lesson_proposals, lessons, projects
from store.lesson_merging import FEWEST, MOST
from store.tables import Lesson

router = APIRouter(tags=["lessons"])
Writer = Annotated[Caller, needs(Scope.LESSONS_WRITE)]
Wording = Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=r"\S")]
When = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Why = Annotated[str, StringConstraints(max_length=1000)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]


class NewLesson(Body):
    """``text`` is what a model will read, ``applicability`` says when."""

    kind: LessonKind
    text: Wording
    applicability: When
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)] | None = None
    why: Why = ""


class LessonChanges(Body):
    """What is left out stays. A new revision; an active lesson is found again once it is embedded."""

    text: Wording | None = None
    applicability: When | None = None
    kind: LessonKind | None = None
    why: Why = ""


class Acceptance(Body):
    """With another wording or kind, if given."""

    text: Wording | None = None
    applicability: When | None = None
    kind: LessonKind | None = None


class Rejection(Body):
    why: Why = ""


class Retirement(Body):
    why: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Merging(Body):
    lesson_ids: Annotated[list[Number], Field(min_length=FEWEST, max_length=MOST)]
    kind: LessonKind
    text: Annotated[str, StringConstraints(min_length=1, max_length=16_000, pattern=r"\S")]
    applicability: When


class Splitting(Body):
    texts: Annotated[list[Wording], Field(min_length=FEWEST, max_length=MOST)]
    applicability: When


class Settling(Body):
    other_id: Number
    keep: Literal["this", "other", "both"]


class Verdict(Body):
    """On the program's proposal to retire the lesson."""

    confirm: bool


class NewProbe(Body):
    kind: Literal["paraphrase", "negative"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=r"\S")]


class RevisionOut(BaseModel):
    revision: int
    text: str
    applicability: str
    status: str
    author_id: int | None
    why: str
    created_at: datetime


class LessonDetail(LessonOut):
    """``sources`` are ids of corrections, ``used_in`` of the newest 100 outputs that had it in their prompt."""

    why: str
    sources: list[int]
    parents: list[int]
    children: list[int]
    used_in: list[int]
    revisions: list[RevisionOut]


class LessonsMade(BaseModel):
    lessons: list[LessonOut]


class Undone(BaseModel):
    """Ids of the lessons that stand again, and of those that superseded them."""

    again: list[int]
    suspended: list[int]


class Said(BaseModel):
    says: str


class ProbeOut(BaseModel):
    id: int
    kind: str
    text: str
    made: str
    stale: bool


def told(row: Lesson) -> LessonOut:
    return LessonOut.model_validate(row, from_attributes=True)


def _own(session: Any, lesson_id: int, caller: Caller) -> Lesson:
    row = lessons.get(session, lesson_id)
    caller.in_project(row.project_id)
    return row


def _refused(problem: lessons.BadTransition) -> Problem:
    return Problem(409, "bad_transition", str(problem))


@router.post(
    "/projects/{project_id}/lessons", status_code=201, response_model=LessonOut, responses=documented(404, 409)
)
def propose(request: Request, project_id: Id, new: NewLesson, caller: Writer, key: Key = None) -> Response:
    """It waits for an expert: accept it to have it used."""
    caller.in_project(project_id)

    def act(session: Any) -> LessonOut:
        projects.get(session, project_id)
        draft = LessonDraft(new.kind, new.text, new.applicability, (), new.name, why=new.why)
        return told(lesson_changes.propose(session, project_id, draft, caller.person.id))

    return once(request, caller, key, new, act)


@router.post(
    "/projects/{project_id}/lessons/merge", status_code=201, response_model=LessonOut, responses=documented(404, 409)
)
def merge(request: Request, project_id: Id, wanted: Merging, caller: Writer, key: Key = None) -> Response:
    """One lesson instead of several, which are suspended; active if one of them was."""
    caller.in_project(project_id)

    def act(session: Any) -> LessonOut:
        projects.get(session, project_id)
        if any(lessons.get(session, one).project_id != project_id for one in wanted.lesson_ids):
            raise LookupError("one of these lessons belongs to another project")
        how = {"kind": wanted.kind, "text": wanted.text, "applicability": wanted.applicability}
        return told(_changed(lesson_changes.merge, session, wanted.lesson_ids, caller.person.id, **how))

    return once(request, caller, key, wanted, act)


def _changed(change: Any, *given: Any, **more: Any) -> Any:
    """409 where the lesson cannot go from its present status to the one asked for."""
    try:
        return change(*given, **more)
    except lessons.BadTransition as problem:
        raise _refused(problem) from None


@router.get("/lessons/{lesson_id}", responses=documented(404))
def get_lesson(lesson_id: Id, state: State, caller: Reader) -> LessonDetail:
    """With every form it had, what it came from and where it went."""
    with state.db.read() as session:
        row = _own(session, lesson_id, caller)
        line = lessons.lineage(session, lesson_id)
    return LessonDetail(
        **told(row).model_dump(),
        why=row.why,
        sources=[one.id for one in line.sources],
        parents=[one.id for one in line.parents],
        children=[one.id for one in line.children],
        used_in=[one.id for one in line.used_in],
        revisions=[RevisionOut.model_validate(one, from_attributes=True) for one in line.revisions],
    )


@router.patch("/lessons/{lesson_id}", responses=documented(404, 409))
def change_lesson(lesson_id: Id, changes: LessonChanges, state: State, caller: Writer) -> LessonOut:
    with state.db.write() as session:
        row = _own(session, lesson_id, caller)
        if changes.kind is not None and changes.kind != row.kind:
            row = _changed(lesson_changes.set_kind, session, lesson_id, caller.person.id, changes.kind)
        if changes.text is not None or changes.applicability is not None:
            row = _changed(
                lesson_changes.edit,
                session,
                lesson_id,
                caller.person.id,
                text=row.text if changes.text is None else changes.text,
                applicability=row.applicability if changes.applicability is None else changes.applicability,
                why=changes.why,
            )
        return told(row)


@router.post("/lessons/{lesson_id}/accept", response_model=LessonOut, responses=documented(404, 409))
def accept(request: Request, lesson_id: Id, wanted: Acceptance, caller: Writer, key: Key = None) -> Response:
    """Active from now on; found as soon as a worker has embedded it. 409 unless it is proposed or suspended."""

    def act(session: Any) -> LessonOut:
        _own(session, lesson_id, caller)
        given = wanted.model_dump()
        return told(_changed(lesson_changes.accept, session, lesson_id, caller.person.id, **given))

    return once(request, caller, key, wanted, act, 200)


@router.post("/lessons/{lesson_id}/reject", response_model=LessonOut, responses=documented(404, 409))
def reject(request: Request, lesson_id: Id, wanted: Rejection, caller: Writer, key: Key = None) -> Response:
    """409 unless it is proposed."""

    def act(session: Any) -> LessonOut:
        _own(session, lesson_id, caller)
        return told(_changed(lessons.reject, session, lesson_id, caller.person.id, wanted.why))

    return once(request, caller, key, wanted, act, 200)


@router.post("/lessons/{lesson_id}/retire", response_model=RetractionOut, responses=documented(404, 409))
def retire(request: Request, lesson_id: Id, wanted: Retirement, caller: Writer, key: Key = None) -> Response:
    """Out of search, prompts and exports at once; the retraction that is answered can be undone."""

    def act(session: Any) -> RetractionOut:
        _own(session, lesson_id, caller)
        done = _changed(lesson_changes.retract, session, lesson_id, caller.person.id, wanted.why)
        return retraction_told(session, lessons.get_retraction(session, done.id))

    return once(request, caller, key, wanted, act, 200)


@router.post("/lessons/{lesson_id}/retirement", response_model=Said, responses=documented(404, 409))
def decide_retirement(request: Request, lesson_id: Id, wanted: Verdict, caller: Writer, key: Key = None) -> Response:
    """Confirm or dismiss the program's proposal to retire it (``retire`` of its effect). 404 where there is none."""

    def act(session: Any) -> Said:
        _own(session, lesson_id, caller)
        known = lesson_proposals.of_lesson(session, lesson_id)
        proposal = next((one for one in known if one.state == "open"), None)
        if proposal is None:
            raise Problem(404, "not_found", "Nothing proposes to retire this lesson.")
        if wanted.confirm:
            return Said(says=_changed(lesson_retiring.confirm, session, proposal.id, caller.person.id))
        lesson_proposals.decide(session, proposal.id, caller.person.id, confirmed=False)
        return Said(says="Dismissed. It is proposed again only when more answers or votes say so.")

    return once(request, caller, key, wanted, act, 200)


@router.post("/lessons/{lesson_id}/split", status_code=201, response_model=LessonsMade, responses=documented(404, 409))
def split(request: Request, lesson_id: Id, wanted: Splitting, caller: Writer, key: Key = None) -> Response:
    """Several lessons instead of one, which is suspended."""

    def act(session: Any) -> LessonsMade:
        _own(session, lesson_id, caller)
        how = {"texts": wanted.texts, "applicability": wanted.applicability}
        made = _changed(lesson_changes.split, session, lesson_id, caller.person.id, **how)
        return LessonsMade(lessons=[told(one) for one in made])

    return once(request, caller, key, wanted, act)


@router.post("/lessons/{lesson_id}/undo", response_model=Undone, responses=documented(404, 409))
def undo(request: Request, lesson_id: Id, caller: Writer, key: Key = None) -> Response:
    """Take the merge or the split back that made this lesson. 422 where there was none."""

    def act(session: Any) -> Undone:
        _own(session, lesson_id, caller)
        again, gone = _changed(lesson_changes.unmerge, session, lesson_id, caller.person.id)
        return Undone(again=again, suspended=gone)

    return once(request, caller, key, None, act, 200)


@router.post("/lessons/{lesson_id}/settle", response_model=Said, responses=documented(404, 409))
def settle(request: Request, lesson_id: Id, wanted: Settling, caller: Writer, key: Key = None) -> Response:
    """Decide between two lessons that contradict each other."""

    def act(session: Any) -> Said:
        _own(session, lesson_id, caller)
        _own(session, wanted.other_id, caller)
        given = (lesson_id, wanted.other_id, caller.person.id, wanted.keep)
        return Said(says=_changed(lesson_changes.settle, session, *given))

    return once(request, caller, key, wanted, act, 200)


@router.get("/lessons/{lesson_id}/probes", responses=documented(404))
def list_probes(lesson_id: Id, state: State, caller: Reader) -> list[ProbeOut]:
    """Its edit suite; ``stale`` probes are of an earlier wording."""
    with state.db.read() as session:
        row = _own(session, lesson_id, caller)
        wording = edit_suites.wording_revision(session, row)
        found = edit_suites.probes(session, lesson_id)
        return [_probe(one, edit_suites.is_stale(one, wording)) for one in found]


def _probe(row: Any, stale: bool = False) -> ProbeOut:
    return ProbeOut(id=row.id, kind=row.kind, text=row.text, made=row.made, stale=stale)


@router.post("/lessons/{lesson_id}/probes", status_code=201, response_model=ProbeOut, responses=documented(404, 409))
def add_probe(request: Request, lesson_id: Id, new: NewProbe, caller: Writer, key: Key = None) -> Response:
    """A paraphrase must be found, a negative must not."""

    def act(session: Any) -> ProbeOut:
        row = _own(session, lesson_id, caller)
        return _probe(edit_suites.add(session, row, new.kind, new.text, caller.person.id))

    return once(request, caller, key, new, act)


@router.delete("/lessons/{lesson_id}/probes/{probe_id}", status_code=204, responses=documented(404))
def remove_probe(lesson_id: Id, probe_id: Id, state: State, caller: Writer) -> Response:
    """422 for the example that the lesson came from."""
    with state.db.write() as session:
        _own(session, lesson_id, caller)
        if probe_id not in {one.id for one in edit_suites.probes(session, lesson_id)}:
            raise LookupError(f"this lesson has no probe {probe_id}")
        edit_suites.remove(session, probe_id, caller.person.id)
    return Response(status_code=204)


@router.post("/lessons/{lesson_id}/probes/run", status_code=202, response_model=Said, responses=documented(404, 409))
def run_probes(request: Request, lesson_id: Id, caller: Writer, key: Key = None) -> Response:
    """By a job; its result is the ``suite`` of the lesson's effect."""

    def act(session: Any) -> Said:
        row = _own(session, lesson_id, caller)
        probe_lessons(session, row.project_id, [row.id], revision=row.revision, user_id=caller.person.id)
        return Said(says="The suite is being run.")

    return once(request, caller, key, None, act, 202)
