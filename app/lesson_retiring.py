"""Deciding on a proposal to retire a lesson and on its probes: the change and what follows, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app import lesson_changes
from app.auth import Person
from app.view.languages import _
from app.worker.waking import probe_lessons
from core.types import Role
from store import edit_suites, lesson_proposals, lessons

ACTIONS = ("retire-confirm", "retire-dismiss", "probe-add", "probe-remove", "probe-run")


class NotAllowed(PermissionError):
    """Only an expert decides about lessons."""


def act(session: Session, person: Person, data: Mapping[str, str]) -> str:
    """What one of the ``ACTIONS`` of the part *Does it help?* does, and what to tell the person.

    ``data``: ``action``, and ``proposal``, ``probe`` or ``lesson`` with ``kind`` and ``text``. Raises ``NotAllowed``, ``LookupError``,
    ``ValueError``.
    """
    if not person.may_somewhere(Role.EXPERT):
        raise NotAllowed("Only an expert can decide about lessons and their probes.")
    action = data.get("action")
    if action == "retire-confirm":
        return confirm(session, _id(data, "proposal"), person.id)
    if action == "retire-dismiss":
        lesson_proposals.decide(session, _id(data, "proposal"), person.id, confirmed=False)
        return _("Dismissed. It is proposed again only when more answers or votes say so.")
    if action == "probe-remove":
        edit_suites.remove(session, _id(data, "probe"), person.id)
        return _("Taken out of the suite.")
    lesson = lessons.get(session, _id(data, "lesson"))
    if action == "probe-add":
        edit_suites.add(session, lesson, data.get("kind", ""), data.get("text", ""), person.id)
        return _("Added to the suite.")
    if action == "probe-run":
        probe_lessons(session, lesson.project_id, [lesson.id], revision=lesson.revision, user_id=person.id)
        return _("The suite is being run.")
    raise ValueError("there is no such action")


def _id(data: Mapping[str, str], name: str) -> int:
    value = str(data.get(name, ""))
    if not value.isascii() or not value.isdigit():
        raise LookupError(f"which {name} is meant? Reload the page.")
    return int(value)


def confirm(session: Session, proposal_id: int, user_id: int) -> str:
    """Retract the lesson for the program's reason. Raises ``store.lesson_proposals.Decided``, ``store.lessons.BadTransition``."""
    row = lesson_proposals.decide(session, proposal_id, user_id, confirmed=True)
    return lesson_changes.retract(session, row.lesson_id, user_id, row.reason).says()
