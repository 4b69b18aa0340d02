"""Re-ask with evidence: the model sees what speaks against its answer and tries once more, where the risk is above the threshold."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.auth import Person
from app.pages.review_board import held, shown_output
from app.pages.review_reply import Act, Refused, Reply, Watch, live_block, notice
from app.pages.review_retry import ALREADY, pending
from app.settings import Settings
from app.view import review as view
from app.view.languages import N_, _
from app.worker import jobs as worker_jobs
from core.projects import ProjectSettings
from core.types import JobPriority, Verdict
from store import judgements, reviews
from store.tables import Assignment, Job, Output

TOO_SAFE = N_("The risk of this answer is not above the project's threshold, so it is not asked about again.")
BLIND = N_("This item is reviewed blind: nothing that machines say of its answer is used.")
JUDGED = N_("Somebody has reviewed this answer already.")


def offered(session: Session, output: Output) -> bool:
    """Whether the button is shown: the risk is known and above the project's threshold."""
    risk = judgements.risk(session, output.id)
    return risk is not None and ProjectSettings.model_validate(output.item.project.settings).is_above(risk.value)


def reask(session: Session, act: Act, person: Person, settings: Settings, watch: Watch) -> Reply:
    """Ask for another attempt, which comes to this person's slot; the worker checks the risk once more."""
    slot = held(session, act, person)
    output = shown_output(session, slot, act)
    if pending(session, slot, output.item.project_id) is not None:
        raise Refused(_(ALREADY))
    job = ask(session, slot, output, person)
    watch.assignment_id, watch.retry_job, watch.judging = slot.id, job.id, None
    says = _("It sees what speaks against its answer, and answers once more.")
    return {
        "attempt": live_block(view.Live(_("The model is asked again"), says)),
        "watch": watch,
        "notice": notice(""),
    }


def ask(session: Session, slot: Assignment, output: Output, person: Person) -> Job:
    """The job that answers once more. Raises ``Refused`` where that is not offered."""
    if reviews.is_blind(session, slot, person.id):
        raise Refused(_(BLIND))
    if not offered(session, output):
        raise Refused(_(TOO_SAFE))
    if any(
        r.output_id == output.id and r.verdict != Verdict.CANNOT_JUDGE
        for r in reviews.reviews_for(session, slot.item_id)
    ):
        raise Refused(_(JUDGED))
    return worker_jobs.enqueue(
        session,
        "reask",
        {"output_ids": [output.id], "refiner": "self_supervision", "assignment_id": slot.id},
        priority=JobPriority.PERSON_WAITING,
        dedupe_key=f"reask:{output.id}:{slot.id}",
        project_id=output.item.project_id,
        user_id=person.id,
    )
