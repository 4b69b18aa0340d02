"""``corrigenda eval self-correction``: the scorecard of refiners, of a file, of a project, or of a model that answers now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.evaluate_cache import Say
from app.settings import Settings
from app.worker.models import make_generator
from core.evaluation import refining, second_tries
from core.evaluation.second_tries import TrySet
from core.projects import ProjectSettings
from core.reports.self_correction import SelfCorrectionReport, figures

COLUMNS = ("acc_t1", "acc_t2", "delta", "i_to_c", "c_to_i", "confidence_level", "critique_score", "rss", "break_rate")
COSTS = ("n", "tokens", "tokens_per_fix", "calls", "seconds", "efficiency", "changed")
TITLES = {"confidence_level": "CL", "critique_score": "CS = fix", "break_rate": "break", "rss": "RSS"}


def eval_self_correction(
    settings: Settings,
    *,
    data: Path | None,
    form: str,
    project: str | None,
    refiners: Sequence[str],
    limit: int | None,
    seed: int,
    say: Say,
) -> dict[str, Any]:
    """The report as an object of JSON. Raises ``ValueError`` that says what to do."""
    if (data is None) == (project is None):
        raise ValueError("give --data PATH or --project NAME, one of the two")
    if project is not None:
        return of_project(settings, project, seed)
    assert data is not None
    found = second_tries.read(form, data)
    tries = list(found.tries)
    started = time.perf_counter()
    if found.questions:
        tries += _live(settings, found, refiners or refining.names(), limit, say)
    elif refiners or limit is not None:
        raise ValueError("--refiners and --limit are for questions that a model answers; these rows hold the answers")
    report = dict(SelfCorrectionReport(seed=seed).compute(tries))
    report["refiners"] += [{"refiner": name, **figures(rows, seed)} for name, rows in found.odds.items() if rows]
    report |= {"data": data.name, "format": form, "seed": seed, "notes": list(found.notes)}
    return report | ({"seconds": time.perf_counter() - started} if found.questions else {})


def of_project(settings: Settings, project: str, seed: int) -> dict[str, Any]:
    """The same figures as on the page."""
    from app.cli.data import opened
    from store import projects
    from store import second_tries as stored

    with opened(settings) as db, db.read() as session:
        row = projects.by_slug(session, project)
        if row is None:
            names = ", ".join(one.slug for one in projects.list_all(session)) or "none yet"
            raise ValueError(f"there is no project {project!r}; there are: {names}")
        threshold = ProjectSettings.model_validate(row.settings).risk_threshold
        report = dict(SelfCorrectionReport(threshold, seed).compute(stored.tries(session, row.id)))
    return report | {"project": project, "seed": seed, "notes": []}


def _live(settings: Settings, found: TrySet, refiners: Sequence[str], limit: int | None, say: Say) -> list[Any]:
    generator = make_generator(settings)
    try:
        return refining.refine(generator, found.questions[:limit], refiners, say)
    finally:
        close = getattr(generator, "close", None)
        if close:
            close()


def table(found: Mapping[str, Any]) -> str:
    """The figures as people read them."""
    rows = found["refiners"]
    if not rows:
        return "No second try is known of which both answers were judged or compared with a reference."
    width = max(20, *(len(row["refiner"]) for row in rows))
    lines = []
    for names in (COLUMNS, COSTS):
        lines.append(" " * width + "".join(f"{TITLES.get(name, name):>16}" for name in names))
        lines += [
            row["refiner"].ljust(width) + "".join(f"{_cell(row.get(name)):>16}" for name in names) for row in rows
        ]
    lines += [line for row in rows if (line := _marks(row))]
    return "\n".join([*lines, *found["notes"]])


def _marks(row: Mapping[str, Any]) -> str:
    said = []
    pair = row["intervals"]["delta"]
    if pair:
        said.append(f"delta {pair[0]:+.3f} to {pair[1]:+.3f}")
    if row["harmful"] is None:
        said.append(f"only {row['questions']} questions: too few to judge it")
    elif row["harmful"]:
        said.append("harmful: it breaks more than it fixes")
    elif row["confidence_level"] is None:
        said.append("no first answer was right, so none could be broken")
    elif not row["may_run_alone"]:
        said.append("breaks too many right answers to run by itself")
    if row.get("collapsed"):
        said.append("collapsed: it repeats the first answer")
    return f"{row['refiner']}: {'; '.join(said)}"


def _cell(value: Any) -> str:
    if value is None or isinstance(value, int):
        return "-" if value is None else str(value)
    return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 10 else f"{value:.1f}"
