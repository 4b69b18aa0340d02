"""Figures of BENCHMARKS.md, "Step critics", that the command does not print: ``python -m tests.benchmarks.quality_critics FOLDER``.

``FOLDER`` holds gsm8k_solutions and processbench.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core import metrics
from core.checkers.arithmetic import ArithmeticChecker
from core.checkers.planted import plant
from core.critics.base import ReferenceInput
from core.critics.combine import suspicion
from core.critics.reference_spare import ReferenceSpareCritic
from core.evaluation.steps_formats import read


def planted(texts: Sequence[str], seed: int = 0) -> tuple[int, int]:
    """(texts with a planted wrong result, how many of them the arithmetic checker finds there)."""
    rng, checker = random.Random(seed), ArithmeticChecker()
    made = [found for text in texts if (found := plant(text, rng))]
    hits = [any(not f.ok and f.start <= m.start <= f.end for f in checker.check(m.text)) for m in made]
    return len(made), sum(hits)


def last_left_out(folder: Path) -> tuple[int, float]:
    """(solutions, AUROC of reference_spare) on solutions cut before their last annotated calculation."""
    rows = []
    for row in read("gsm8k_solutions", folder).rows:
        places = [i for i, step in enumerate(row.steps) if "<<" in step]
        if len(places) > 1:
            rows.append(replace(row, steps=row.steps[: places[-1]]))
    inputs = []
    for row in rows:
        given = row.given()
        inputs.append(ReferenceInput(given.question, given.answer, given.steps, row.reference))
    scores = [suspicion(critiques) for critiques in ReferenceSpareCritic().critique(inputs)]
    return len(rows), metrics.auroc(scores, [float(row.wrong) for row in rows])


def main(folder: Path) -> None:
    lines = (folder / "gsm8k_solutions" / "train_sample.jsonl").read_text().splitlines()[:400]
    print("planted, annotated:", planted([json.loads(line)["answer"] for line in lines]))
    clean = [r for r in read("processbench", folder / "processbench" / "gsm8k.jsonl").rows if not r.wrong]
    print("planted, free text:", planted(["\n".join(row.steps) for row in clean]))
    print("reference_spare, last calculation left out:", last_left_out(folder / "gsm8k_solutions"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
