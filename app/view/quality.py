"""What the quality page shows: who agrees with whom, what is known of each person, their time, what showing risk does to them, how
wrong the steps are, what drives labels, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view import quality_plots
from app.view.quality_plots import Share
from app.view.render import render
from core.metrics import wilson
from core.reports.agreement import FEWEST, AgreementReport
from core.reports.anchoring import AnchoringReport
from core.reports.learning_curve import LearningCurveReport, Point
from core.reports.supervision_quality import SupervisionQualityReport
from core.reports.time_per_item import TimePerItemReport
from store import evidence, label_drivers, people_quality, projects

PARTS = ("agreement", "people", "times", "anchoring", "steps", "drivers", "curve")


def read(session: Session, project_id: int) -> Mapping[str, Any]:
    """The reports of a project, and how many people its items want."""
    judged = people_quality.judgements(session, project_id)
    return {
        "project_id": project_id,
        "overlap": projects.queue_of(session, project_id).overlap,
        "agreement": AgreementReport().compute(judged),
        "times": TimePerItemReport().compute(judged),
        "anchoring": AnchoringReport().compute(judged),
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
    drawn = {
        "weeks_plot": quality_plots.alpha_weeks(found["agreement"]["weeks"]),
        "people_plot": quality_plots.dots([_person(row) for row in found["agreement"]["people"]]),
        "steps_plot": quality_plots.dots([_author(row) for row in found["steps"]["authors"] if row["n"] >= FEWEST]),
        "curve_plot": quality_plots.curve(found["curve"]),
        "curve_points": [_point(one) for one in found["curve"]["points"]],
        "anchoring_rows": _compared(found["anchoring"]["figures"]),
    }
    return [render(f"quality/{name}.html", **found, **drawn, window=people_quality.WINDOW) for name in PARTS]


def _person(row: Mapping[str, Any]) -> tuple[str, Share | None, Share | None]:
    """How often somebody is right, and agrees with others; each from ``FEWEST`` answers on."""
    right = Share(row["right"], row["low"], row["high"], row["gold"]) if row["gold"] >= FEWEST else None
    near = Share(row["with_others"], row["with_low"], row["with_high"], row["shared"])
    return row["name"], right, near if row["shared"] >= FEWEST else None


def _author(row: Mapping[str, Any]) -> tuple[str, Share | None, Share | None]:
    """How many steps of a model are wrong, and how many outcomes."""
    outcome = Share(row["outcome_error"], row["outcome_low"], row["outcome_high"], row["n"])
    return (
        row["author"],
        Share(row["step_error"], row["step_low"], row["step_high"], row["n"]),
        outcome if row["outcome_error"] is not None else None,
    )


def _point(one: Point) -> dict[str, float]:
    low, high = wilson(one.score * one.n, int(one.n))
    return {"x": one.x, "n": one.n, "score": one.score, "low": low, "high": high}


def _compared(figures: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The comparisons of which either side has an answer."""
    return [(key, row) for key, row in figures.items() if row["shown_n"] or row["blind_n"]]
