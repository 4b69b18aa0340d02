"""Many threads, one model: requests that wait together are answered together, and a person who waits goes first.

128 single prompts took 20.5 s one by one and 2.5 s this way (engines page, 1.3). The batcher is itself a ``Generator``, so whoever
takes a generator can be given one, at a priority of its own by ``at``.
"""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from core.generators.base import (
    Capability,
    Generation,
    GenerationRequest,
    Generator,
    GeneratorError,
    NotAvailable,
    OnText,
    Reader,
    ReadRequest,
    ScoreRequest,
    ShouldStop,
    Stopped,
)
from core.types import JobPriority, TokenLogprob

ASK_EVERY = 0.2  # seconds between questions to ``should_stop``, which may read a database


@dataclass(order=True, slots=True)
class _Ticket:
    """One waiting request; ordered by priority, then arrival."""

    priority: int
    number: int
    request: GenerationRequest = field(compare=False)
    on_text: Callable[[str], None] | None = field(compare=False)
    should_stop: ShouldStop | None = field(compare=False)
    future: Future[Generation] = field(compare=False, default_factory=Future)

    @property
    def open(self) -> bool:
        return not self.future.done()

    def answer(self, generation: Generation) -> None:
        with contextlib.suppress(InvalidStateError):  # stopped or abandoned meanwhile
            self.future.set_result(generation)

    def fail(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)

    def text(self, text: str) -> None:
        """Pass streamed text on; a callback that raises fails its own ticket and no other."""
        if self.on_text and self.open:
            try:
                self.on_text(text)
            except Exception as error:
                self.fail(error)

    def ask(self, answers: dict[int, bool]) -> None:
        """Stop this ticket if its submitter wants that; ``answers`` keeps what callables shared by several said."""
        if not self.should_stop or not self.open:
            return
        try:
            key = id(self.should_stop)
            if key not in answers:
                answers[key] = self.should_stop()
        except Exception as error:
            self.fail(error)
        else:
            if answers[key]:
                self.fail(Stopped("The generation was stopped."))


