"""How unlike right solutions each calculation of a solution is: a sparse logistic model, taught by planted errors alone.

Right worked solutions are spoilt in the five ways of ``history_planted``; the model tells the first spoilt calculation from right ones
by what it adds to the traits of ``history_equations`` (mistake augmentation, paper 5; no verdict and no model's answer is needed). The
weights that come with the product were learnt from 1,200 references of the GSM8K training set.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.critics.step_text import plain
from core.risk.history_equations import Calculation, is_numeral, near, read_calculations, read_question, traits
from core.risk.history_planted import KINDS, planted

BUNDLED = Path(__file__).with_name("step_operations.json")
MAX_CALCULATIONS = 40
COST = 0.003  # inverse L2 penalty
PER_KIND, TRIES, SEEN = 2, 6, 5
SMALLEST = 0.02  # weights below this are not kept
_OF_THE_LAST = frozenset({"last_shape", "asked", "asked_word", "last_from"})  # traits that only the last one has

Weights = Mapping[str, float]


def calculations(step: str) -> list[Calculation]:
    """Those of one plain step; of a chain that is only rewritten (``50 - (10 + 5) = 50 - 15 = 35``), the first link."""
    found: list[Calculation] = []
    for one in read_calculations(step):
        if found and near(found[-1].result, one.result) and _size(one) <= _size(found[-1]):
            continue
        found.append(one)
    return found[:12]


def chain(steps: Sequence[str]) -> tuple[list[Calculation], list[int]]:
    """All calculations of plain steps in their order, and the step that each stands in."""
    made = [(one, k) for k, step in enumerate(steps) for one in calculations(step)][:MAX_CALCULATIONS]
    return [one for one, _ in made], [k for _, k in made]


def added(problem: str, made: Sequence[Calculation]) -> list[dict[str, float]]:
    """Per calculation the traits that it adds to those before it."""
    question = read_question(problem)
    found, before = list[dict[str, float]](), dict[str, float]()
    for k in range(len(made)):
        now = traits(question, made[: k + 1])
        last = k == len(made) - 1
        change = {name: now.get(name, 0.0) - before.get(name, 0.0) for name in now.keys() | before.keys()}
        kept = {n: v for n, v in change.items() if v and (n.partition(":")[0] not in _OF_THE_LAST or (last and v > 0))}
        found.append(kept | ({"is_last": 1.0} if last else {}))
        before = now
    return found


def scores(problem: str, made: Sequence[Calculation], weights: Weights | None = None) -> list[float]:
    """Log-odds per calculation that it is the first planted one, at even prior."""
    known = bundled() if weights is None else weights
    shift = known.get("", 0.0)
    return [
        shift + sum(value * known.get(name, 0.0) for name, value in sorted(one.items())) for one in added(problem, made)
    ]


def fit(problems: Sequence[str], solutions: Sequence[Sequence[str]], seed: int = 0) -> dict[str, float]:
    """Weights by trait, the intercept under ""; from right solutions as steps. ``ValueError`` where none of them calculates."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    examples: list[tuple[dict[str, float], bool]] = []
    for i, (problem, steps) in enumerate(zip(problems, solutions, strict=True)):
        examples += _examples(plain(problem), [plain(step) for step in steps], random.Random(seed * 1_000_003 + i))
    if not examples:
        raise ValueError("no solution has a calculation to spoil")
    seen = Counter(name for found, _ in examples for name in found)
    vectorizer = DictVectorizer()
    x = vectorizer.fit_transform([{n: v for n, v in found.items() if seen[n] >= SEEN} for found, _ in examples])
    x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
    spoilt = np.array([wrong for _, wrong in examples])
    weight = np.where(spoilt, 1.0, spoilt.sum() / max(1, (~spoilt).sum()))
    model = LogisticRegression(C=COST, max_iter=500).fit(x, spoilt, weight)
    found = dict(zip(map(str, vectorizer.get_feature_names_out()), model.coef_[0], strict=True))
    kept = {name: round(float(w), 3) for name, w in found.items() if abs(w) >= SMALLEST}
    return {"": round(float(model.intercept_[0]), 3), **kept}


def _examples(problem: str, steps: Sequence[str], draw: random.Random) -> list[tuple[dict[str, float], bool]]:
    """Every calculation of the right solution, and the first wrong one of up to two spoilt ones of each kind."""
    made, _ = chain(steps)
    if not made:
        return []
    question = read_question(problem)
    found = [(one, False) for one in added(problem, made)]
    for kind in KINDS:
        spoilt: list[list[Calculation]] = []
        for _ in range(TRIES):
            other = planted(kind, question, made, draw)
            if other and other not in spoilt and len(spoilt) < PER_KIND:
                spoilt.append(other)
        for other in spoilt:
            differs = (k for k, (a, b) in enumerate(zip(other, made, strict=False)) if a != b)
            at = len(other) - 1 if kind in ("cut", "extra") else next(differs, None)
            if at is not None:
                found.append((added(problem, other)[at], True))
    return found


def _size(one: Calculation) -> int:
    return sum(map(is_numeral, one.pieces))


@lru_cache(maxsize=1)
def bundled() -> Weights:
    found: dict[str, float] = json.loads(BUNDLED.read_text("utf-8"))
    return found
