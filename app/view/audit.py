"""What the audit page shows: who changed what, when, from which value to which."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import N_, _
from app.view.render import render
from store import audit, users
from store.tables import AuditEvent

SHOWN = 50
LONGEST = 400  # characters of a value on the page; the export has all of it
PROGRAM = N_("the program")


def wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    """The filter that a page or an address asks for: ``person`` (an id, 0 for the program), ``subject``, ``text``, ``since`` and
    ``until`` (ISO dates, until included). Raises ``ValueError`` saying what to do."""
    found: dict[str, Any] = {"text": str(given.get("text") or "")[:200]}
    if (person := given.get("person")) not in (None, ""):
        try:
            found["user_id"] = int(str(person))
        except ValueError:
            raise ValueError(_("Choose a person from the list.")) from None
    if given.get("subject"):
        found["subject"] = str(given["subject"])[:40]
    for name, days in (("since", 0), ("until", 1)):
        if given.get(name):
            try:
                day = datetime.fromisoformat(str(given[name])[:10]).replace(tzinfo=UTC)
            except ValueError:
                raise ValueError(_("Write days as 2026-03-31.")) from None
            found[name] = day + timedelta(days=days)
    return found


def table(session: Session, given: Mapping[str, Any], before: int | None = None) -> tuple[str, int | None]:
    """A page of events as HTML, and the id from which older ones follow, ``None`` at the end."""
    chosen = wanted(given)
    rows = audit.page(session, before=before, limit=SHOWN + 1, **chosen)
    names = {user.id: user.name for user in users.list_all(session)}
    shown = [_row(event, names) for event in rows[:SHOWN]]
    older = rows[SHOWN - 1].id if len(rows) > SHOWN else None
    return render("audit/table.html", rows=shown, older=older, filtered=bool(before) or len(chosen) > 1), older


def _row(event: AuditEvent, names: Mapping[int, str]) -> dict[str, Any]:
    changes = [
        (
            name,
            _said(event.old.get(name)) if name in event.old else "",
            _said(event.new.get(name)) if name in event.new else "",
        )
        for name in dict.fromkeys([*event.old, *event.new])
    ]
    who = (
        names.get(event.user_id, _("person {id}").format(id=event.user_id)) if event.user_id is not None else _(PROGRAM)
    )
    return {
        "at": event.at,
        "who": who,
        "action": event.action,
        "subject": event.subject,
        "id": event.subject_id,
        "changes": changes,
    }


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def lines(session: Session, given: Mapping[str, Any]) -> Iterator[bytes]:
    """Every event that is asked for as a line of JSON, newest first."""
    names = {user.id: user.name for user in users.list_all(session)}
    for event in audit.each(session, **wanted(given)):
        row = {
            "id": event.id,
            "at": event.at.isoformat(),
            "user_id": event.user_id,
            "user": names.get(event.user_id) if event.user_id is not None else None,
            "action": event.action,
            "subject": event.subject,
            "subject_id": event.subject_id,
            "old": event.old,
            "new": event.new,
        }
        yield json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
