"""What the quality page shows: who agrees with whom, what is known of each person, how wrong the steps are, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view.calibration import Dot, Line, Plot
from app.view.render import render
from app.view.words import percent
from core.reports.agreement import AgreementReport
from core.reports.learning_curve import LearningCurveReport
from core.reports.supervision_quality import SupervisionQualityReport
from store import evidence, label_drivers, people_quality, projects

PARTS = ("agreement", "people", "steps", "drivers", "curve")
DRAWN = 60  # places at which the fitted curve is drawn


def read(session: Session, project_id: int) -> Mapping[str, Any]:
    """The reports of a project, and how many people its items want."""
    return {
        "project_id": project_id,
        "overlap": projects.queue_of(session, project_id).overlap,
        "agreement": AgreementReport().compute(people_quality.judgements(session, project_id)),
        "steps": SupervisionQualityReport().compute(people_quality.supervised(session, project_id)),
        "drivers": drivers(session, project_id),
        "curve": LearningCurveReport().compute(people_quality.curve(session, project_id)),
    }


def drivers(session: Session, project_id: int) -> dict[str, Any]:
    """What a job found to drive labels besides quality, with the answers whose score it moved furthest; empty before the first."""
    known = label_drivers.current(session, project_id)
    if known is None:
        return {}
    report = dict(known.report)
    furthest = report.get("furthest", [])
    answers = evidence.past_answers(session, [output_id for output_id, _, _ in furthest])
    moved = [(answers[output_id], raw, own) for output_id, raw, own in furthest if output_id in answers and raw != own]
    return {**report, "moved_answers": moved, "fitted_at": known.fitted_at, "in_force": known.in_force}


def parts(found: Mapping[str, Any]) -> list[str]:
    """HTML of ``PARTS``; those that have nothing to say, say what would change that."""
    return [
        render(f"quality/{name}.html", **found, plot=_plot(found["curve"]), window=people_quality.WINDOW)
        for name in PARTS
    ]


def _plot(report: Mapping[str, Any]) -> Plot | None:
    """The points and the last trend, corrections from 0 to the horizon."""
    points = report["points"]
    if len(points) < 2:  # one point is no curve
        return None
    most = points[-1].x + report["horizon"]
    lines: tuple[Line, ...] = ()
    if report["gain"] is not None:
        trend = report["trends"][-1]
        places = [points[0].x + (most - points[0].x) * step / DRAWN for step in range(DRAWN + 1)]
        drawn = tuple({"x": x / most, "y": min(max(trend.at(x), 0.0), 1.0)} for x in places)
        lines = (Line("after", drawn),)
    dots = tuple(
        Dot("after", one.x / most, one.score, f"{percent(one.score)} of {one.n:.0f} after {one.x:.0f} corrections")
        for one in points
    )
    says = "Each dot is the share of first answers that people accepted as they were, among items drawn at random."
    return Plot("First answers that need nothing", says, f"share of {most:.0f} corrections", "accepted", lines, dots)
