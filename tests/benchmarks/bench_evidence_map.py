"""Does attention learned from verdicts alone find people's first wrong step? BIG-Bench Mistake, and synthetic bags where it can.

Each answer's heat comes from a map that has not seen its verdict (three folds, three draws of the folds). Chance is drawing steps at
random; "fixed place" is the best single place of all, which knows the marks and nothing of the text.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.embedding import Embedder
from core.metrics import auroc
from core.risk.evidence_map import against_chance, cross_heats, fit
from tests.core.risk.test_evidence_map import TEST, TRAIN

TASKS = ("multistep_arithmetic", "tracking_shuffled_objects", "dyck_languages")
SEEDS = 3


def run() -> dict[str, object]:
    shared = Path(os.environ.get("CORRIGENDA_SHARED") or Path(__file__).parents[3] / "shared")
    embedder = Embedder()
    tasks = {task: _rows(shared / "data" / "bigbench_mistake" / f"{task}.jsonl", embedder) for task in TASKS}
    return {
        "synthetic": [_synthetic(refined) for refined in (False, True)],
        "bigbench_mistake": [
            {"task": task, **_measured(rows, refined)} for task, rows in tasks.items() for refined in (False, True)
        ],
    }


def _rows(path: Path, embedder: Embedder) -> list[tuple[Any, int | None]]:
    with path.open() as lines:
        rows = [json.loads(line) for line in lines]
    texts = sorted({step for row in rows for step in row["steps"]})
    known = dict(zip(texts, embedder.embed(texts), strict=True))
    return [(np.stack([known[step] for step in row["steps"]]), row["mistake_index"]) for row in rows]


def _synthetic(refined: bool) -> dict[str, object]:
    begun = time.process_time()
    fitted = fit(TRAIN[0], TRAIN[1], refined=refined)
    seconds = time.process_time() - begun
    scored = [fitted.score(bag) for bag in TEST[0]]
    top = [int(np.argmax(one)) in places for (_, one), places in zip(scored, TEST[2], strict=True) if places]
    bags = auroc([logit for logit, _ in scored], TEST[1])
    return {"A+": refined, "bag_auroc": bags, "top_1": sum(top) / len(top), "cpu_seconds": round(seconds, 2)}


def _measured(rows: list[tuple[Any, int | None]], refined: bool) -> dict[str, object]:
    bags, marks = [bag for bag, _ in rows], [mark for _, mark in rows]
    faulty = [mark is not None for mark in marks]
    wanted = [place for place, wrong in enumerate(faulty) if wrong]
    found = []
    for seed in range(SEEDS):
        crossed = cross_heats(bags, faulty, wanted, refined=refined, seed=seed)
        found.append(against_chance([crossed[p] for p in wanted], [marks[p] or 0 for p in wanted]))
    fixed = Counter(marks[place] for place in wanted).most_common(3)
    return {
        "A+": refined,
        "faulty": len(wanted),
        **{name: round(statistics.mean(asdict(one)[name] for one in found), 3) for name in ("hit_1", "hit_3")},
        "chance_1": round(found[0].chance_1, 3),
        "chance_3": round(found[0].chance_3, 3),
        "gain_1_by_seed": [[round(value, 3) for value in one.gain_1] for one in found],
        "gain_3_by_seed": [[round(value, 3) for value in one.gain_3] for one in found],
        "fixed_place": [round(fixed[0][1] / len(wanted), 3), round(sum(n for _, n in fixed) / len(wanted), 3)],
        "shown": [one.above_chance for one in found],
    }
