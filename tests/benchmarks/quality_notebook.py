"""Figures of BENCHMARKS.md, "Retraining": ``python -m tests.benchmarks.quality_notebook FOLDER``. ``FOLDER`` holds processbench.

Each row is the mean over seeds, which move the folds; held-out figures are of heads that never saw the question.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from core.critics import step_head_retraining as retraining
from core.critics.step_head_retraining import Heads, Label, retrained

SEEDS = 8


def labels(folder: Path) -> list[Label]:
    lines = (folder / "processbench" / "gsm8k.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Label(row["problem"], tuple(row["steps"]), row["label"], row["problem"]) for row in rows]


def mean(known: Sequence[Label], n: int, *, replayed: float, scarce: float) -> dict[str, float]:
    """F1 before and after, and the share of misjudged solutions that the new head gets right."""
    retraining.REPLAYED, retraining.SCARCE = replayed, scarce
    found = []
    for seed in range(SEEDS):
        some = Random(seed).sample(known, n)
        moved = [replace(one, group=f"{seed}:{one.group}") for one in some]
        found.append(retrained(moved, Heads.start(), seed=seed)[1])
    return {
        "before": round(float(np.mean([one["before"]["f1"] for one in found])), 3),
        "after": round(float(np.mean([one["after"]["f1"] for one in found])), 3),
        "error": round(float(np.std([one["after"]["f1"] for one in found]) / np.sqrt(SEEDS)), 3),
        "replayed": round(float(np.mean([one["replayed"]["after"] for one in found])), 3),
    }


def main(folder: Path) -> None:
    known = labels(folder)
    for n in (40, 100, len(known)):
        for name, replayed, scarce in (("all", 3.0, 0.1), ("no replay", 1.0, 0.1), ("nothing planted", 3.0, 0.0)):
            print(n, name, json.dumps(mean(known, n, replayed=replayed, scarce=scarce)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
