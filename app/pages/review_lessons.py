"""The card of proposed lessons that follows a review: distil, accept, edit, reject (DROC's "done", paper 9).

An expert's word decides. An annotator's wording is kept and their view noted; the lesson waits for an expert.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import lesson_changes, reviewing
from app.auth import Person
from app.pages import review_board
from app.pages.review_reply import Act, Refused, Reply, Watch, kind_title, lessons_block, notice
from app.settings import Settings
from app.view import review as view
from app.view.languages import N_, _, of_error
from app.view.render import excerpt
from core.types import JobState, LessonStatus, Role
from store import audit, items, jobs, lessons
from store.tables import AuditEvent, Job, Lesson

NO_CORRECTION = N_(
    "There is nothing to learn from yet: lessons are distilled from corrections. "
    "Say what is wrong and submit, or let the model try again first."
)
STATUS = {
    LessonStatus.ACTIVE: (N_("active: the next prompts can use it"), "ok"),
    LessonStatus.REJECTED: (N_("rejected"), "bad"),
    LessonStatus.PROPOSED: (N_("proposed"), "warn"),
    LessonStatus.SUSPENDED: (N_("suspended"), "warn"),
    LessonStatus.RETRACTED: (N_("retracted"), "bad"),
}


def distil(session: Session, item_id: int, person: Person, watch: Watch, *, fresh: bool) -> Reply:
    """Ask for the lessons of an item that has corrections; ``fresh`` says that one has just been added to it."""
    job = None if watch.card_item == item_id and not fresh else reviewing.distil(session, item_id, person.id)
    if job is None:
        return {}
    watch.card_item, watch.distil_job, watch.lesson_ids = item_id, job.id, []
    return {"lessons": lessons_block(_card(session, person, watch, _("Lessons are being distilled."))), "watch": watch}


def done(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Open the card for the item on screen; without corrections, say what would give it some."""
    if not act.assignment:
        raise Refused(_(NO_CORRECTION))
    slot = review_board.held(session, act, person)
    reply = distil(session, slot.item_id, person, watch, fresh=watch.card_item != slot.item_id)
    if not reply:
        raise Refused(_(NO_CORRECTION))
    return reply


def look(session: Session, person: Person, watch: Watch, settings: Settings) -> Reply:
    """What has become of the distil job since the last tick."""
    if watch.distil_job is None:
        return {}
    job = jobs.get(session, watch.distil_job)
    if job.state in (JobState.QUEUED, JobState.RUNNING):
        absent = review_board.no_worker(session, settings)
        later = _("{worker} The lessons come when one runs.").format(worker=absent)
        says = later if absent else _("Lessons are being distilled.")
        return {"lessons": lessons_block(_card(session, person, watch, says))}
    watch.distil_job = None
    says = _outcome(job, watch)
    return {"lessons": lessons_block(_card(session, person, watch, says)), "watch": watch}


def _outcome(job: Job, watch: Watch) -> str:
    if job.state != JobState.DONE:
        why = of_error(job.error) if job.error else _("the job was cancelled.")
        return _("The lessons could not be distilled: {why}").format(why=why)
    watch.lesson_ids = [int(id_) for id_ in job.result.get("lesson_ids", [])]
    if watch.lesson_ids:
        return ""
    reasons = list(dict.fromkeys(one["reason"] for one in job.result.get("without", [])))
    return " ".join([_("No lesson could be drawn from these corrections."), *map(_sentence, reasons)])


def _sentence(words: str) -> str:
    said = of_error(words)
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


def decide(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Accept or reject one lesson of the card, in the wording that the person gave it."""
    if act.lesson not in watch.lesson_ids:
        raise Refused(_("This card is from another time. Open the Lessons page to decide on it."))
    lesson = lessons.get(session, act.lesson)
    try:
        says = _decide(session, lesson, act, person)
    except ValueError as problem:
        raise Refused(_sentence(str(problem))) from problem
    return {"lessons": lessons_block(_card(session, person, watch, "")), "notice": notice(says, "ok")}


def _decide(session: Session, lesson: Lesson, act: Act, person: Person) -> str:
    if not person.may(Role.EXPERT, lesson.project_id):
        return _propose(session, lesson, act, person)
    if act.decision == "reject":
        lessons.reject(session, lesson.id, person.id)
        return _("Lesson rejected.")
    lesson_changes.accept(session, lesson.id, person.id, text=act.text, applicability=act.applicability, kind=act.kind)
    return _("Lesson accepted. It is found by the next prompts as soon as it is indexed.")


def _propose(session: Session, lesson: Lesson, act: Act, person: Person) -> str:
    """An annotator's view: their wording becomes a revision, their word an entry of the log."""
    if act.decision == "accept":
        lessons.edit(
            session, lesson.id, person.id, text=act.text, applicability=act.applicability, why="wording of an annotator"
        )
    audit.record(session, f"lesson.{_VIEW[act.decision]}", "lesson", lesson.id, user_id=person.id)
    return _("Noted. The lesson waits for an expert.")


_VIEW = {"accept": "endorse", "reject": "object"}


def close(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Put the card away; what was not decided stays on the Lessons page."""
    watch.card_item, watch.distil_job, watch.lesson_ids = None, None, []
    return {"lessons": "", "watch": watch}


def _card(session: Session, person: Person, watch: Watch, says: str) -> view.LessonsCard:
    item = items.get(session, watch.card_item or 0)
    decides = person.may(Role.EXPERT, item.project_id)
    shown = tuple(_lesson(session, lessons.get(session, id_), person, decides) for id_ in watch.lesson_ids)
    return view.LessonsCard(f"{item.external_id}: {excerpt(item.prompt, 60)}", says, decides, shown)


def _lesson(session: Session, lesson: Lesson, person: Person, decides: bool) -> view.LessonView:
    says, tone = STATUS[LessonStatus(lesson.status)]
    settled = lesson.status != LessonStatus.PROPOSED
    if not decides and not settled and _said(session, lesson.id, person.id):
        says, settled = N_("waits for an expert"), True
    title = kind_title(lesson.kind)
    return view.LessonView(
        lesson.id,
        lesson.kind,
        title,
        lesson.text,
        lesson.applicability,
        lesson.why,
        lesson.status,
        _(says),
        tone,
        settled,
    )


def _said(session: Session, lesson_id: int, user_id: int) -> bool:
    actions = [f"lesson.{word}" for word in _VIEW.values()]
    query = select(AuditEvent.id).where(
        AuditEvent.subject == "lesson",
        AuditEvent.subject_id == lesson_id,
        AuditEvent.user_id == user_id,
        AuditEvent.action.in_(actions),
    )
    return session.scalars(query.limit(1)).first() is not None
