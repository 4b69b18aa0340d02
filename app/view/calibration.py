"""What the calibration page shows, from stored rows alone: figures, plots, sources, versions, and what a threshold would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from babel.dates import format_date
from sqlalchemy.orm import Session

from app.view import languages
from app.view.languages import N_, _, ngettext
from app.view.render import age, render
from app.view.words import decimal, figure, percent, words
from core.metrics import auroc, ece
from core.projects import ProjectSettings
from core.refiners import REGISTRY as REFINERS
from core.reports.audit_slice import NOTHING, Estimate, combined, from_audit
from core.reports.base import JudgedRisk
from core.reports.calibration import CalibrationReport, binned_points, expectations, figures, top_curve
from core.reports.drift import Drift, drift
from core.risk.calibrate import FEWEST_REVIEWED
from store import projects, risk_history, second_tries
from store.risk_history import Band, Reviewed

LEAST = 10  # reviewed answers with a risk before any figure is shown
NEWEST = 1_000  # of them behind the intervals
DRAWS = 400  # newest random draws that the drift alarm looks at
ROUNDS = 100
SHOWN = {
    "ece": (N_("Calibration error (ECE)"), N_("Mean distance between risk and error over ten bins; 0 is ideal.")),
    "r2": (N_("R²"), N_("Of mean risk against error over bins; 1 is ideal.")),
    "auroc": (N_("AUROC"), N_("Chance that a wrong answer has the higher risk; 0.5 is a guess.")),
    "auprc": (N_("AUPRC"), N_("Precision of finding the wrong answers, over all thresholds.")),
    "error": (N_("Wrong"), N_("Of the answers that these figures are about.")),
    "top5_error": (N_("Riskiest 5 %"), N_("Share of wrong answers among them.")),
    "top10_error": (N_("Riskiest 10 %"), N_("Share of wrong answers among them.")),
    "top20_error": (N_("Riskiest 20 %"), N_("Share of wrong answers among them.")),
    "coverage_at_05": (
        N_("Coverage at 5 % error"),
        N_("Share of answers that could pass with so many wrong among them."),
    ),
    "coverage_at_10": (N_("Coverage at 10 % error"), N_("The same.")),
    "coverage_at_20": (N_("Coverage at 20 % error"), N_("The same.")),
}
PLAIN = {"ece", "r2", "auroc", "auprc"}  # figures that are no shares


@dataclass(frozen=True, slots=True)
class Line:
    tone: str  # after, before, ideal
    points: tuple[Mapping[str, float], ...]  # x and y in [0, 1]


@dataclass(frozen=True, slots=True)
class Dot:
    tone: str
    x: float
    y: float
    says: str
    low: float | None = None
    high: float | None = None
    size: float = 4.0


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    says: str
    x: str
    y: str
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Everything read for one view of the page. ``rows`` are what the figures are about, and ``basis`` says so in words."""

    project_id: int
    judged: list[Reviewed]
    rows: list[JudgedRisk]
    basis: str
    versions: list[dict[str, Any]] = field(default_factory=list)
    bands: tuple[Band, ...] = ()


def read(session: Session, project_id: int) -> History:
    judged = risk_history.reviewed(session, project_id)
    rows, basis = judged_risks(judged)
    versions = risk_history.versions(session, project_id)
    return History(project_id, judged, rows, basis, versions, _census(session, project_id))


_known: dict[tuple[str, int], tuple[tuple[int, int], tuple[Band, ...]]] = {}


def _census(session: Session, project_id: int) -> tuple[Band, ...]:
    """Kept while nothing was judged, claimed, reviewed or set since: the walk takes a quarter of a second per 100,000 answers."""
    key, marks = (str(session.get_bind().engine.url), project_id), risk_history.marks(session)
    known = _known.get(key)
    if known is None or known[0] != marks:
        known = _known[key] = (marks, tuple(risk_history.census(session, project_id)))
    return known[1]


