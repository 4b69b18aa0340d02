"""Server time of the review page's "why" with full evidence, among 10,000 items: reading its rows, and rendering the block."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from app.pages import review_board
from app.settings import Settings
from app.view.render import render
from core.types import RiskEstimate, Verdict, Vote
from store import judgements, migrate, outputs
from store.engine import Database
from store.tables import Output, Review
from tests.benchmarks.bench_store import ITEMS, ROUNDS, fill, summary
from tests.factories import build

PAST = 3


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        migrate.upgrade(settings.url, None)
        db = Database(settings.url)
        try:
            fill(db)
            output_id = _explained(db)
            begun = time.perf_counter()
            _why(db, output_id, settings)
            cold = (time.perf_counter() - begun) * 1000
            times = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                shown = _why(db, output_id, settings)
                times.append((time.perf_counter() - begun) * 1000)
            if shown.count("rv-past-one") != PAST or "look here?" not in shown or "length driven" not in shown:
                raise RuntimeError("the page did not show all of the evidence")
        finally:
            db.dispose()
    return {"items": ITEMS, "why_cold_ms": round(cold, 1), "why_ms": summary(times)}


def _explained(db: Database) -> int:
    """An output with twenty votes, a heat, and three past verdicts."""
    with db.write() as session:
        ids = [row.id for row in session.query(Output).order_by(Output.id).limit(PAST + 1)]
        for past in ids[1:]:
            build(session, Review, output_id=past, verdict="faulty", first_wrong_step=None)
        steps = len(outputs.get(session, ids[0]).steps)
        similar = [{"output_id": past, "item_id": past, "similarity": 0.9, "verdict": "faulty"} for past in ids[1:]]
        heat = [0.9, *[0.1 / (steps - 1)] * (steps - 1)]
        judge = Vote("judge", Verdict.FAULTY, details={"chips": ["length-driven"], "orders": ["2", "2"]})
        votes = [judge, *(Vote(f"rule {k}", Verdict.FAULTY, evidence="It says so. " * 5) for k in range(19))]
        risk = RiskEstimate(0.7, "polar", "1", evidence={"similar": similar, "heat": heat})
        judgements.save(session, ids[0], votes=votes, risk=risk)
        return ids[0]


def _why(db: Database, output_id: int, settings: Settings) -> str:
    with db.read() as session:
        answer = review_board._answer(session, outputs.get(session, output_id), settings)
    return render("review/answer.html", answer=answer)
