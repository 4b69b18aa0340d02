"""What the exports page shows: the formats with what each needs, and each export with its file or why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.view.languages import _, of_error
from app.view.render import render
from core.exporters.base import Need
from store import export_facts, exports, jobs


@dataclass(frozen=True, slots=True)
class FormatCard:
    """A format as people choose it; ``lacks`` is what the project has none of, so that there would be no rows."""

    name: str
    title: str
    summary: str
    needs: tuple[str, ...]
    lacks: tuple[str, ...]
    readable: bool


def choices() -> list[tuple[str, str]]:
    """(title, name) of every format, by title."""
    from core.exporters import REGISTRY

    return sorted((_(REGISTRY.make(name).title), name) for name in REGISTRY.names())


def cards(known: Iterable[Need]) -> list[FormatCard]:
    """Every format, by title, beside what a project has."""
    from core.exporters import REGISTRY

    there = frozenset(known)
    found = []
    for member in REGISTRY:
        exporter = member.make()
        lacks = tuple(_(need.value) for need in exporter.needs if need not in there)
        needs = tuple(_(need.value) for need in exporter.needs)
        found.append(FormatCard(member.name, _(exporter.title), _(member.summary), needs, lacks, exporter.readable))
    return sorted(found, key=lambda card: card.title)


def formats(session: Session, project_id: int) -> str:
    """The table of formats: those that this project has rows for, then the others with why not."""
    found = cards(export_facts.has(session, project_id))
    return render(
        "exports/formats.html", ready=[c for c in found if not c.lacks], lacking=[c for c in found if c.lacks]
    )


def chosen(session: Session, project_id: int, name: str) -> str:
    """What the chosen format is and whether the project has rows for it; nothing for a name that is none."""
    found = next((card for card in cards(export_facts.has(session, project_id)) if card.name == name), None)
    return render("exports/chosen.html", format=found) if found else ""


def listing(session: Session, project_id: int) -> str:
    rows = exports.list_all(session, project_id, 50)
    running = {job.id: job for job in jobs.recent(session, project_id, 100) if job.kind == "export"}
    empty = any(row.path and not row.rows for row in rows)
    lacks = {card.name: card.lacks for card in cards(export_facts.has(session, project_id))} if empty else {}
    shown = [(row, running.get(row.job_id or 0), lacks.get(row.format, ())) for row in rows]
    return render("exports/list.html", rows=shown, told=of_error)