def judged_risks(judged: Sequence[Reviewed]) -> tuple[list[JudgedRisk], str]:
    """Risks that were shown before the verdict where there are enough calibrated ones; else those of now, which flatter."""
    fair = [row for row in judged if row.shown is not None and row.shown_calibrated]
    if len(fair) >= FEWEST_REVIEWED:
        rows = [
            JudgedRisk(
                row.raw if row.shown_raw is None else row.shown_raw, row.shown or 0.0, row.wrong, str(row.item_id)
            )
            for row in fair
        ]
        return rows, N_("The figures use the risk that people saw before they decided, so no verdict judged itself.")
    rows = [JudgedRisk(r.raw, r.value, r.wrong, str(r.item_id)) for r in judged if r.value is not None]
    return rows, N_("The figures use the reviews that the risk may have learned from, so they flatter until more come.")


def summary(session: Session, history: History) -> str:
    judged = history.judged
    current = next((row for row in history.versions if row["current"]), None)
    draws = [row for row in judged if row.audit]
    overall, both = from_audit([row.wrong for row in draws]), _combined(history)
    return render(
        "calibration/summary.html",
        reviews=len(judged),
        wrong=sum(row.wrong for row in judged),
        draws=len(draws),
        overall=overall,
        both=both,
        calibrated=any(band.calibrated for band in history.bands) or any(row.shown_calibrated for row in judged),
        fewest=FEWEST_REVIEWED,
        method=current["method"] if current else "",
        version=current["version"] if current else "",
        since=current["created_at"] if current else None,
        basis=_(history.basis),
        drift=drift_said(session, history.project_id, current),
    )


def _combined(history: History) -> Estimate:
    """Nothing where there are more reviews than were read: those left out would be missing on one side."""
    if not history.judged or len(history.judged) >= risk_history.LATEST:
        return NOTHING
    done = risk_history.worked(history.bands, history.judged)
    return combined(
        [risk_history.risk_of(row) for row in history.judged],
        [row.wrong for row in history.judged],
        [row.audit for row in history.judged],
        cutoff=done.cutoff,
        total_above=done.total_above,
        total_below=done.total_below,
    )


@dataclass(frozen=True, slots=True)
class Said:
    tone: str
    text: str


def drift_said(session: Session, project_id: int, current: Mapping[str, Any] | None) -> Said | None:
    """The drift alarm in words; ``None`` before risk was calibrated or enough random draws were reviewed."""
    draws = [
        row
        for row in risk_history.reviewed(session, project_id, DRAWS, only_audit=True)
        if row.shown_calibrated and row.shown is not None
    ]
    found = drift([row.shown or 0.0 for row in draws], [row.wrong for row in draws])
    return None if found.alarm is None else _in_words(found, current)


def _in_words(found: Drift, current: Mapping[str, Any] | None) -> Said:
    said = []
    if current:
        day = current["created_at"]
        since = _("Risk was calibrated on {day} ({ago}) from {n} reviews.")
        said.append(since.format(day=_day(day), ago=age(day), n=figure(current["reviewed"])))
    seen = _("The last {n} random draws say {observed} wrong [{low} to {high}]; risk expected {expected}.")
    shares = {name: percent(getattr(found, name)) for name in ("observed", "low", "high", "expected")}
    said.append(seen.format(n=found.recent, **shares))
    if found.alarm == "up":
        tone, means = "bad", _("More is wrong than risk says: review more answers, or lower the threshold.")
    elif found.alarm == "down":
        tone, means = "warn", _("Less is wrong than risk says: it is too careful until it is calibrated anew.")
    else:
        tone, means = "ok", _("The calibration holds.")
    return Said(tone, " ".join([*said, means]))


def _day(moment: datetime) -> str:
    """ "30 November 2026", as the current language writes it."""
    language = languages.current()
    return format_date(moment, "long", locale="en_GB" if language == languages.ENGLISH else language)


def home_line(session: Session, project_id: int) -> str:
    """For the home page: what the newest random draws say of the calibration."""
    current = next((row for row in risk_history.versions(session, project_id, 1) if row["current"]), None)
    found = drift_said(session, project_id, current)
    return render("calibration/home.html", drift=found, project_id=project_id) if found else ""


