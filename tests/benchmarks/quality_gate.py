"""Does the default rule find responses that belong to another prompt? (InstructMining, paper 37)

`python -m tests.benchmarks.quality_gate FILE`: a JSON or JSON-lines file of rows {"instruction", "input", "output"}. Of 300 rows, drawn
by hash, 100 get the response of another one. Rows go through the store, the bundled models and the gate as an export's do. Prints how
many of the shuffled are in the worst third, by the default rule and by each indicator, and compares indicators with plain loops on 200.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app import row_scoring
from app.cli.setup import ready
from app.settings import Settings
from app.worker.models import Models
from core.embedding import Embedder
from core.quality import indicators, rule
from core.quality.gate import Gate
from store import items, outputs, projects, users
from store.engine import Database
from store.tables import Review
from tests.core.quality.test_indicators import plain_knn, plain_mtld, plain_words
from tests.factories import build

GOOD, SHUFFLED = 200, 100


def mix(path: Path) -> list[tuple[str, str, bool]]:
    """(prompt, response, shuffled) of 300 rows; the same file gives the same ones."""
    text = path.read_text("utf-8")
    rows = (
        json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    known = {
        (f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"])
        for row in rows
        if row["output"].strip()
    }
    drawn = sorted(known, key=lambda pair: hashlib.sha256(repr(pair).encode()).hexdigest())[: GOOD + SHUFFLED]
    if len(drawn) < GOOD + SHUFFLED:
        raise SystemExit(f"{path} has {len(drawn)} rows; {GOOD + SHUFFLED} are needed")
    good, rest = drawn[:GOOD], drawn[GOOD:]
    moved = [(prompt, rest[(n + 1) % SHUFFLED][1], True) for n, (prompt, _) in enumerate(rest)]
    return [*[(prompt, response, False) for prompt, response in good], *moved]


def stored(db: Database, rows: list[tuple[str, str, bool]]) -> int:
    with db.write() as session:
        project = projects.create(session, slug="mix", name="Mix", item_type="text").id
        person = users.create(session, "ann", "annotator").id
        new = [items.NewItem(f"{n}", prompt) for n, (prompt, _, _) in enumerate(rows)]
        for item_id, (_, response, _) in zip(items.add_many(session, project, new).ids, rows, strict=True):
            output = outputs.add(session, outputs.NewOutput(item_id, response, "someone"))
            verdict = {"verdict": "acceptable", "first_wrong_step": None, "step_labels": []}
            build(session, Review, output_id=output.id, user_id=person, **verdict)
    return project


def compare(rows: list[tuple[str, str, bool]], embedder: Embedder) -> None:
    texts = [response for _, response, _ in rows[:200]]
    assert all(indicators.length(text) == len(plain_words(text)) for text in texts)
    assert all(math.isclose(indicators.mtld(text), plain_mtld(text)) for text in texts)
    vectors = indicators.joint(embedder.embed([prompt for prompt, _, _ in rows[:200]]), embedder.embed(texts))
    gap = np.abs(indicators.knn_distance(vectors) - plain_knn(vectors, 6)).max()
    print(f"length and MTLD of 200 rows equal plain loops; kNN_6 differs by at most {gap:.1e}")
    assert gap < 1e-3


def main(path: Path) -> None:
    rows = mix(path)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        ready(settings)
        db = Database(settings.url)
        models = Models(settings, db)
        project, began = stored(db, rows), time.monotonic()
        found = row_scoring.scored(db, models, project, {}, Gate(rule.DEFAULT), lambda done, total, message: None)
        print(f"{len(rows)} rows scored in {time.monotonic() - began:.0f} s")
        bad = np.array([moved for _, _, moved in rows])
        for name in (rule.DEFAULT, *found.rows.columns):
            if name != rule.DEFAULT and np.isnan(found.rows.columns[name]).all():
                continue  # nobody judged steps, and one person each
            score = rule.scores(name, found.rows.columns)
            worst = np.argsort(score, kind="stable")[: len(rows) // 3]
            print(f"{name}: {bad[worst].sum()} of {SHUFFLED} shuffled rows in the worst third")
        compare(rows, models.embedder)
        models.stop()
        db.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
