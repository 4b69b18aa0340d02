"""What came of look-ups, in words: of one on the review page, of all of a project on the lessons page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.view.languages import N_, _
from app.view.render import count, render
from core.types import Verdict
from store import lookup_outcomes
from store.lookup_outcomes import ASKERS, Outcome, Summary, summary

SAYS = {
    "generate": N_("for a first answer"),
    "retry": N_("for a try with a correction"),
    "reask": N_("for a second try"),
    "gateway": N_("for a program, through the gateway"),
    "api": N_("for a program, over the API"),
}
SHOWN = 10


def lookup_words(found: Outcome | None) -> str:
    """Who asked, and what people said since: a sentence or two."""
    if found is None:
        return ""
    parts = [_("Looked up {for_whom}.").format(for_whom=_(SAYS.get(found.asked_by, found.asked_by)))]
    if found.verdict in (Verdict.ACCEPTABLE, Verdict.FAULTY):
        parts.append(_came_of(found))
    if found.used or found.not_relevant:
        parts.append(
            _("Lessons voted used: {used}, not relevant: {not_relevant}.").format(
                used=found.used, not_relevant=found.not_relevant
            )
        )
    return " ".join(parts)


def _came_of(found: Outcome) -> str:
    if found.verdict == Verdict.ACCEPTABLE:
        return _("The answer was accepted.")
    if found.corrections is None:
        return _("The answer was found faulty.")
    corrections = count(found.corrections, "correction")
    return _("The answer was found faulty; {corrections} until one was accepted.").format(corrections=corrections)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def use_and_effect(session: Session, project_id: int | None) -> str:
    """By who asked, and with and without lessons in the prompt; nothing without a project."""
    if project_id is None:
        return ""
    rows = lookup_outcomes.newest(session, project_id)
    groups: list[tuple[str, Summary]] = [(_("All"), summary(rows))]
    groups += [(_capital(_(SAYS[name])), summary([row for row in rows if row.asked_by == name])) for name in ASKERS]
    for name, there in ((_("With lessons in the prompt"), True), (_("Without"), False)):
        kept = [row for row in rows if row.output_id is not None and (row.lessons > 0) is there]
        groups.append((name, summary(kept)))
    return render(
        "lessons/use_and_effect.html",
        groups=[(name, one) for name, one in groups if one.n],
        newest=[(row, lookup_words(row)) for row in rows if row.output_id is not None][:SHOWN],
        most=lookup_outcomes.MOST,
        project_id=project_id,
    )
