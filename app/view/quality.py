"""What the quality page shows: who agrees with whom, what is known of each person, their time, what showing risk does to them, how
wrong the steps are, what drives labels, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view import quality_plots
from app.view.languages import N_, _
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


# What the report of drivers says in words, as ``core.reports.label_drivers`` and the job write it.
DRIVER_WORDS = (
    N_("annotator"),
    N_("place in a sitting"),
    N_("hour (UTC)"),
    N_("length"),
    N_("model"),
    N_("time taken"),
    N_("shown risk"),
    N_("ten answers later"),
    N_("twice as many words"),
    N_("twice as long"),
    N_("from 0 to 100 %"),
    N_("0 to 6 h"),
    N_("6 to 12 h"),
    N_("12 to 18 h"),
    N_("18 to 24 h"),
    N_("queues may put the riskiest answers first; that is taken out only as far as text and risk tell"),
    N_("length belongs to the text: only what its meaning does not explain is removed"),
    N_("a better model writes better answers, so that what differs between models may be quality"),
    N_("people take longer over what is hard or wrong"),
    N_("the risk that is shown follows quality"),
    N_("the random draw hardly changes it, so that its effect cannot be told"),
    N_(
        "no two people judged 20 of the same answers, so nobody's strictness can be told from their items",
    ),
)
FEW_DRAWN = "; fewer than 30 labels on a side of the random draw"


def _driver_words(text: str) -> str:
    """In the reader's language; names of people and models stay."""
    if text.endswith(FEW_DRAWN):
        return _("{why}; fewer than 30 labels on a side of the random draw").format(
            why=_driver_words(text.removesuffix(FEW_DRAWN))
        )
    if text.startswith("not of ") and ": too few" in text:
        names = text.removeprefix("not of ").rsplit(": too few", 1)[0]
        return _("not of {names}: too few of their answers were judged by the others too").format(names=names)
    return _(text) if text in DRIVER_WORDS else text


def _told(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The drivers in the reader's language, each effect with what the random draws alone give it (``alone``)."""
    if not found or found["status"] == "few":
        return found
    alone = {(one["driver"], one["level"]): one for one in (found.get("slice") or {}).get("effects", ())}
    names = {"effects": [{**one, "alone": alone.get((one["driver"], one["level"]))} for one in found["effects"]]}
    for one in names["effects"]:
        one["driver"], one["level"] = _driver_words(one["driver"]), _driver_words(one["level"])
    pairs = {
        key: [(_driver_words(name), _driver_words(why)) for name, why in found[key]] for key in ("refused", "warnings")
    }
    removed = [_driver_words(name) for name in found["removed"]]
    return {**found, **names, **pairs, "removed": removed, "slice": found.get("slice")}


def parts(found: Mapping[str, Any]) -> list[str]:
    """HTML of ``PARTS``; those that have nothing to say, say what would change that."""
    drawn = {
        "weeks_plot": quality_plots.alpha_weeks(found["agreement"]["weeks"]),
        "people_plot": quality_plots.dots([_person(row) for row in found["agreement"]["people"]]),
        "steps_plot": quality_plots.dots([_author(row) for row in found["steps"]["authors"] if row["n"] >= FEWEST]),
        "curve_plot": quality_plots.curve(found["curve"]),
        "curve_points": [_point(one) for one in found["curve"]["points"]],
        "drivers": _told(found["drivers"]),
        "anchoring_rows": _compared(found["anchoring"]["figures"]),
    }
    return [render(f"quality/{name}.html", **{**found, **drawn}, window=people_quality.WINDOW) for name in PARTS]


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
