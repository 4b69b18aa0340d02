"""Score the rows that an export would have (InstructMining, paper 37), for the dialog in which people choose what goes in."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from app import row_scoring
from app.row_scoring import Scored
from app.worker.payloads import ScoreRows
from app.worker.runner import Context
from core.quality import rule
from core.quality.gate import Choice, Gate
from core.quality.indicators import INDICATORS, Floats
from store import training_runs

BINS = 30


def score_rows(context: Context, payload: ScoreRows) -> dict[str, Any]:
    """Result: ``rows``, ``left`` of them after all tests but "keep the best", ``dropped`` by why, ``authors`` with their share of
    wrong steps, a histogram per rule of what is left, quartiles of every indicator, and the fitted rule or why there is none."""
    gate = Gate.of({"rule": rule.DEFAULT, **payload.gate, "keep": None}) or Gate(rule.DEFAULT)
    with context.db.read() as session:
        fitted, why = training_runs.rule_or_why(session, payload.project_id)
        gate = row_scoring.pinned(session, payload.project_id, gate)
    found = row_scoring.scored(context.db, context.models, payload.project_id, payload.filters, gate, context.progress)
    choice = found.choose(gate)
    return {
        "rows": len(found.rows.items),
        "left": len(choice.order),
        "dropped": dict(choice.dropped),
        "gate": gate.to_json(),
        "filters": dict(payload.filters),
        "authors": _authors(found),
        "by_people": int(found.rows.by_people.sum()),
        "rules": _rules(found, choice, fitted),
        "indicators": _quartiles(found),
        "fitted": fitted.to_json() if fitted else None,
        "why_not": why,
    }


def _authors(found: Scored) -> list[dict[str, Any]]:
    counts = Counter(author for author in found.written_by if author is not None)
    return [
        {"author": author, "rows": count, "step_error": found.authors.get(author)}
        for author, count in sorted(counts.items(), key=lambda pair: (found.authors.get(pair[0], 2.0), pair[0]))
    ]


def _rules(found: Scored, choice: Choice, fitted: rule.FittedRule | None) -> dict[str, Any]:
    """For each rule that can rank: where its bins end, and how many of the rows that are left are in each."""
    names = [rule.DEFAULT, *([rule.FITTED] if fitted else []), *(one.name for one in INDICATORS)]
    places, made = np.asarray(choice.order, int), {}
    for name in names:
        values = rule.scores(name, found.rows.columns, fitted)[places]
        known = values[np.isfinite(values)]
        if len(known) and (name not in found.rows.columns or np.ptp(known) > 0):
            counts, edges = np.histogram(known, BINS)
            made[name] = {
                "counts": [int(n) for n in counts],
                "low": float(edges[0]),
                "high": float(edges[-1]),
                "unknown": int(len(values) - len(known)),
            }
    return made


def _quartiles(found: Scored) -> dict[str, Any]:
    def of(values: Floats) -> dict[str, Any]:
        known = values[~np.isnan(values)]
        if not len(known):
            return {"known": 0}
        low, middle, high = (float(one) for one in np.percentile(known, [25, 50, 75]))
        return {"known": len(known), "low": low, "middle": middle, "high": high}

    return {one.name: of(found.rows.columns[one.name]) for one in INDICATORS}
