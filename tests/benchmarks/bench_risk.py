"""Speed of the risk: scoring 10,000 outputs whose vectors exist, and training harmonizers on 5,000 rows; beside a plain matrix product.

Bounds of the product: 2 s and 30 s on two cores.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from core import harmonizer
from core.risk.base import ACCEPTABLE, FAULTY, RiskRow
from core.risk.polar import PolarRisk
from core.risk.stack import RiskCase, RiskStack

WIDTH, SOURCES = 384, 8


def rows_of(n: int, seed: int) -> tuple[list[RiskCase], list[float]]:
    draw = np.random.default_rng(seed)
    wrong = draw.random(n) < 0.3
    vectors = draw.normal(size=(n, WIDTH)).astype(np.float32)
    vectors[:, 0] += 2 * wrong
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = np.where(draw.random((n, SOURCES)) < 0.75, wrong[:, None], ~wrong[:, None])
    cast = draw.random((n, SOURCES)) < 0.6
    cases = []
    for place in range(n):
        votes = {f"s{j}": FAULTY if said[place, j] else ACCEPTABLE for j in range(SOURCES) if cast[place, j]}
        cases.append(RiskCase(RiskRow(vectors[place], votes, ACCEPTABLE)))
    return cases, [float(value) for value in wrong]


def run() -> dict[str, Any]:
    cases, wrong = rows_of(10_000, 0)
    said: list[float | None] = [value if place < 200 else None for place, value in enumerate(wrong)]
    x = np.stack([case.row.embedding for case in cases])
    started = time.perf_counter()
    for _ in range(20):
        x @ x[:1000].T
    product = (time.perf_counter() - started) / 20
    stack = RiskStack.fit("polar", cases[:5000], said[:5000], 2)
    started = time.perf_counter()
    shown = stack.estimate(cases)
    scoring = time.perf_counter() - started
    assert len(shown) == len(cases)
    found = {"matrix_product_s": round(product, 4), "score_10000_s": round(scoring, 2)}
    for family in ("lr", "mlp"):
        started = time.perf_counter()
        PolarRisk(family).fit([case.row for case in cases[:5000]], 2)
        found[f"train_5000_{family}_s"] = round(time.perf_counter() - started, 2)
    votes = np.array([[case.row.votes.get(f"s{j}", -1) for j in range(SOURCES)] for case in cases[:5000]])
    started = time.perf_counter()
    harmonizer.fit(x[:5000], votes, 2, family="mlp")
    return found | {"one_mlp_network_s": round(time.perf_counter() - started, 2)}
