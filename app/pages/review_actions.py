"""What a reviewer decides: submit, accept, cannot judge, skip, flag, undo, and votes on the lessons that were in the prompt.

Each function runs in one writing transaction, checks the claim by its token and its holder, and returns the blocks that
change. ``queue.LostClaim`` and ``Refused`` are for the caller, who turns them into a notice.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import reviewing
from app.auth import Person
from app.pages import review_board, review_pieces
from app.pages.review_board import MOVED, held
from app.pages.review_drafts import kept_drafts
from app.pages.review_lessons import distil
from app.pages.review_reply import Act, Refused, Reply, Watch, board_blocks, chips_block, empty_blocks, notice
from app.settings import Settings
from app.view import review as view
from app.view.languages import N_, _
from app.view.render import render
from app.worker.waking import wake_relevance
from core.types import QueueKind, Verdict
from store import drafts, jobs, lesson_proposals, outputs, queue, reviews
from store.tables import Assignment, Retrieval

SAID = {
    Verdict.ACCEPTABLE: N_("Accepted."),
    Verdict.FAULTY: N_("Submitted."),
    Verdict.CANNOT_JUDGE: N_("Noted that you cannot judge it."),
}


LOW = N_(
    "Of the items here whose verdict is known, you judged too many otherwise. Read the guidelines again, or ask an expert."
)


def open_next(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """The next item, or why there is none."""
    return {**show_next(session, act, person, settings, watch), "notice": notice("")}


def show_next(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Blocks of the next item. A retry of the item before has nobody waiting any more; its lessons card stays."""
    if watch.retry_job is not None:
        jobs.cancel(session, watch.retry_job, person.id)
    found = review_board.claim(session, act.wanted, person, settings)
    watch.retry_job = watch.judging = None
    watch.assignment_id = found.assignment_id if isinstance(found, view.Board) else 0
    blocks = board_blocks(found) if isinstance(found, view.Board) else empty_blocks(found)
    return {**blocks, "kept": kept_block(session, person), "watch": watch}


def kept_block(session: Session, person: Person) -> str:
    return render("review/kept.html", kept=kept_drafts(session, person))


def submit(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Finish with what is marked and typed, then show the next item at once."""
    return _finish(session, act, person, settings, watch)


def accept(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Finish with "nothing is wrong"."""
    return _finish(session, act, person, settings, watch)


def cannot_judge(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Finish with "I cannot judge this": it needs no correction, and counts nowhere as a verdict."""
    return _finish(session, act, person, settings, watch)


def _finish(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    slot = _slot(session, act.assignment)
    shown = review_board.current_output(session, slot)
    output = shown if shown.id == act.output else outputs.get(session, act.output)
    verdict, result = reviewing.decide(
        session, slot, output, act.form, person, action=act.action, token=act.token, current=shown.id
    )
    distilling = distil(session, slot.item_id, person, watch, fresh=result.correction_id is not None)
    reply = show_next(session, act, person, settings, watch)
    learnt, again = _("Lessons from it appear here once they are distilled."), _("Press u to reopen it.")
    next_says = learnt if distilling else again
    low = queue.gold.is_low(session, slot.queue, person.id)
    text = f"{_(SAID[verdict])} {_(LOW) if low else next_says}"
    told = notice(text, "warn" if low else "ok", outcome="submitted", assignment_id=slot.id)
    return {**reply, **distilling, "notice": told}


def _slot(session: Session, assignment_id: int) -> Assignment:
    slot = session.get(Assignment, assignment_id)
    if slot is None:
        raise Refused(_("This item is gone. Take the next one."))
    return slot


def skip(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Leave the item to others, with a reason."""
    held(session, act, person)
    queue.skip(session, act.assignment, act.token, person.id, act.reason)
    return _left(session, act, person, settings, watch, says=_("Skipped. Your reason is kept with it."))


def flag(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Hand the item to the experts, with a reason."""
    held(session, act, person)
    to = queue.flag(session, act.assignment, act.token, person.id, act.reason)
    waits, aside = _("Flagged: it waits in the expert queue."), _("Set aside for good; an admin can put it back.")
    says = waits if to is not None else aside
    return _left(session, act, person, settings, watch, says=says)


def split(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Split a hard item into sub-tasks for annotators; the whole comes back when they are reviewed."""
    slot = held(session, act, person)
    if slot.queue.kind != QueueKind.EXPERT:
        raise Refused(_("Experts split items, in their own queue. Flag it, and one of them will see it."))
    count = review_pieces.split(session, slot, act.token, act.form.split, person.id)
    says = _("{n} sub-tasks are on their way to annotators. The whole comes back when they are reviewed.").format(
        n=count
    )
    return _left(session, act, person, settings, watch, says=says)


def _left(session: Session, act: Act, person: Person, settings: Settings, watch: Watch, *, says: str) -> Reply:
    """What was typed for an item that a person leaves is kept under Kept drafts; marks alone are not."""
    if act.form.words or act.form.rewrite or act.form.written:
        drafts.mark_stale(session, act.assignment, person.id)
        says = f"{says} {_('What you typed is under Kept drafts.')}"
    else:
        drafts.discard(session, act.assignment, person.id)
    reply = show_next(session, act, person, settings, watch)
    return {**reply, "notice": notice(says, "ok", outcome="left", assignment_id=act.assignment)}


def undo(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Reopen the person's last review of this queue; the untouched item on screen goes back."""
    project = review_board.choose_project(session, act.wanted, person)
    last = review_board.last_submitted(session, project.id, person.id, act.wanted.kind)
    if last is None:
        raise Refused(_("There is no review of yours to reopen here."))
    if act.assignment and act.token:
        held(session, act, person)
        queue.release(session, act.assignment, act.token)
    claim = queue.reopen(session, last.id, person.id)
    board = review_board.load(session, claim, person, settings, reopened=True)
    watch.assignment_id, watch.retry_job, watch.judging = board.assignment_id, None, None
    text = _("Your last review is open again. Submitting it saves a new revision.")
    return {**board_blocks(board), "watch": watch, "notice": notice(text, outcome="left", assignment_id=act.assignment)}


def vote(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Say whether a lesson that was in the prompt was of use."""
    slot = held(session, act, person)
    retrieval = session.get(Retrieval, act.retrieval)
    output = review_board.current_output(session, slot)
    if retrieval is None or retrieval.output_id != output.id:
        raise Refused(_(MOVED))
    outputs.vote_chip(session, retrieval.id, act.vote, person.id)
    wake_relevance(session, output.item.project_id)
    lesson_proposals.renew(session, [retrieval.lesson_id])
    found = None if reviews.is_blind(session, slot, person.id) else review_board.lookup(session, output.id)
    return {"chips": chips_block(review_board.chips(session, output.id), found)}


def discard(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Throw one of the person's kept drafts away."""
    drafts.discard(session, act.draft, person.id)
    return {"kept": kept_block(session, person)}
