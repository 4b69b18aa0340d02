"""What continuations of a prefix tell about its last step: the estimator, the search and the tree of OmegaPRM (paper 18), with any
sampler.

MC of a prefix is the share of its k continuations that end right; a prefix counts as fine if any of them does. A wrong rollout is
searched by halves for its first step after which none does. Every prefix that is looked at becomes a state; its wrong rollouts wait
in a pool while its MC lies between 0 and 1. Which of them is searched next is decided by Q + U: a rollout that should have been
right and is not, a short one first, of a state that was seldom searched. From the paper and not from openr, whose code differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt

from core.critics.bisect import bisect
from core.lessons.prompt import estimate_tokens
from core.metrics import wilson

ALPHA, BETA, LENGTH, C_PUCT = 0.5, 0.9, 500, 0.125
K = 8
Prefix = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rolled:
    """One continuation, in steps, and whether its final answer is right."""

    steps: Prefix
    right: bool


class Spent(Exception):
    """No more continuations may be asked for."""


Complete = Callable[[Prefix, int], Sequence[Rolled]]  # k continuations of a prefix; fewer where no more can be had


@dataclass(slots=True)
class State:
    """A prefix with its continuations. ``visits`` is N: how often one of them was searched."""

    prefix: Prefix
    rolled: list[Rolled]
    visits: int = 0

    @property
    def n(self) -> int:
        return len(self.rolled)

    @property
    def successes(self) -> int:
        return sum(one.right for one in self.rolled)

    @property
    def mc(self) -> float:
        """The soft label of the prefix; 0 where nothing was sampled."""
        return self.successes / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of ``mc``."""
        return wilson(self.successes, self.n)


def quality(mc: float, tokens: int) -> float:
    """Q: high where the state is likely to end right and this rollout of so many tokens did not."""
    return float(ALPHA ** (1 - mc) * BETA ** (tokens / LENGTH))


def exploration(visits_of_all: int, visits: int) -> float:
    """U: high where the rollout's state was seldom searched."""
    return C_PUCT * sqrt(visits_of_all) / (1 + visits)


@dataclass(slots=True)
class Tree:
    """The states of one question. ``most`` bounds how many continuations are asked for in all; then the search ends where it is."""

    complete: Complete
    k: int = K
    most: int = 1000
    states: dict[Prefix, State] = field(default_factory=dict)
    pool: list[tuple[Prefix, Prefix]] = field(
        default_factory=list
    )  # (prefix of a state, steps of a wrong continuation)
    asked: int = 0

    def state(self, prefix: Prefix) -> State:
        """With its continuations, asked for the first time it is needed. Raises ``Spent``."""
        if prefix not in self.states:
            wanted = min(self.k, self.most - self.asked)
            if wanted <= 0:
                raise Spent
            rolled = list(self.complete(prefix, wanted))
            self.asked += len(rolled)
            found = self.states[prefix] = State(prefix, rolled)
            if 0 < found.mc < 1:
                self.pool += [(prefix, one.steps) for one in found.rolled if not one.right and one.steps]
        return self.states[prefix]

    def search(self, prefix: Prefix, steps: Prefix) -> int | None:
        """The first wrong step of a rollout that ended wrong: its 0-based place in ``prefix + steps``.

        At most ceil(log2 M) states are new for M steps. ``None`` when the budget did not suffice.
        """
        if prefix in self.states:
            self.states[prefix].visits += 1
        try:
            found = bisect(len(steps), lambda last: self.state(prefix + steps[: last + 1]).mc > 0, faulty=True)
        except Spent:
            return None
        return len(prefix) + (found.first_error or 0)

    def next(self) -> tuple[Prefix, Prefix] | None:
        """Takes the wrong rollout with the highest Q + U out of the pool; ``None`` when it is empty."""
        if not self.pool:
            return None
        visits = sum(state.visits for state in self.states.values())

        def worth(candidate: tuple[Prefix, Prefix]) -> float:
            state = self.states[candidate[0]]
            return quality(state.mc, estimate_tokens("\n".join(candidate[1]))) + exploration(visits, state.visits)

        best = max(range(len(self.pool)), key=lambda place: worth(self.pool[place]))
        return self.pool.pop(best)

    def grow(self, searches: int) -> int:
        """Search so many rollouts of the pool, or all that there are within the budget; returns how many."""
        for done in range(searches):
            chosen = self.next() if self.asked < self.most else None
            if chosen is None:
                return done
            self.search(*chosen)
        return searches
