import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from core.batching import MicroBatcher
from core.generators.base import (
    Capability,
    Generation,
    GenerationRequest,
    Generator,
    GeneratorError,
    Message,
    NotAvailable,
    OnText,
    ReadRequest,
    ScoreRequest,
    ShouldStop,
    Stopped,
)
from core.types import JobPriority, TokenLogprob


class FakeGenerator:
    """Answers with the prompt in capitals, one letter per step; keeps the batches that it was given.

    ``gate`` holds every call until it is set; a prompt that begins with "bad" is blamed by index, one with "broken" fails all.
    """

    name = "fake"
    capabilities = frozenset({Capability.GENERATE})

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.steps: list[str] = []
        self.delay = 0.0

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        prompts = [request.messages[0].content for request in requests]
        self.batches.append(prompts)
        assert self.gate.wait(20)
        for index, prompt in enumerate(prompts):
            if prompt.startswith("bad"):
                raise GeneratorError("too long", index=index)
            if prompt.startswith("broken"):
                raise GeneratorError("out of memory", retryable=True)
        for step in range(max(map(len, prompts))):
            if should_stop and should_stop():
                raise Stopped("stopped")
            self.steps.append(prompts[0])
            time.sleep(self.delay)
            for index, prompt in enumerate(prompts):
                if on_text and step < len(prompt):
                    on_text(index, prompt[: step + 1].upper())
        return [Generation(prompt.upper(), None, "stop", 1, len(prompt)) for prompt in prompts]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        return [[0.5] for _ in requests]


def ask(text: str) -> GenerationRequest:
    return GenerationRequest((Message("user", text),))


def wait_until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen within 20 s"
        time.sleep(0.002)


@pytest.fixture
def fake() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
def batcher(fake: FakeGenerator) -> Iterator[MicroBatcher]:
    made = MicroBatcher(fake, window=0.02, max_batch=4)
    yield made
    fake.gate.set()
    made.close()


@pytest.fixture
def busy(fake: FakeGenerator, batcher: MicroBatcher) -> Iterator[FakeGenerator]:
    """An ordinary batch is under way and held at its beginning."""
    fake.gate.clear()
    future = batcher.submit(ask("first"))
    wait_until(lambda: fake.batches)
    yield fake
    fake.gate.set()
    assert future.result(20).text == "FIRST"


def test_requests_of_many_threads_are_answered_together(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    got: dict[int, str] = {}

    def work(i: int) -> None:
        got[i] = batcher.generate([ask(f"r{i}")])[0].text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(batcher._queues[False]) == 6)
    busy.gate.set()
    for thread in threads:
        thread.join(20)
    assert got == {i: f"R{i}" for i in range(6)}
    assert [len(batch) for batch in busy.batches] == [1, 4, 2]


def test_it_waits_a_moment_for_company_but_not_for_ever(fake: FakeGenerator) -> None:
    batcher = MicroBatcher(fake, window=0.3, max_batch=4)
    first = batcher.submit(ask("a"))
    time.sleep(0.02)
    second = batcher.submit(ask("b"))
    assert (first.result(20).text, second.result(20).text) == ("A", "B")
    assert fake.batches == [["a", "b"]]
    batcher.close()


