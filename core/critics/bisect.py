"""Finding the first wrong step by halving: "is it still fine up to here?" (the search of OmegaPRM, paper 18, with any answerer).

The answerer may be a person (bisect review), an oracle, or rollouts. About log2 of the steps suffice, because what follows a wrong step
counts as wrong too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log2


@dataclass(frozen=True, slots=True)
class Bisection:
    """What is known after some answers: steps before ``low`` are fine, and a wrong step is at ``high`` or before it.

    ``high == length`` while nothing was called wrong. Settled when both meet: ``first_error`` is then the step, or -1.
    """

    length: int
    low: int
    high: int
    asked: int = 0

    @classmethod
    def start(cls, length: int, *, faulty: bool = False) -> Bisection:
        """``faulty``: the answer is known to be wrong, so that some step is. ``ValueError`` without steps."""
        if length < 1:
            raise ValueError("there is no step to look at")
        return cls(length, 0, length - 1 if faulty else length)

    @property
    def settled(self) -> bool:
        return self.low == self.high

    @property
    def first_error(self) -> int | None:
        """0-based; -1 when all is fine; ``None`` until settled."""
        if not self.settled:
            return None
        return -1 if self.low == self.length else self.low

    @property
    def question(self) -> int | None:
        """The step up to which one is asked next, itself included; ``None`` when settled."""
        return None if self.settled else (self.low + self.high) // 2

    def answered(self, fine: bool) -> Bisection:
        """After the answer to ``question``; ``ValueError`` when there was none."""
        if self.question is None:
            raise ValueError("the first wrong step is already known")
        low, high = (self.question + 1, self.high) if fine else (self.low, self.question)
        return Bisection(self.length, low, high, self.asked + 1)


def bisect(length: int, fine_up_to: Callable[[int], bool], *, faulty: bool = False) -> Bisection:
    """The settled search; ``fine_up_to(k)`` says whether steps 0..k are all fine. At most ``most_questions(length)`` calls."""
    state = Bisection.start(length, faulty=faulty)
    while (step := state.question) is not None:
        state = state.answered(fine_up_to(step))
    return state


def most_questions(length: int) -> int:
    """ceil(log2 M) + 1, the bound of paper 18 for M steps."""
    return ceil(log2(length)) + 1