def figures_table(history: History, *, intervals: bool) -> str:
    """``intervals`` takes up to a second the first time, so the page asks for them after it is shown."""
    n = len(history.rows)
    if n < LEAST:
        return render("calibration/figures.html", rows=[], n=n, least=LEAST, before=False, intervals=False)
    found = _figures(tuple(history.rows[-NEWEST:]), ROUNDS if intervals else 0)
    after, before = found["after"], found.get("before")
    rows = [
        {
            "name": _(title),
            "says": _(says),
            "after": _shown(name, after[name]),
            "after_interval": _interval(name, after),
            "before": _shown(name, before[name]) if before else "",
            "before_interval": _interval(name, before) if before else "",
        }
        for name, (title, says) in SHOWN.items()
    ]
    return render(
        "calibration/figures.html", rows=rows, n=after["n"], least=LEAST, before=bool(before), intervals=intervals
    )


@lru_cache(maxsize=32)
def _figures(rows: tuple[JudgedRisk, ...], rounds: int) -> Mapping[str, Any]:
    return CalibrationReport(bootstrap_rounds=rounds).compute(rows)


def _shown(name: str, value: float | None) -> str:
    return "–" if value is None else decimal(value, ".3f") if name in PLAIN else percent(value)


def _interval(name: str, found: Mapping[str, Any]) -> str:
    low, high = found.get("intervals", {}).get(name, (None, None))
    if low is None:
        return ""
    return "[" + _("{low} to {high}").format(low=_shown(name, low), high=_shown(name, high)) + "]"


def charts(history: History) -> str:
    if len(history.rows) < LEAST:
        return ""
    known = [row for row in history.rows if row.raw is not None] or history.rows
    wrong = [row.wrong for row in known]
    after = [row.value for row in known]
    before = [row.raw for row in known if row.raw is not None] or None
    found = figures(after, wrong)
    return render(
        "calibration/charts.html",
        plots=_plots(after, before, wrong, found),
        bars=found["reliability"],
        before=bool(before),
    )


def _plots(after: Sequence[float], before: Sequence[float] | None, wrong: Sequence[bool], found: Any) -> list[Plot]:
    ideal = Line("ideal", ({"x": 0, "y": 0}, {"x": 1, "y": 1}))
    base = Line("ideal", ({"x": 0, "y": found["error"]}, {"x": 1, "y": found["error"]}))
    both = [("before", before), ("after", after)] if before else [("after", after)]
    bars = [("before", figures(before, wrong)["reliability"])] if before else []
    bars.append(("after", found["reliability"]))
    coverage = tuple({"x": p["coverage"], "y": p["error"]} for p in found["risk_coverage"])
    return [
        Plot(
            _("Reliability"),
            _("On the diagonal, risk is the share of wrong answers. Bars are 95 % intervals."),
            _("risk"),
            _("wrong"),
            (ideal,),
            tuple(_bar(tone, bar) for tone, some in bars for bar in some),
        ),
        Plot(
            _("Risk and coverage"),
            _("Error among the least risky answers, as more of them pass."),
            _("answers that pass"),
            _("wrong among them"),
            (base, Line("after", coverage)),
        ),
        Plot(
            _("Risk against error"),
            _("Each dot is the mean of a bin of as many answers as there are bins."),
            _("mean risk"),
            _("wrong"),
            (ideal,),
            tuple(_point(tone, p) for tone, risks in both if risks for p in binned_points(risks, wrong)),
        ),
        Plot(
            _("Error among the riskiest"),
            _("From the riskiest few to all; the higher on the left, the better the order."),
            _("riskiest share"),
            _("wrong among them"),
            (base, *(Line(tone, _curve(risks, wrong)) for tone, risks in both if risks)),
        ),
    ]


def _bar(tone: str, bar: Mapping[str, float]) -> Dot:
    n = int(bar["count"])
    said = ngettext(
        "{n} answer with a mean risk of {risk}: {error} wrong",
        "{n} answers with a mean risk of {risk}: {error} wrong",
        n,
    )
    says = said.format(n=n, risk=percent(bar["mean_risk"]), error=percent(bar["error"]))
    return Dot(tone, bar["mean_risk"], bar["error"], says, bar["error_low"], bar["error_high"])


def _point(tone: str, point: Mapping[str, float]) -> Dot:
    says = _("Mean risk {risk}: {error} wrong").format(risk=percent(point["risk"]), error=percent(point["error"]))
    return Dot(tone, point["risk"], point["error"], says, size=3.5)


def _curve(risks: Sequence[float], wrong: Sequence[bool]) -> tuple[Mapping[str, float], ...]:
    return tuple({"x": p["share"], "y": p["error"]} for p in top_curve(risks, wrong))


