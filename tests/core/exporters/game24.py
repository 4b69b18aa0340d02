"""The Game of 24 with an exact solver: of four numbers make 24, joining two at a time by + - * /."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache
from itertools import combinations

State = tuple[Fraction, ...]
GOAL = (Fraction(24),)


@cache
def moves(state: State) -> list[State]:
    """What one step may leave, sorted."""
    found = []
    for i, j in combinations(range(len(state)), 2):
        a, b = state[i], state[j]
        rest = [state[k] for k in range(len(state)) if k not in (i, j)]
        made = [a + b, a - b, b - a, a * b, *([a / b] if b else []), *([b / a] if a else [])]
        found += [tuple(sorted([*rest, value])) for value in made]
    return found


@cache
def solvable(state: State) -> bool:
    return state == GOAL if len(state) == 1 else any(map(solvable, moves(state)))


def played(state: State, rng: random.Random) -> bool:
    """Whether a continuation by chance ends in 24."""
    while len(state) > 1:
        state = rng.choice(moves(state))
    return state == GOAL
