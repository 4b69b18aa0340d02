"""What the exports page shows of the quality gate: how rows score, what would be left of them, and the rule's training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import N_, _, ngettext, of_error
from app.view.render import render
from core.quality import rule as rules
from core.quality.gate import Gate
from core.quality.indicators import BY_NAME, INDICATORS
from core.types import JobState
from store import evaluation_sets, exports, jobs, training_runs

HEIGHT = 96.0  # of the histogram's box, in which a bar is at most that high
SHOWN_RUNS = 50
HIGH_FIRST, LOW_FIRST = N_("{title} alone, high first"), N_("{title} alone, low first")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin of the histogram: how many rows, how many of them are kept, and the heights of both parts."""

    count: int
    kept: int
    low: float
    high: float
    height: float
    kept_height: float


def rule_choices() -> list[tuple[str, str]]:
    """(title, name) of every way to rank rows."""
    one_by_one = [
        (HIGH_FIRST if one.sign > 0 else LOW_FIRST, one) for one in sorted(INDICATORS, key=lambda one: _(one.title))
    ]
    return [
        (_("No ranking"), rules.NO_RULE),
        (_("Response fits prompt: loss and embeddings (default)"), rules.DEFAULT),
        (_("Rule fitted to own training runs"), rules.FITTED),
        *((_(says).format(title=_(one.title)), one.name) for says, one in one_by_one),
    ]


def held_choices(session: Session, project_id: int | None) -> list[tuple[str, str]]:
    known = evaluation_sets.list_all(session, project_id) if project_id else []
    return [(_("none"), ""), *((f"{row.name} ({row.count})", row.sha256) for row in known)]


def scores(session: Session, project_id: int, gate: Gate, filters: Mapping[str, Any]) -> tuple[str, int]:
    """The histogram under the newest scores, and how many rows can be kept; says what to do where there are none."""
    job = jobs.newest(session, project_id, "score_rows")
    done = jobs.newest(session, project_id, "score_rows", JobState.DONE)
    found: dict[str, Any] = dict(done.result) if done is not None else {}
    if not found:
        return render("exports/scores.html", job=job, found=None, told=of_error), 0
    ranked = found["rules"].get(gate.rule)
    left = int(found["left"])
    keep = min(gate.keep or left, left)
    html = render(
        "exports/scores.html",
        job=job,
        found=found,
        bars=bars(ranked, keep) if ranked else [],
        keep=keep,
        left=left,
        width=100 / max(len(ranked["counts"]), 1) if ranked else 0,
        rule=gate.rule,
        fitted=rules.FITTED,
        why_not=_why(found["why_not"]),
        indicators=[(BY_NAME[name], one) for name, one in found["indicators"].items() if name in BY_NAME],
        step=_by_steps(found, gate.max_step_error),
        other=_other(found, gate, filters),
        height=HEIGHT,
        told=of_error,
    )
    return html, left


def bars(ranked: Mapping[str, Any], keep: int) -> list[Bar]:
    """Bins from low to high; the best ``keep`` rows are those on the right, and of one bin perhaps only a part."""
    counts: Sequence[int] = ranked["counts"]
    most, width = max([*counts, 1]), (ranked["high"] - ranked["low"]) / max(len(counts), 1)
    made, left = [], keep
    for place in range(len(counts) - 1, -1, -1):
        kept = min(counts[place], left)
        left -= kept
        low = ranked["low"] + place * width
        heights = HEIGHT * counts[place] / most, HEIGHT * kept / most
        made.append(Bar(counts[place], kept, low, low + width, *heights))
    return made[::-1]


def _by_steps(found: Mapping[str, Any], most: float | None) -> dict[str, Any] | None:
    """How many rows an author's share of wrong steps would leave, of all."""
    if most is None:
        return None
    within = [one for one in found["authors"] if one["step_error"] is not None and one["step_error"] <= most]
    unknown = sum(one["rows"] for one in found["authors"] if one["step_error"] is None)
    rows = sum(one["rows"] for one in within) + found["by_people"]
    return {"most": most, "rows": rows, "authors": [one["author"] for one in within], "unknown": unknown}


def _other(found: Mapping[str, Any], gate: Gate, filters: Mapping[str, Any]) -> bool:
    """Whether the rows were scored under other tests than those that are chosen now."""
    tests = ("near_duplicates", "held", "max_step_error")
    now = {name: getattr(gate, name) for name in tests}
    then = {name: found["gate"].get(name, Gate.__dataclass_fields__[name].default) for name in tests}
    return now != then or dict(filters) != dict(found["filters"])


def _why(problem: str | None) -> str | None:
    """A reason as it stands inside a sentence."""
    return of_error(problem).removesuffix(".") if problem else problem


def _too_few(n: int) -> str:
    says = ngettext(
        "A rule is fitted from {fewest} training runs on; there is {n}: "
        "record {missing} more, each with the loss of the tuned model on the same evaluation set.",
        "A rule is fitted from {fewest} training runs on; there are {n}: "
        "record {missing} more, each with the loss of the tuned model on the same evaluation set.",
        n,
    )
    return says.format(fewest=rules.FEWEST_RUNS, n=n, missing=rules.FEWEST_RUNS - n)


def _sentence(problem: str) -> str:
    told = of_error(problem).removesuffix(".")
    return f"{told[:1].upper()}{told[1:]}."


def runs(session: Session, project_id: int) -> str:
    """The training runs, and the rule that they give or why they do not yet."""
    known = training_runs.list_all(session, project_id)
    fitted, why = training_runs.rule_or_why(session, project_id)
    return render(
        "exports/runs.html",
        runs=known[::-1][:SHOWN_RUNS],
        total=len(known),
        rule=fitted,
        why=_too_few(len(known)) if len(known) < rules.FEWEST_RUNS else _sentence(why) if why else why,
        needed=rules.FEWEST_RUNS,
        titles={one.name: _(one.title) for one in INDICATORS},
    )


def run_choices(session: Session, project_id: int) -> list[tuple[str, int]]:
    """Written exports whose rows were scored, the newest first."""
    rows = exports.list_all(session, project_id, 50)
    return [(f"{row.format} {row.id}", row.id) for row in rows if row.path and training_runs.means_of(session, row)]
