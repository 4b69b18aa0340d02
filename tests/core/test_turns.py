import threading
import time
from collections.abc import Sequence

import pytest

from core.turns import Gathering, TurnLock


def test_threads_go_in_the_order_in_which_they_asked() -> None:
    lock, order = TurnLock(), []

    def work(name: int) -> None:
        with lock:
            order.append(name)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
    with lock:
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            while len(lock._waiting) < waiting:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(20))


def test_a_loop_that_asks_again_at_once_starves_nobody() -> None:
    lock, turns = TurnLock(), []
    stop = threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            with lock:
                turns.append("greedy")
                time.sleep(0.002)

    thread = threading.Thread(target=greedy)
    thread.start()
    while not turns:
        time.sleep(0.001)
    for _ in range(5):
        while not lock._held:
            time.sleep(0.0005)
        before = len(turns)
        with lock:
            assert len(turns) - before <= 2
    stop.set()
    thread.join(10)


def test_it_is_given_back_when_the_work_raises() -> None:
    lock = TurnLock()
    for _ in range(2):
        try:
            with lock:
                raise KeyError
        except KeyError:
            pass
    assert not lock._held


class Slow:
    """Doubles numbers, notes what came together, and waits until it may go on; zero is refused."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, given: Sequence[int]) -> list[int]:
        self.groups.append(list(given))
        self.go.wait(10)
        if 0 in given:
            raise ValueError("zero")
        return [2 * one for one in given]


def gathered(calls: list[list[int]], most: int) -> tuple[list[list[int]], dict[int, object]]:
    """All but the first call wait while the first is at work; what was done together, and what each call got."""
    work, got = Slow(), {}
    together: Gathering[int, int] = Gathering(work, most)

    def call(place: int) -> None:
        try:
            got[place] = list(together(calls[place]))
        except ValueError as problem:
            got[place] = str(problem)

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(calls))]
    for place, thread in enumerate(threads):
        thread.start()
        while not work.groups or len(together._turn._waiting) < place:
            time.sleep(0.001)
    work.go.set()
    for thread in threads:
        thread.join(10)
    return work.groups, got


def test_calls_that_wait_are_done_together_and_each_gets_its_own() -> None:
    groups, got = gathered([[1], [2, 3], [4], [5, 6]], most=4)
    assert groups == [[1], [2, 3, 4], [5, 6]]
    assert got == {0: [2], 1: [4, 6], 2: [8], 3: [10, 12]}


def test_a_call_that_is_larger_than_a_group_goes_alone() -> None:
    groups, got = gathered([[1], [2, 3, 4], [5]], most=2)
    assert groups == [[1], [2, 3, 4], [5]]
    assert got[1] == [4, 6, 8]


def test_where_a_group_fails_only_the_call_whose_fault_it_was_does() -> None:
    groups, got = gathered([[1], [2], [0], [3]], most=8)
    assert groups == [[1], [2, 0, 3], [2], [0], [3]]
    assert got == {0: [2], 1: [4], 2: "zero", 3: [6]}


def test_a_call_that_fails_alone_leaves_nothing_behind() -> None:
    work = Slow()
    work.go.set()
    together: Gathering[int, int] = Gathering(work, 4)
    with pytest.raises(ValueError, match="zero"):
        together([0])
    assert list(together([1])) == [2]
