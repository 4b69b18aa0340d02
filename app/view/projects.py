"""What the projects page shows: items with their answers, a file before its import, and what an import did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import _, of_error
from app.view.render import render
from core.exporters import REGISTRY as EXPORTERS
from core.importing import columns, preview
from core.table_files import RowError
from store import jobs, projects, queue, samples

PREVIEW_ROWS = 8
CELL = 2000  # characters of a field: pictures as text are long


def overview(session: Session, project_id: int) -> str:
    """How many items there are, and how many are answered."""
    total, answered = samples.size(session, project_id)
    return render(
        "projects/overview.html",
        project=projects.get(session, project_id),
        total=total,
        answered=answered,
        counts=queue.counts(session, project_id),
    )


def file_preview(path: Path) -> tuple[str, list[str]]:
    """The first rows of a file as a table, and the names of its columns."""
    rows = preview(path, PREVIEW_ROWS)
    names = columns(path)
    bad = [row for row in rows if isinstance(row, RowError)]
    good = [[_cell(row.get(name)) for name in names] for row in rows if not isinstance(row, RowError)]
    return render("projects/preview.html", names=names, rows=good, bad=bad, told=of_error), names


def export_found(format: str) -> str:
    """What is said of a file of exported rows."""
    return render("projects/export_found.html", title=_(EXPORTERS.make(format).title), format=format)


def _cell(value: Any) -> str:
    if isinstance(value, dict | list) and any(isinstance(one, bytes) for one in _inside(value)):
        return _("binary data")
    return "" if value is None else value[:CELL] if isinstance(value, str) else str(value)[:CELL]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _inside(one)
    else:
        yield value


def imports(session: Session, project_id: int) -> str:
    """The latest imports with their counts and the first of the rows that were left out, each with why."""
    rows = [job for job in jobs.recent(session, project_id, 100) if job.kind == "import"][:5]
    return render("projects/imports.html", jobs=rows, told=of_error)
