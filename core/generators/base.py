"""What a model backend offers. What it cannot give is not in ``capabilities``, and asking for it raises ``NotAvailable``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.registry import Registry
from core.types import TokenLogprob


class Capability(StrEnum):
    GENERATE = "generate"
    LOGPROBS = "logprobs"  # of generated tokens
    SCORE = "score"  # of given continuations, teacher-forced
    READ = "read"  # log-probs of every token of a given reply
    SEE = "see"  # pictures that come with a prompt


class NotAvailable(RuntimeError):
    """The backend cannot do this; signals that need it abstain and say so."""


class GeneratorError(RuntimeError):
    """The backend failed; the message says what to do. ``retryable`` is true for time-outs and overload.

    ``index`` is the request at fault where only one is, such as a prompt that is too long: the others may be asked again.
    """

    def __init__(self, message: str, *, retryable: bool = False, index: int | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.index = index


class Stopped(RuntimeError):
    """``should_stop`` answered true in the middle of a generation."""


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # system, user, assistant
    content: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt. ``temperature`` 0 is greedy; ``seed`` makes a sampled answer repeatable where the backend can.

    ``images`` are data URIs that belong to the first message of the user; only a backend with ``Capability.SEE`` reads them.
    """

    messages: tuple[Message, ...]
    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """An answer. ``tokens`` is ``None`` where the backend gives no log-probs; joined they spell ``text`` up to white space."""

    text: str
    tokens: tuple[TokenLogprob, ...] | None
    finish_reason: str  # stop, length
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Ask for the log-likelihood of each candidate as the assistant's reply (or its continuation after ``reply_prefix``)."""

    messages: tuple[Message, ...]
    candidates: tuple[str, ...]
    reply_prefix: str = ""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Ask how surprising each token of ``reply`` is as the assistant's reply."""

    messages: tuple[Message, ...]
    reply: str


OnText = Callable[[int, str], None]  # (index of the request, the whole text so far)
ShouldStop = Callable[[], bool]


class Generator(Protocol):
    """A model. Methods take batches and return one answer per request, in order."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        """Raises ``GeneratorError``; ``Stopped`` when ``should_stop`` turns true."""
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Summed natural log-probability of each candidate's tokens; raises ``NotAvailable`` without ``Capability.SCORE``."""
        ...


class Reader(Protocol):
    """A model that can read: what a backend with ``Capability.READ`` offers besides."""

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        """Each reply's tokens with their natural log-probs and the entropies in their places; joined they spell the reply.

        What goes beyond the context window is left out. Raises ``NotAvailable`` without ``Capability.READ``.
        """
        ...


REGISTRY: Registry[Generator] = Registry("generator")
