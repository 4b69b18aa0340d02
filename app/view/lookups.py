"""What came of look-ups, in words: of one on the review page, of all of a project on the lessons page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.view.render import count, render
from core.types import Verdict
from store import lookup_outcomes
from store.lookup_outcomes import ASKERS, Outcome, Summary, summary

SAYS = {
    "generate": "for a first answer",
    "retry": "for a try with a correction",
    "reask": "for a second try",
    "gateway": "for a program, through the gateway",
    "api": "for a program, over the API",
}
SHOWN = 10


def lookup_words(found: Outcome | None) -> str:
    """Who asked, and what people said since: a sentence or two."""
    if found is None:
        return ""
    parts = [f"Looked up {SAYS.get(found.asked_by, found.asked_by)}."]
    if found.verdict in (Verdict.ACCEPTABLE, Verdict.FAULTY):
        said = "accepted" if found.verdict == Verdict.ACCEPTABLE else "found faulty"
        parts.append(f"The answer was {said}{_until(found)}.")
    if found.used or found.not_relevant:
        parts.append(f"Lessons voted used: {found.used}, not relevant: {found.not_relevant}.")
    return " ".join(parts)


def _until(found: Outcome) -> str:
    if found.verdict == Verdict.ACCEPTABLE or found.corrections is None:
        return ""
    return f"; {count(found.corrections, 'correction')} until one was accepted"


def use_and_effect(session: Session, project_id: int | None) -> str:
    """By who asked, and with and without lessons in the prompt; nothing without a project."""
    if project_id is None:
        return ""
    rows = lookup_outcomes.newest(session, project_id)
    groups: list[tuple[str, Summary]] = [("All", summary(rows))]
    groups += [(SAYS[name].capitalize(), summary([row for row in rows if row.asked_by == name])) for name in ASKERS]
    for name, there in (("With lessons in the prompt", True), ("Without", False)):
        kept = [row for row in rows if row.output_id is not None and (row.lessons > 0) is there]
        groups.append((name, summary(kept)))
    return render(
        "lessons/use_and_effect.html",
        groups=[(name, one) for name, one in groups if one.n],
        newest=[(row, lookup_words(row)) for row in rows if row.output_id is not None][:SHOWN],
        most=lookup_outcomes.MOST,
        project_id=project_id,
    )
