"""What the self-correction page shows, from the same report as ``corrigenda eval self-correction --project``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view.calibration import Dot, Line, Plot
from app.view.languages import _
from app.view.render import render
from app.view.words import percent, words
from core import error_types
from core.projects import ProjectSettings
from core.reports.self_correction import SelfCorrectionReport
from store import projects, second_tries

PARTS = ("scorecard", "profile", "changes", "policies", "failures")


def read(session: Session, project_id: int) -> Mapping[str, Any]:
    """The report, with how many second tries there are of each refiner and the project's titles of kinds of errors."""
    options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    report = SelfCorrectionReport(options.risk_threshold).compute(second_tries.tries(session, project_id))
    titles = {kind: _(error_types.title(kind, options.error_types)) for kind in _kinds(report)}
    used = second_tries.used(session, project_id)
    return {**report, "tried": sum(used.values()), "titles": titles, "reask": options.reask, "project_id": project_id}


def parts(report: Mapping[str, Any]) -> list[str]:
    """HTML of ``PARTS``; those that have nothing to say are empty."""
    return [render(f"self_correction/{name}.html", **report, **_more(name, report)) for name in PARTS]


def _more(name: str, report: Mapping[str, Any]) -> dict[str, Any]:
    return {"plot": _plot(report)} if name == "profile" else {}


def _kinds(report: Mapping[str, Any]) -> set[str]:
    return {kind for row in report["refiners"] for kind, _ in row["failures"]}


def _plot(report: Mapping[str, Any]) -> Plot | None:
    """Confidence level against critique score, one dot per refiner of which both are known."""
    known = [row for row in report["refiners"] if None not in (row["confidence_level"], row["critique_score"])]
    if not known:
        return None
    floor = report["floor"]
    return Plot(
        _("Confidence level and critique score"),
        _("Upper right is best. Left of the dotted line, at {floor}, a refiner should not run by itself.").format(
            floor=percent(floor)
        ),
        _("right answers that stay right"),
        _("wrong answers put right"),
        (Line("ideal", ({"x": floor, "y": 0}, {"x": floor, "y": 1})),),
        tuple(_dot(row) for row in known),
    )


def _dot(row: Mapping[str, Any]) -> Dot:
    level, score = row["confidence_level"], row["critique_score"]
    said = _("{refiner}: {level} stay right, {score} put right")
    says = said.format(refiner=words(row["refiner"]), level=percent(level), score=percent(score))
    low, high = row["intervals"]["critique_score"] or (None, None)
    return Dot("after", level, score, says, low, high)
