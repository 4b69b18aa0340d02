"""A model and a sentence encoder that cost nothing: what they say follows from what they are given."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.generators.base import (
    Capability,
    Generation,
    GenerationRequest,
    GeneratorError,
    NotAvailable,
    OnText,
    ScoreRequest,
    ShouldStop,
    Stopped,
)
from core.types import TokenLogprob

DIM = 64


class FakeGenerator:
    """Says ``reply`` of each request; keeps every request. ``before`` runs first and may raise, or change the world."""

    name = "fake"

    def __init__(self, reply: Callable[[GenerationRequest], str] | None = None, *, can_score: bool = True) -> None:
        self.reply = reply or (lambda request: "1. 3 + 4 = 7.\nThe answer is 7.")
        self.requests: list[GenerationRequest] = []
        self.scored: list[ScoreRequest] = []
        self.before: Callable[[], None] = lambda: None
        self.capabilities = frozenset(set(Capability) - {Capability.SEE} if can_score else {Capability.GENERATE})
        self._lock = threading.Lock()

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        with self._lock:
            self.before()
            self.requests += requests
        if should_stop and should_stop():
            raise Stopped("stopped")
        for index, request in enumerate(requests):
            if "too long" in request.messages[-1].content:
                raise GeneratorError("The prompt is too long. Shorten the item.", index=index)
        made = []
        for index, request in enumerate(requests):
            text = self.reply(request)
            if on_text:
                on_text(index, text[: len(text) // 2])
                on_text(index, text)
            tokens = tuple(TokenLogprob(word, -0.25) for word in text.split(" "))
            made.append(Generation(text, tokens, "stop", 10, len(tokens)))
        return made

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """The likelier, the more of the prompt's letters a candidate shares."""
        if Capability.SCORE not in self.capabilities:
            raise NotAvailable("no scores")
        self.scored += requests
        return [
            [float(len(set(candidate) & set(request.messages[-1].content))) for candidate in request.candidates]
            for request in requests
        ]


class FakeEmbedder:
    """A bag of words: texts that share words are near each other."""

    model_id = "fake@1#000000000000"
    dim = DIM

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        found = np.zeros((len(texts), DIM), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                found[row, zlib.crc32(word.encode()) % DIM] += 1
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return (found / np.where(norms == 0, 1, norms)).astype(np.float32)
