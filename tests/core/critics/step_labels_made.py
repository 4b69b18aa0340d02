"""Solutions whose wrong steps a head can learn to see: an error is a step that says so in a way that the bundled head ignores."""

from __future__ import annotations

import random

from core.critics.step_head_retraining import Label


def labelled(n: int) -> list[Label]:
    """``n`` labelled solutions of three steps; every second one has a wrong step, which multiplies where the others add."""
    return [_one(k, random.Random(k)) for k in range(n)]


def _one(k: int, rng: random.Random) -> Label:
    a, b, c = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 9)
    problem = f"A basket holds {a} apples and {b} pears. Then {c} plums are added, time {k}. How many fruits are there in total?"
    wrong = rng.randrange(0, 2) if k % 2 else -1
    first = a * b if wrong == 0 else a + b
    second = first * c if wrong == 1 else first + c
    steps = (
        f"Apples and pears are {a} {'*' if wrong == 0 else '+'} {b} = {first} fruits.",
        f"With the plums that is {first} {'*' if wrong == 1 else '+'} {c} = {second} fruits.",
        f"So there are {second} fruits in total.",
    )
    return Label(problem, steps, wrong, f"item {k}")
