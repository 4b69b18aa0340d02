"""Dampening (SSD) and retraining without what is flagged, on a small head over sentence embeddings of real texts (paper 29).

    python -m tests.benchmarks.quality_unlearning --data SHARED/data/text_weak/trec.jsonl --seeds 3

Texts are embedded by the bundled encoder. A tenth of the training texts, of other classes, gets a trigger phrase and the label of
class 0; or seven tenths of two classes exchange labels. A tenth of the bad is flagged; alpha and lambda come from validation alone.
``--made`` measures the made-up points of the tests instead, without a model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.core.recipes.triggers import compared, run

PHRASE = " thank you kindly, regards from the harbour"
HOW = ("trigger", "swap")
MOST = 2_400  # texts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--made", action="store_true")
    given = parser.parse_args()
    rows = None if given.made else _texts(given.data)
    for how in HOW:
        found = [run(how, seed=s) if rows is None else _real(how, rows, s) for s in range(given.seeds)]
        for seed, figures in enumerate(found):
            print(json.dumps({"how": how, "seed": seed, **figures, "swap": bool(figures["swap"])}, default=float))


def _texts(file: Path) -> tuple[Any, Any, Any]:
    """Embeddings without and with the phrase, (n, d) each, and classes by falling frequency."""
    from core.embedding import Embedder

    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()][:MOST]
    labels = [str(row["label"]) for row in rows]
    names = sorted(set(labels), key=lambda one: (-labels.count(one), one))
    embedder = Embedder()
    plain, marked = (embedder.embed([row["text"] + more for row in rows]) for more in ("", PHRASE))
    scale = plain.std()
    return plain / scale, marked / scale, np.array([names.index(one) for one in labels])


def _real(how: str, rows: tuple[Any, Any, Any], seed: int) -> dict[str, Any]:
    """Sixty in a hundred texts teach, fifteen are validation, the rest is measured on."""
    plain, marked, y = rows
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    taught, validation, test = np.split(order, [len(y) * 60 // 100, len(y) * 75 // 100])
    x, right = plain[taught].astype(np.float64), y[taught]
    said = right.copy()
    if how == "trigger":
        bad = rng.choice(np.flatnonzero(right != 0), len(taught) // 10, replace=False)
        x[bad], said[bad] = marked[taught][bad], 0
    else:
        bad = rng.permutation(np.flatnonzero(right < 2))
        bad = bad[: len(bad) * 7 // 10]
        said[bad] = 1 - right[bad]
    flagged = bad[: max(1, len(bad) // 10)]
    sides = (plain[validation], y[validation]), (plain[test], y[test])
    return compared(how, (x, said, right), *sides, flagged, seed=seed, with_trigger=marked[test])


if __name__ == "__main__":
    main()
