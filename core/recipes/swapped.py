"""Two labels that flagged rows exchange: the case in which dampening does not work (interclass confusion, paper 29).

Where every A was called B and every B was called A, both classes' weights are needed as they are, only the other way round; making some
smaller repairs nothing. What helps is to label the flagged rows anew and to train again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

FEWEST = 3  # rows in each direction
LEAST_SHARE = 0.6  # of all differences: the two directions together
LEAST_OF_ONE = 0.2  # of all differences: the rarer direction

ADVICE = "Label what was flagged anew and train again: dampening does not repair two labels that were exchanged."


@dataclass(frozen=True, slots=True)
class Swap:
    """``a`` was said ``n_ab`` times where ``b`` is right, and ``b`` ``n_ba`` times where ``a`` is; ``differing`` rows in all."""

    a: str
    b: str
    n_ab: int
    n_ba: int
    differing: int

    def says(self) -> str:
        return (
            f"{self.a} and {self.b} look exchanged: {self.a} was said {self.n_ab} times where {self.b} is right, and {self.b} "
            f"{self.n_ba} times where {self.a} is. {ADVICE}"
        )


def swapped(pairs: Iterable[tuple[str, str]]) -> Swap | None:
    """The two labels that (said, right) ``pairs`` exchange, if any; equal pairs say nothing."""
    counts = Counter((said, right) for said, right in pairs if said != right)
    total = sum(counts.values())
    found = []
    for (a, b), n in counts.items():
        back = counts.get((b, a), 0)
        rarer = min(n, back)
        if a < b and rarer >= FEWEST and n + back >= LEAST_SHARE * total and rarer >= LEAST_OF_ONE * total:
            found.append(Swap(a, b, n, back, total))
    return max(found, key=lambda one: one.n_ab + one.n_ba, default=None)
