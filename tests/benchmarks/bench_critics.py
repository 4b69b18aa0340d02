"""How long a thousand solutions take through all critics that ask no model, once their sentences are embedded. Bound: 60 s.

The solutions are made here, in the shape of grade-school answers of five to ten steps, each with a reference; a tenth have a planted
error. Seconds of the processor stand beside those of the clock, since the machine may be shared.
"""

from __future__ import annotations

import random
import time
from typing import Any

from core.checkers.planted import plant
from core.critics import REGISTRY
from core.critics.base import ReferenceInput
from core.critics.combine import combine
from core.embedding import Embedder
from core.steps import split
from core.types import Critique, Question

COUNT = 1000
CRITICS = ("arithmetic", "step_head", "reference_spare")


def solution(rng: random.Random) -> tuple[str, str]:
    """(problem, worked solution)."""
    price, bought, total = rng.randint(2, 40), rng.randint(2, 30), 0
    problem = f"Ann buys {bought} boxes at ${price} each and then some more. How much does she pay in all?"
    lines = [f"{bought} boxes cost {bought} * {price} = <<{bought}*{price}={bought * price}>>{bought * price} dollars."]
    total = bought * price
    for _ in range(rng.randint(3, 8)):
        more, word = rng.randint(2, 50), rng.choice(("a bag", "a pen", "the bus", "her lunch", "a ticket"))
        lines.append(
            f"With {word} for {more} dollars it is {total} + {more} = <<{total}+{more}={total + more}>>{total + more}."
        )
        total += more
    return problem, "\n".join([*lines, f"The answer is {total}."])


def run() -> dict[str, Any]:
    rng, embedder = random.Random(0), Embedder()
    inputs = []
    for number in range(COUNT):
        problem, good = solution(rng)
        text = good if number % 10 else (made.text if (made := plant(good, rng)) else good)
        inputs.append(ReferenceInput(Question(problem), text, tuple(split(text)), tuple(s.text for s in split(good))))
    steps = sum(len(x.steps) for x in inputs)
    sentences = sorted({s for x in inputs for s in (*x.reference, *(step.text for step in x.steps))})
    started = time.perf_counter()
    kept = dict(zip(sentences, embedder.embed(sentences), strict=True))
    figures: dict[str, Any] = {
        "solutions": COUNT,
        "steps": steps,
        "embedding_s": round(time.perf_counter() - started, 1),
    }

    def embedded(texts: Any) -> Any:
        import numpy as np

        return np.stack([kept[text] for text in texts])

    said: dict[str, list[list[Critique]]] = {}
    all_started, worked = time.perf_counter(), time.process_time()
    for name in CRITICS:
        critic = REGISTRY.make(name, embedded) if name == "reference_spare" else REGISTRY.make(name)
        started = time.perf_counter()
        said[name] = critic.critique(inputs)
        figures[f"{name}_s"] = round(time.perf_counter() - started, 2)
    for place in range(COUNT):
        combine({name: said[name][place] for name in CRITICS})
    all_s, cpu_s = time.perf_counter() - all_started, time.process_time() - worked
    return figures | {"all_s": round(all_s, 2), "all_cpu_s": round(cpu_s, 2)}