def test_the_more_urgent_goes_first(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    names = ["batch1", "normal1", "batch2", "normal2", "batch3", "normal3"]
    priority = {"b": JobPriority.BATCH, "n": JobPriority.NORMAL}
    futures = [batcher.submit(ask(name), priority=priority[name[0]]) for name in names]
    busy.gate.set()
    for future in futures:
        future.result(20)
    assert busy.batches[1:] == [["normal1", "normal2", "normal3", "batch1"], ["batch2", "batch3"]]


def test_a_batch_under_way_pauses_while_a_person_is_served(fake: FakeGenerator, batcher: MicroBatcher) -> None:
    fake.delay = 0.01
    slow = batcher.submit(ask("s" * 60), priority=JobPriority.BATCH)
    wait_until(lambda: len(fake.steps) > 3)
    person = batcher.submit(ask("person " * 3), priority=JobPriority.PERSON_WAITING)
    person.result(20)
    assert not slow.done()
    served = [i for i, step in enumerate(fake.steps) if step.startswith("person")]
    between = [step for step in fake.steps[served[0] : served[-1]] if step.startswith("s")]
    assert len(served) == 21
    assert len(between) <= 1  # a step that was under way
    assert slow.result(20).text == "S" * 60


def test_without_pause_both_go_on(fake: FakeGenerator) -> None:
    batcher = MicroBatcher(fake, pause=False)
    fake.delay = 0.01
    slow = batcher.submit(ask("s" * 30))
    wait_until(lambda: fake.steps)
    batcher.submit(ask("p" * 40), priority=JobPriority.PERSON_WAITING).result(20)
    assert slow.result(20).text == "S" * 30
    assert "s" * 30 in fake.steps[fake.steps.index("p" * 40) + 2 :]
    batcher.close()


def test_an_error_reaches_the_one_at_fault_only(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    good, bad, other = (batcher.submit(ask(text)) for text in ("good", "bad prompt", "other"))
    busy.gate.set()
    assert (good.result(20).text, other.result(20).text) == ("GOOD", "OTHER")
    with pytest.raises(GeneratorError, match="too long"):
        bad.result(20)


def test_an_error_without_an_index_reaches_its_batch_and_no_other(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    futures = [batcher.submit(ask(text)) for text in ("broken", "b", "c", "d", "next")]
    busy.gate.set()
    for future in futures[:4]:
        with pytest.raises(GeneratorError, match="out of memory") as caught:
            future.result(20)
        assert caught.value.retryable
    assert futures[4].result(20).text == "NEXT"


def test_an_index_is_that_of_the_callers_own_list(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    batcher.submit(ask("stranger"))
    errors: list[GeneratorError] = []

    def work() -> None:
        try:
            batcher.generate([ask("one"), ask("bad two")])
        except GeneratorError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: len(batcher._queues[False]) == 3)
    busy.gate.set()
    thread.join(20)
    assert [error.index for error in errors] == [1]


def test_streams_reach_their_own_callbacks(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    heard: dict[str, list[str]] = {"abc": [], "xy": []}
    futures = [batcher.submit(ask(text), on_text=heard[text].append) for text in heard]
    silent = batcher.submit(ask("silent"))
    busy.gate.set()
    for future in [*futures, silent]:
        future.result(20)
    assert heard == {"abc": ["A", "AB", "ABC"], "xy": ["X", "XY"]}


def test_a_callback_that_raises_fails_its_own_request(batcher: MicroBatcher, busy: FakeGenerator) -> None:
    def raising(text: str) -> None:
        raise ZeroDivisionError

    bad, good = batcher.submit(ask("bye"), on_text=raising), batcher.submit(ask("good"))
    busy.gate.set()
    assert good.result(20).text == "GOOD"
    with pytest.raises(ZeroDivisionError):
        bad.result(20)


def test_one_that_stops_leaves_the_others(fake: FakeGenerator, batcher: MicroBatcher, busy: FakeGenerator) -> None:
    kept = batcher.submit(ask("kept"), should_stop=lambda: False)
    stopped = batcher.submit(ask("no more"), should_stop=lambda: True)
    busy.gate.set()
    assert kept.result(20).text == "KEPT"
    with pytest.raises(Stopped):
        stopped.result(20)


def test_a_batch_that_nobody_wants_any_more_ends(fake: FakeGenerator, batcher: MicroBatcher) -> None:
    fake.delay = 0.01
    wanted = threading.Event()
    future = batcher.submit(ask("x" * 1000), should_stop=wanted.is_set)
    wait_until(lambda: fake.steps)
    wanted.set()
    with pytest.raises(Stopped):
        future.result(20)
    steps = len(fake.steps)
    assert batcher.generate([ask("after")])[0].text == "AFTER"
    assert len([step for step in fake.steps[steps:] if step.startswith("x")]) <= 1


def test_closing_fails_what_waits_and_what_runs(fake: FakeGenerator) -> None:
    batcher = MicroBatcher(fake, max_batch=1)
    fake.delay = 0.01
    running = batcher.submit(ask("r" * 1000))
    wait_until(lambda: fake.steps)
    waiting = batcher.submit(ask("waiting"))
    batcher.close()
    for future in (running, waiting):
        with pytest.raises(Stopped):
            future.result(20)
    with pytest.raises(Stopped):
        batcher.submit(ask("late"))


def test_it_is_a_generator_itself_at_any_priority(batcher: MicroBatcher, fake: FakeGenerator) -> None:
    seen: Generator = batcher.at(JobPriority.PERSON_WAITING)
    assert (seen.name, seen.capabilities) == ("fake", frozenset({Capability.GENERATE}))
    assert [g.text for g in seen.generate([ask("a"), ask("b")])] == ["A", "B"]
    assert seen.score([ScoreRequest((), ("x",))]) == [[0.5]]


def test_what_can_read_reads_and_what_cannot_says_so(
    batcher: MicroBatcher, fake: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [ReadRequest((Message("user", "hello"),), "hi")]
    with pytest.raises(NotAvailable, match="did not write"):
        batcher.at(JobPriority.BATCH).read(asked)
    told = [(TokenLogprob("hi", -0.5, 1.0),)]
    monkeypatch.setattr(fake, "capabilities", frozenset({Capability.READ}), raising=False)
    monkeypatch.setattr(fake, "read", lambda requests: told if requests == asked else [], raising=False)
    assert batcher.at(JobPriority.BATCH).read(asked) == told
