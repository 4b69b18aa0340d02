"""Does a lesson help? Its edit suite, answers with and without it, and a proposal to retire it, as one part of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import N_
from app.view.render import render
from core.reports.lesson_effect import FEWEST
from store import edit_suites, lesson_proposals, lesson_trials, users
from store.tables import Lesson

MADE = {
    "source": N_("the item it came from"),
    "applicability": N_("what it says of when it applies"),
    "linked": N_("a later item where people used it"),
    "reworded": N_("reworded by the program"),
    "voted": N_("people voted it not relevant here"),
    "near": N_("similar, and right at once without it"),
    "changed_task": N_("its topic in another task"),
    "model": N_("reworded by the model"),
    "person": N_("written by a person"),
}
FEW_TRIALS = 5  # below which a rate is not shown


def section(session: Session, lesson: Lesson) -> str:
    """The part *Does it help?* of a lesson's page, with buttons of ``app.lesson_retiring.ACTIONS``; every text is escaped."""
    wording = edit_suites.wording_revision(session, lesson)
    run = edit_suites.newest_run(session, lesson)
    found = {one["probe"]: one for one in run.details} if run else {}
    rows = edit_suites.probes(session, lesson.id)
    proposals = lesson_proposals.of_lesson(session, lesson.id)
    return render(
        "lessons/effect.html",
        lesson=lesson,
        live=edit_suites.is_run(lesson),
        run=run,
        probes=[(row, found.get(row.id)) for row in rows if not edit_suites.is_stale(row, wording)],
        stale=[row for row in rows if edit_suites.is_stale(row, wording)],
        made=MADE,
        effect=lesson_trials.effect_of(session, lesson),
        few=FEW_TRIALS,
        fewest=FEWEST,
        proposal=next((one for one in proposals if one.state == "open"), None),
        decided=[one for one in proposals if one.state in ("confirmed", "dismissed")],
        names={user.id: user.name for user in users.list_all(session)},
    )


def memory(session: Session, project_id: int) -> str:
    """What the whole memory of a project fixes and breaks, over time, and which lessons are proposed to be retired."""
    report: Mapping[str, Any] = lesson_trials.report(session, project_id)
    return render(
        "lessons/memory_effect.html",
        project_id=project_id,
        report=report,
        few=FEW_TRIALS,
        proposals=lesson_proposals.proposals(session, project_id),
    )
