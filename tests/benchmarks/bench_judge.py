"""The bundled model as a judge of LLMBar's pairs, asked by the product's own prompt in both orders, and what the audit says of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from app.worker.judging import _ask
from core.critics.judge_audit import audit, order_figures
from core.generators.transformers_local import TransformersGenerator
from core.types import Question
from tests.benchmarks.bench_generation import MODELS_DIR

PAIRS = 60
LONGEST = 2000  # characters of instruction and both answers


def run() -> dict[str, object]:
    shared = Path(os.environ.get("CORRIGENDA_SHARED") or Path(__file__).parents[3] / "shared")
    with (shared / "data" / "llmbar_judges" / "natural.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    short = [r for r in rows if len(r["instruction"] + r["output_1"] + r["output_2"]) <= LONGEST][:PAIRS]
    pairs = {k: (Question(row["instruction"]), (row["output_1"], row["output_2"])) for k, row in enumerate(short)}
    model = TransformersGenerator(models_dir=MODELS_DIR)
    found = _ask(model, pairs, dict.fromkeys(pairs, ""), "smollm2")
    judgements = [found[k] for k in sorted(found)]
    figures = order_figures(judgements, [short[k]["gold"] for k in sorted(found)])
    chips = Counter(chip for one in judgements for chip in audit(one).chips)
    return {
        "pairs": figures.n,
        "order_agreement": round(figures.equal / figures.n, 3),
        "right_in_both": round(figures.correct_both / figures.n, 3),
        "table": dict(figures.table),
        "chips": dict(chips),
    }