class MicroBatcher:
    """Gathers requests for ``window`` seconds, ``max_batch`` at most, and answers them in one call of ``generator``.

    Requests of priority ``PERSON_WAITING`` have a thread of their own; while it works, other batches pause between two tokens
    (``pause``; switch that off for a server that schedules by itself). Thread-safe; ``close`` ends the threads.
    """

    def __init__(self, generator: Generator, *, window: float = 0.02, max_batch: int = 32, pause: bool = True) -> None:
        self._generator = generator
        self._window = window
        self._max_batch = max_batch
        self._pause = pause
        self._changed = threading.Condition()
        self._queues: dict[bool, list[_Ticket]] = {True: [], False: []}  # by "a person waits"
        self._urgent_idle = threading.Event()
        self._urgent_idle.set()
        self._closed = False
        self._count = 0
        self._threads = [
            threading.Thread(target=self._serve, args=(urgent,), name=f"batcher-{name}", daemon=True)
            for urgent, name in ((True, "urgent"), (False, "ordinary"))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def name(self) -> str:
        return self._generator.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._generator.capabilities

    def at(self, priority: int) -> Prioritised:
        """This batcher as a ``Generator`` whose requests all have that priority."""
        return Prioritised(self, priority)

    def submit(
        self,
        request: GenerationRequest,
        *,
        priority: int = JobPriority.NORMAL,
        on_text: Callable[[str], None] | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Future[Generation]:
        """Queue one request; the future raises ``GeneratorError`` or ``Stopped``. Callbacks run on the batcher's thread."""
        urgent = priority <= JobPriority.PERSON_WAITING
        with self._changed:
            if self._closed:
                raise Stopped("The model is being shut down.")
            self._count += 1
            ticket = _Ticket(priority, self._count, request, on_text, should_stop)
            heapq.heappush(self._queues[urgent], ticket)
            self._changed.notify_all()
        return ticket.future

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
        *,
        priority: int = JobPriority.NORMAL,
    ) -> list[Generation]:
        """As ``Generator.generate``. When one request fails the others of this call are given up."""

        def texts(index: int) -> Callable[[str], None] | None:
            return (lambda text: on_text(index, text)) if on_text else None

        futures = [
            self.submit(request, priority=priority, on_text=texts(index), should_stop=should_stop)
            for index, request in enumerate(requests)
        ]
        results = []
        for index, future in enumerate(futures):
            try:
                results.append(future.result())
            except BaseException as error:
                for other in futures[index + 1 :]:
                    other.cancel()
                if isinstance(error, GeneratorError) and error.index is not None:
                    raise GeneratorError(str(error), retryable=error.retryable, index=index) from error
                raise
        return results

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Handed through: scoring already takes turns with generation, prompt by prompt."""
        return self._generator.score(requests)

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        """Handed through like scoring; raises ``NotAvailable`` where the backend does not read."""
        if Capability.READ not in self.capabilities:
            raise NotAvailable(f"the backend {self.name} gives no log-probs of texts that it did not write")
        reader: Reader = self._generator  # type: ignore[assignment]
        return reader.read(requests)

    def close(self) -> None:
        """Stop at the next token, fail what waits with ``Stopped`` and end the threads."""
        with self._changed:
            self._closed = True
            waiting = [ticket for queue in self._queues.values() for ticket in queue]
            self._changed.notify_all()
        for ticket in waiting:
            ticket.fail(Stopped("The model is being shut down."))
        for thread in self._threads:
            thread.join()

    def _serve(self, urgent: bool) -> None:
        while tickets := self._gather(urgent):
            self._run(tickets, urgent)
            with self._changed:
                if urgent and not self._queues[True]:
                    self._urgent_idle.set()

    def _gather(self, urgent: bool) -> list[_Ticket]:
        """Wait for requests and, once there is one, for the window to fill; empty when closed."""
        queue = self._queues[urgent]
        with self._changed:
            self._changed.wait_for(lambda: queue or self._closed)
            if urgent and not self._closed:
                self._urgent_idle.clear()
            self._changed.wait_for(lambda: len(queue) >= self._max_batch or self._closed, timeout=self._window)
            if self._closed:
                return []
            return [heapq.heappop(queue) for _ in range(min(len(queue), self._max_batch))]

    def _run(self, tickets: list[_Ticket], urgent: bool) -> None:
        """Answer the tickets; a request that the backend blames is failed alone and the others are asked again."""
        while tickets := [ticket for ticket in tickets if ticket.open]:
            current = tickets

            def on_text(index: int, text: str, current: list[_Ticket] = current) -> None:
                current[index].text(text)

            try:
                results = self._generator.generate(
                    [ticket.request for ticket in current],
                    on_text if any(ticket.on_text for ticket in current) else None,
                    self._stopper(current, urgent),
                )
            except Exception as error:
                index = error.index if isinstance(error, GeneratorError) else None
                for ticket in current if index is None else [current[index]]:
                    ticket.fail(error)
            else:
                for ticket, result in zip(current, results, strict=True):
                    ticket.answer(result)

    def _stopper(self, tickets: list[_Ticket], urgent: bool) -> ShouldStop:
        """What the backend asks between tokens: true when nobody wants the batch any more; blocks while a person is served."""
        asked = 0.0

        def should_stop() -> bool:
            nonlocal asked
            while True:
                if time.monotonic() - asked >= ASK_EVERY:
                    asked = time.monotonic()
                    answers: dict[int, bool] = {}
                    for ticket in tickets:
                        ticket.ask(answers)
                if self._closed or not any(ticket.open for ticket in tickets):
                    return True
                if urgent or not self._pause or self._urgent_idle.wait(ASK_EVERY):
                    return False

        return should_stop


@dataclass(frozen=True, slots=True)
class Prioritised:
    """A ``MicroBatcher`` seen as a ``Generator`` at one priority."""

    batcher: MicroBatcher
    priority: int

    @property
    def name(self) -> str:
        return self.batcher.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.batcher.capabilities

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        return self.batcher.generate(requests, on_text, should_stop, priority=self.priority)

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        return self.batcher.score(requests)

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        return self.batcher.read(requests)
