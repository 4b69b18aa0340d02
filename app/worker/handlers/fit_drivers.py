"""Look what drives a project's labels besides quality (DeconfoundLM, paper 20), and keep raw and adjusted scores for exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.worker.evidence import vectors_of
from app.worker.payloads import FitDrivers
from app.worker.risks import embedded_text, put_output_vector
from app.worker.runner import Context
from core.quality.indicators import length
from core.reports.label_drivers import LEAST_LABELS, Driver, Labels, label_drivers
from store import label_drivers as rows
from store import projects, reviews
from store.label_drivers import Judged
from store.tables import Item

BATCH = 64
MOVED = 10  # answers that the page shows
BLOCKS = ("0 to 6 h", "6 to 12 h", "12 to 18 h", "18 to 24 h")
ORDER = "queues may put the riskiest answers first; that is taken out only as far as text and risk tell"
OWN_TEXT = "length belongs to the text: only what its meaning does not explain is removed"
BY_MODEL = "a better model writes better answers, so that what differs between models may be quality"
BY_TIME = "people take longer over what is hard or wrong"
BY_RISK = "the risk that is shown follows quality"


def fit_drivers(context: Context, payload: FitDrivers) -> dict[str, Any]:
    """Result: labels, what was removed, and how many pairs flip. The fit is in force for exports where anything was removed."""
    project_id = payload.project_id
    with context.db.read() as session:
        count = reviews.reviewed_count(session, project_id)
        found = rows.judged(session, project_id)
    context.progress(0, 2, "reading answers")
    vectors = _vectors(context, project_id, found) if len(found) >= LEAST_LABELS else {}
    there = [one for one in found if one.output_id in vectors]
    context.progress(1, 2, "fitting")
    report: dict[str, Any] = (
        dict(label_drivers(_labels(there, vectors))) if there else {"status": "few", "n": 0, "least": LEAST_LABELS}
    )
    scores = report.pop("scores", {})
    report.pop("adjusted", None)
    furthest = sorted(scores, key=lambda one: (-abs(scores[one][1] - scores[one][0]), one))[:MOVED]
    report["furthest"] = [[output_id, *scores[output_id]] for output_id in furthest]
    report["effects"] = [asdict(one) for one in report.get("effects", ())]
    if part := report.get("slice"):
        part["effects"] = [asdict(one) for one in part["effects"]]
    with context.db.write() as session:
        rows.save(
            session,
            project_id,
            report=report,
            scores=scores,
            in_force=bool(report.get("removed")),
            reviewed=count,
        )
    return {"labels": len(there), "removed": report.get("removed", []), "flips": report.get("flips", 0)}


def _vectors(context: Context, project_id: int, found: Sequence[Judged]) -> Mapping[int, NDArray[Any]]:
    """Vectors of the judged outputs; those that nobody analysed are embedded now and kept."""
    embedder = context.models.embedder
    ids = sorted({one.output_id for one in found})
    texts = {one.output_id: one for one in found}
    with context.db.read() as session:
        known = dict(vectors_of(session, "output", ids, embedder.model_id))
    missing = [output_id for output_id in ids if output_id not in known]
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        with context.db.read() as session:
            prompts = {one: session.get_one(Item, texts[one].item_id).prompt for one in part}
        made = embedder.embed([embedded_text(prompts[one], texts[one].text) for one in part])
        with context.db.write() as session:
            projects.get(session, project_id)
            for output_id, vector in zip(part, made, strict=True):
                put_output_vector(session, project_id, output_id, embedder.model_id, vector)
        known |= dict(zip(part, made, strict=True))
        context.check()
    return known


def _labels(found: Sequence[Judged], vectors: Mapping[int, NDArray[Any]]) -> Labels:
    """Risk stands beside the embedding: the order of queues and what is shown hang on it."""
    risk = np.array([np.nan if one.risk is None else one.risk for one in found])
    centred = np.nan_to_num(risk - (np.nanmean(risk) if not np.isnan(risk).all() else 0.0))
    x = np.stack([vectors[one.output_id] for one in found]).astype(float)
    shown = np.where([one.blind for one in found], 0.0, centred)
    drivers = (
        Driver("place in a sitting", np.array([one.place / 10 for one in found]), "ten answers later", warning=ORDER),
        Driver("hour (UTC)", np.array([BLOCKS[one.at.hour // 6] for one in found])),
        Driver("length", np.log2([length(one.text) + 1 for one in found]), "twice as many words", warning=OWN_TEXT),
        Driver("model", np.array([one.model for one in found]), caused=BY_MODEL),
        Driver("time taken", np.log2([(one.seconds or 0) + 1 for one in found]), "twice as long", caused=BY_TIME),
        Driver("shown risk", shown, "from 0 to 100 %", caused=BY_RISK, instrument=shown),
    )
    return Labels(
        np.array([one.acceptable for one in found], float),
        np.array([one.output_id for one in found]),
        np.array([one.item_id for one in found]),
        [one.person for one in found],
        np.hstack([x, centred[:, None]]),
        drivers,
        np.array([one.drawn for one in found], bool),
    )
