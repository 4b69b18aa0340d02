"""A project's items as a list: 50 rows a page by key, as they came in or what waits in the order of urgency, narrowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import N_
from app.view.render import render
from store import items, queue

ROWS = 50
ALL, WAITING = "all", "waiting"
ORDERS = ((N_("As they came in"), ALL), (N_("Waiting, urgent first"), WAITING))
MOST_WORDS = 200  # characters


@dataclass(frozen=True, slots=True)
class Wanted:
    """``least_risk`` in [0, 1] narrows what waits; ``after`` is the key of the last row of the page before, 0 for the first page."""

    words: str = ""
    order: str = ALL
    least_risk: float | None = None
    after: int = 0


def wanted(words: object, order: object, percent: object, after: object) -> Wanted:
    """From what the browser sent, which may be anything."""
    waiting = order == WAITING
    known = isinstance(percent, int | float) and 0 < percent <= 100
    key = after if isinstance(after, int) and 0 < after < 2**63 else 0
    return Wanted(
        str(words or "").strip()[:MOST_WORDS],
        WAITING if waiting else ALL,
        float(percent) / 100 if waiting and known else None,  # type: ignore[arg-type]
        key,
    )


def page(session: Session, project_id: int, wanted: Wanted) -> tuple[str, int]:
    """HTML of a page, and the key after which the next begins; 0 where there is none. At most four statements."""
    rows, key = (_waiting if wanted.order == WAITING else _all)(session, project_id, wanted)
    html = render(
        "projects/items.html",
        project_id=project_id,
        rows=rows[:ROWS],
        wanted=wanted,
        waits=wanted.order == WAITING,
        narrowed=bool(wanted.words or wanted.least_risk),
    )
    return html, int(rows[ROWS - 1][key]) if len(rows) > ROWS else 0


def _all(session: Session, project_id: int, wanted: Wanted) -> tuple[list[Mapping[str, Any]], str]:
    found = items.page(session, project_id, after=wanted.after, limit=ROWS + 1, text=wanted.words or None)
    rows: list[Mapping[str, Any]] = [
        {"item_id": one.id, "external_id": one.external_id, "prompt": one.prompt, "reference": one.reference or ""}
        for one in found
    ]
    return rows, "item_id"


def _waiting(session: Session, project_id: int, wanted: Wanted) -> tuple[list[Mapping[str, Any]], str]:
    found = queue.waiting(
        session,
        project_id,
        ROWS + 1,
        words=wanted.words,
        least_risk=wanted.least_risk,
        after=wanted.after,
    )
    rows: list[Mapping[str, Any]] = [
        {
            "assignment_id": one.assignment_id,
            "item_id": one.item_id,
            "external_id": one.external_id,
            "prompt": one.prompt,
            "risk": one.risk,
            "calibrated": one.calibrated,
            "flagged": one.flagged,
            "since": one.since,
        }
        for one in found
    ]
    return rows, "assignment_id"
