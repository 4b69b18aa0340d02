"""Try again: the correction is stored, the model answers anew in the worker, and the page follows it by a timer."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import reviewing
from app.auth import Person
from app.pages import review_board
from app.pages.review_board import held, shown_output
from app.pages.review_reply import Act, Refused, Reply, Watch, board_blocks, live_block, notice
from app.settings import Settings
from app.view import review as view
from app.view.languages import N_, _, of_error
from core.types import JobState, QueueKind
from store import jobs, judgements
from store.queue import Claim
from store.tables import Assignment, Job

ALREADY = N_("The model is still working on your last correction. Wait for its answer, or submit this one.")


def retry(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Store the correction and ask for another attempt with it."""
    if not act.form.words:
        raise Refused(_("Say what is wrong first: the model tries again with your words."), "rv-text")
    slot = held(session, act, person)
    if slot.queue.kind == QueueKind.ADJUDICATE:
        raise Refused(_("Decide about this answer: people reviewed it, and no other one."))
    output = shown_output(session, slot, act)
    if pending(session, slot, output.item.project_id) is not None:
        raise Refused(_(ALREADY))
    job = reviewing.retry(session, slot, output, act.form, person)
    watch.assignment_id, watch.retry_job, watch.judging = slot.id, job.id, None
    return {
        "attempt": live_block(_live(session, settings, None)),
        "watch": watch,
        "notice": notice("", outcome="stored", assignment_id=slot.id),
    }


def pending(session: Session, slot: Assignment, project_id: int) -> Job | None:
    """The retry of this slot that is not finished, or its second try without a correction, if there is one."""
    for job in jobs.open_for(session, project_id):
        if job.kind == "retry" and job.dedupe_key == f"retry:{job.payload['output_id']}:{slot.id}":
            return job
        if job.kind == "reask" and job.payload["assignment_id"] == slot.id:
            return job
    return None


def resume(session: Session, board: view.Board, settings: Settings, watch: Watch) -> Reply:
    """After a reload: follow a retry that is still running, and a new answer that is still being judged."""
    slot = session.get_one(Assignment, board.assignment_id)
    job = pending(session, slot, board.item.project_id)
    watch.retry_job = job.id if job is not None else None
    watch.judging = board.answer.output_id if board.answer.awaits_risk else None
    return {"attempt": live_block(_live(session, settings, None))} if job is not None else {}


def look(session: Session, person: Person, watch: Watch, settings: Settings, partial: str | None) -> Reply:
    """What has become of the retry and of the judging since the last tick; ``partial`` is the text so far."""
    slot = session.get(Assignment, watch.assignment_id)
    if slot is None or slot.holder_id != person.id or slot.token is None or slot.deadline is None:
        watch.retry_job = watch.judging = None
        return {"watch": watch, "attempt": ""}
    if watch.retry_job is not None:
        return _look_at_retry(session, slot, person, watch, settings=settings, partial=partial)
    if watch.judging is not None and judgements.risk(session, watch.judging) is not None:
        watch.judging = None
        board = _board(session, slot, person, settings)
        return {**_changed(board), "attempt": "", "watch": watch}
    return {}


def _look_at_retry(
    session: Session, slot: Assignment, person: Person, watch: Watch, *, settings: Settings, partial: str | None
) -> Reply:
    job = jobs.get(session, watch.retry_job or 0)
    if job.state in (JobState.QUEUED, JobState.RUNNING):
        return {"attempt": live_block(_live(session, settings, partial))}
    watch.retry_job = None
    if job.state != JobState.DONE:
        why = of_error(job.error) if job.error else _("it was cancelled.")
        says = _("The model could not try again: {why} Your correction is kept; submit or try once more.")
        failed = view.Live(_("No new attempt"), says.format(why=why))
        return {"attempt": live_block(failed), "watch": watch}
    board = _board(session, slot, person, settings)
    watch.judging = board.answer.output_id if board.answer.awaits_risk else None
    n = board.answer.attempt
    says = _("Attempt {n} is here, beside attempt {before}.").format(n=n, before=n - 1)
    return {**_changed(board), "attempt": "", "watch": watch, "notice": notice(says, "ok")}


def _board(session: Session, slot: Assignment, person: Person, settings: Settings) -> view.Board:
    assert slot.token is not None and slot.deadline is not None
    claim = Claim(slot.id, slot.item_id, slot.output_id, slot.token, slot.deadline)
    return review_board.load(session, claim, person, settings)


def _changed(board: view.Board) -> Reply:
    """The prompt stays as it is; the rest belongs to the new answer."""
    return {name: html for name, html in board_blocks(board).items() if name != "item"}


def _live(session: Session, settings: Settings, partial: str | None) -> view.Live:
    absent = review_board.no_worker(session, settings)
    if absent:
        says = _(
            "{worker} The new attempt comes when one runs. Until then you can submit, accept, or take the next item."
        )
        return view.Live(_("The model tries again later"), says.format(worker=absent))
    return view.Live(_("The model is trying again"), _("Its answer appears as it is written."), partial or "")
