"""Learn from reviews where to look in an answer (paper 28), and renew the evidence of what waits for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from app.worker.evidence import evidence_of, step_vectors, vectors_of
from app.worker.payloads import FitEvidence
from app.worker.runner import Context
from core.risk.evidence_map import Hits, against_chance, cross_heats, enough, fit
from core.types import Verdict
from store import evidence, reviews
from store.evidence import ReviewedOutput

BAGS = 1000  # newest reviewed outputs that are learned from
RENEWED = 2000  # waiting outputs, most urgent first, whose evidence is renewed
BATCH = 200


def fit_evidence(context: Context, payload: FitEvidence) -> dict[str, Any]:
    """Result: bags, marked steps, whether the heat is shown, and how many outputs got new evidence."""
    project_id = payload.project_id
    with context.db.read() as session:
        count = reviews.reviewed_count(session, project_id)
        known = evidence.reviewed(session, project_id, BAGS)
    context.progress(0, 3, "reading steps")
    steps = step_vectors(context, project_id, [one.output_id for one in known])
    bags = [one for one in known if len(steps.get(one.output_id, ())) > 1]
    context.progress(1, 3, "learning where to look")
    state, hits = _learned(context, bags, [steps[one.output_id] for one in bags], project_id)
    with context.db.write() as session:
        evidence.save(
            session,
            project_id,
            embedder=context.models.embedder.model_id,
            state=state,
            figures=asdict(hits) if hits else {},
            shown=bool(hits and hits.above_chance),
            reviewed=count,
        )
    context.progress(2, 3, "renewing evidence")
    renewed = _renew(context, project_id)
    shown = bool(hits and hits.above_chance)
    return {"bags": len(bags), "marked": hits.n if hits else 0, "shown": shown, "renewed": renewed}


def _learned(
    context: Context, bags: list[ReviewedOutput], steps: list[Any], seed: int
) -> tuple[dict[str, Any], Hits | None]:
    """State of the map and its hit rates; empty before there is enough. Rates come from maps that have not seen the answer."""
    faulty = [one.verdict is Verdict.FAULTY for one in bags]
    if not enough(faulty):
        return {}, None
    marked = [place for place, one in enumerate(bags) if faulty[place] and one.first_wrong_step is not None]
    crossed = cross_heats(steps, faulty, marked, seed=seed)
    context.check()
    places = [place for place in marked if place in crossed]
    marks = [step for place in places if (step := bags[place].first_wrong_step) is not None]
    return fit(steps, faulty, seed=seed).state(), against_chance([crossed[place] for place in places], marks)


def _renew(context: Context, project_id: int) -> int:
    with context.db.read() as session:
        asked = evidence.waiting(session, project_id, RENEWED)
    done = 0
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        with context.db.read() as session:
            there = vectors_of(session, "output", [one for one, _ in part], context.models.embedder.model_id)
        part = [one for one in part if one[0] in there]
        if not part:
            continue
        found = evidence_of(context, project_id, part, np.stack([there[output_id] for output_id, _ in part]))
        with context.db.write() as session:
            evidence.keep(session, {output_id: mine for (output_id, _), mine in zip(part, found, strict=True)})
        done += len(part)
        context.check()
    return done