def tables(session: Session, history: History) -> str:
    return render(
        "calibration/tables.html",
        sources=risk_history.sources(session, history.project_id, history.judged),
        models=_models(history.judged),
        project_id=history.project_id,
        reasks=second_tries.tallies(session, history.project_id, REFINERS.names()),
        versions=[{**row, "said": _said(row["figures"])} for row in history.versions],
    )


def _models(judged: Sequence[Reviewed]) -> list[dict[str, Any]]:
    by_model: dict[str, list[Reviewed]] = {}
    for row in judged:
        if row.shown is not None or row.value is not None:
            by_model.setdefault(row.model, []).append(row)
    found = []
    for model, rows in sorted(by_model.items(), key=lambda pair: -len(pair[1])):
        risks, wrong = [risk_history.risk_of(row) for row in rows], [row.wrong for row in rows]
        ranked = auroc(risks, wrong)
        found.append(
            {
                "model": model,
                "n": len(rows),
                "mean_risk": float(np.mean(risks)),
                "error": float(np.mean(wrong)),
                "ece": decimal(ece(risks, wrong), ".3f") if len(rows) >= LEAST else "–",
                "auroc": "–" if np.isnan(ranked) or len(rows) < LEAST else decimal(ranked, ".3f"),
            }
        )
    return found


def _said(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The plain numbers among a version's figures, the known ones by their titles."""
    found = []
    for name, value in kept.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        title = _(SHOWN[name][0]) if name in SHOWN else words(name)
        found.append((title, decimal(value, ".3f") if isinstance(value, float) else str(value)))
    return found[:8]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What the slider needs: risks of the queue in hundredths, reviewed random draws, and what is in force."""

    value: float
    only_risky: bool
    bands: tuple[Band, ...]
    draws: int
    audited: tuple[tuple[float, bool], ...]


def threshold(session: Session, history: History) -> Threshold:
    options = ProjectSettings.model_validate(projects.get(session, history.project_id).settings)
    audited = tuple((risk_history.risk_of(row), row.wrong) for row in history.judged if row.audit)
    return Threshold(
        options.risk_threshold,
        options.only_risky,
        tuple(band for band in history.bands if not band.audit),
        sum(band.waiting for band in history.bands if band.audit),
        audited,
    )


def report(session: Session, project_id: int) -> dict[str, Any]:
    """The figures of the page as numbers: about the risk before and after calibration with intervals, draws, versions, threshold."""
    history = read(session, project_id)
    known = threshold(session, history)
    shown = len(history.rows) >= LEAST
    draws = [row.wrong for row in history.judged if row.audit]
    return {
        "basis": history.basis,
        "reviews": len(history.judged),
        "wrong": sum(row.wrong for row in history.judged),
        "draws": len(draws),
        "error_of_all": from_audit(draws),
        "error_of_all_combined": _combined(history),
        "figures": _figures(tuple(history.rows[-NEWEST:]), ROUNDS) if shown else None,
        "versions": history.versions,
        "threshold": {"value": known.value, "only_risky": known.only_risky, "draws_waiting": known.draws},
        "expected": _expected(known, known.value, [band.count for band in known.bands]),
        "models": _models(history.judged),
        "sources": risk_history.sources(session, project_id, history.judged),
    }


def threshold_said(known: Threshold, value: float) -> str:
    """What ``value`` would mean, before it is set. An uncalibrated risk lets nothing pass, so it counts as certain."""
    everything, now = (
        _expected(known, value, [getattr(b, name) for b in known.bands]) for name in ("count", "waiting")
    )
    return render(
        "calibration/threshold.html",
        total=sum(band.count for band in known.bands),
        all=everything,
        now=now,
        draws=known.draws,
        threshold=value,
        uncalibrated=sum(band.count for band in known.bands if not band.calibrated),
        only_risky=known.only_risky,
        in_force=known.value,
    )


def _expected(known: Threshold, value: float, counts: Sequence[int]) -> dict[str, Any]:
    lows = [band.low + 1e-9 if band.calibrated else 2.0 for band in known.bands]
    audited = [risk for risk, _ in known.audited], [wrong for _, wrong in known.audited]
    return expectations(lows, [value], [band.mean for band in known.bands], counts=counts, audited=audited)[0]
