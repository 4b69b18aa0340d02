"""Taking turns at something that only one thread may use at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class TurnLock:
    """A lock that threads get in the order in which they asked.

    ``threading.Lock`` may go again and again to a loop that gives it back and asks at once, while others starve.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def __enter__(self) -> None:
        with self._mutex:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


@dataclass(eq=False, slots=True)
class _Call(Generic[In, Out]):
    given: Sequence[In]
    found: Sequence[Out] | None = None
    alone: bool = False  # it was in a group that failed


class Gathering(Generic[In, Out]):
    """Calls that wait for the same worker are done together by the first of them that gets its turn.

    ``work`` takes inputs and returns one result each. At most ``most`` inputs are gathered; a call with more goes alone.
    Where a gathered piece of work fails, every call tries again by itself, so that one caller's input is no other's error.
    """

    def __init__(self, work: Callable[[Sequence[In]], Sequence[Out]], most: int) -> None:
        self._work = work
        self._most = most
        self._turn = TurnLock()
        self._mutex = threading.Lock()
        self._waiting: deque[_Call[In, Out]] = deque()

    def __call__(self, given: Sequence[In]) -> Sequence[Out]:
        call: _Call[In, Out] = _Call(given)
        with self._mutex:
            self._waiting.append(call)
        with self._turn:
            if call.found is None and not call.alone:
                self._run(self._gathered(call))
            return call.found if call.found is not None else self._work(given)

    def _gathered(self, first: _Call[In, Out]) -> list[_Call[In, Out]]:
        """``first`` and those that fit beside it, oldest first; they wait no longer."""
        with self._mutex:
            self._waiting.remove(first)
            calls, size = [first], len(first.given)
            for other in list(self._waiting):
                if size + len(other.given) <= self._most:
                    self._waiting.remove(other)
                    calls.append(other)
                    size += len(other.given)
        return calls

    def _run(self, calls: Sequence[_Call[In, Out]]) -> None:
        if len(calls) == 1:
            calls[0].found = self._work(calls[0].given)
            return
        try:
            found = self._work([one for call in calls for one in call.given])
        except Exception:  # whose fault it was shows when each is tried alone
            for call in calls:
                call.alone = True
            return
        start = 0
        for call in calls:
            call.found = found[start : start + len(call.given)]
            start += len(call.given)
