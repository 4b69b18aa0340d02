"""Any OpenAI-compatible server over HTTP: vLLM, llama.cpp, Ollama, ``transformers serve``, or a hosted one.

Only ``POST /chat/completions`` is used. Whether the server gives log-probs is tried out once, at first use, because some servers
take the parameter and ignore it; what it does not give is not available. Teacher-forced scoring is not part of that interface.
"""

from __future__ import annotations

import codecs
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx

from core.generators.base import (
    REGISTRY,
    Capability,
    Generation,
    GenerationRequest,
    GeneratorError,
    Message,
    NotAvailable,
    OnText,
    ScoreRequest,
    ShouldStop,
    Stopped,
)
from core.types import TokenLogprob

ATTEMPTS = 4
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError)
LONGEST_WAIT = 30.0  # seconds between two attempts, whatever the server asks for


class _TryAgain(Exception):
    """Overload or a broken connection; ``after`` is the wait that the server asked for, in seconds."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(slots=True)
class _Answer:
    """What has arrived of one answer."""

    text: str = ""
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    chunks: int = 0

    def take(self, body: dict[str, Any], part: str) -> None:
        """Add a whole answer (``part`` message) or a piece of a stream (``delta``)."""
        self.usage = body.get("usage") or self.usage
        for choice in body.get("choices") or []:  # the last piece of a stream may have none
            content = (choice.get(part) or {}).get("content")
            if content:
                self.text += content
                self.chunks += 1
            self.logprobs += (choice.get("logprobs") or {}).get("content") or []
            self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def result(self) -> Generation:
        tokens = spelled(self.logprobs) if self.logprobs else None
        return Generation(
            self.text.strip(),
            tokens,
            self.finish_reason or "stop",
            self.usage.get("prompt_tokens", 0),
            self.usage.get("completion_tokens", len(tokens) if tokens else self.chunks),
        )


@REGISTRY.register("openai_http")
class OpenAIHTTPGenerator:
    """Thread-safe. ``parallel`` requests are open at once; ``timeout`` is the longest silence of the server in seconds."""

    name = "openai_http"

    def __init__(
        self,
        *,
        url: str | None,
        model: str,
        api_key: str | None = None,
        parallel: int = 8,
        timeout: float = 120.0,
        backoff: float = 0.5,
        sees: bool = False,
    ) -> None:
        """``url`` is the base, such as http://localhost:8000/v1; ``backoff`` the first wait in seconds, doubled each time.

        ``sees``: the model reads pictures; nothing tells this but its name, so whoever sets it up has to say so.
        """
        if not url or not url.startswith(("http://", "https://")):
            raise GeneratorError(
                f"{url!r} is no address of a model server. Set CORRIGENDA_MODEL_URL, such as http://localhost:8000/v1"
            )
        self.model_id = model
        self._url = url.rstrip("/")
        self._key = api_key
        self._parallel = parallel
        self._backoff = backoff
        self._sees = {Capability.SEE} if sees else set()
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout, connect=min(10.0, timeout)))
        self._logprobs: bool | None = None
        self._probing = threading.Lock()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Asks the server at first use; raises ``GeneratorError`` when it can't be asked."""
        logprobs = {Capability.LOGPROBS} if self._has_logprobs() else set()
        return frozenset({Capability.GENERATE, *self._sees, *logprobs})

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        """``on_text`` is called by one thread at a time. See ``Generator.generate``."""
        if not requests:
            return []
        logprobs = self._has_logprobs()
        turn, given_up = threading.Lock(), threading.Event()

        def stop() -> bool:
            return given_up.is_set() or bool(should_stop and should_stop())

        def ask(index: int, request: GenerationRequest) -> Generation:
            def text(so_far: str) -> None:
                if on_text:
                    with turn:
                        on_text(index, so_far)

            streams = on_text is not None or should_stop is not None
            try:
                return self._ask(_body(self.model_id, request, logprobs), text if streams else None, stop)
            except GeneratorError as error:
                raise GeneratorError(str(error), retryable=error.retryable, index=index) from error

        with ThreadPoolExecutor(min(self._parallel, len(requests)), thread_name_prefix="openai-http") as pool:
            futures = [pool.submit(ask, index, request) for index, request in enumerate(requests)]
            done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            given_up.set()
            for future in waiting:
                future.cancel()
            for future in done:
                future.result()
            return [future.result() for future in futures]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        raise NotAvailable(
            "A chat server can't score given answers. Use the transformers backend for label items, "
            "or let the model write the label."
        )

    def close(self) -> None:
        self._client.close()

    def _has_logprobs(self) -> bool:
        with self._probing:
            if self._logprobs is None:
                probe = GenerationRequest((Message("user", "Say yes."),), max_new_tokens=1)
                try:
                    answer = self._ask(_body(self.model_id, probe, True), None, lambda: False)
                    self._logprobs = answer.tokens is not None
                except _Rejected:
                    self._logprobs = False
            return self._logprobs

    def _ask(self, body: dict[str, Any], on_text: Callable[[str], None] | None, stop: ShouldStop) -> Generation:
        """One request with its retries."""
        for attempt in range(ATTEMPTS):
            if stop():
                raise Stopped("The generation was stopped.")
            try:
                return self._once(body, on_text, stop)
            except httpx.TimeoutException as error:
                raise GeneratorError(
                    f"The model server at {self._url} was silent for too long. Is it overloaded, or still loading the model?",
                    retryable=True,
                ) from error
            except (_TryAgain, httpx.TransportError) as error:
                if attempt == ATTEMPTS - 1:
                    raise GeneratorError(
                        f"The model server at {self._url} could not be used after {ATTEMPTS} attempts: {error}. "
                        "Check that it runs and that CORRIGENDA_MODEL_URL is right.",
                        retryable=True,
                    ) from error
                asked = error.after if isinstance(error, _TryAgain) else None
                _pause(asked or self._backoff * 2**attempt * random.uniform(0.5, 1), stop)
        raise AssertionError("unreachable")

    def _once(self, body: dict[str, Any], on_text: Callable[[str], None] | None, stop: ShouldStop) -> Generation:
        answer = _Answer()
        if on_text is None:
            response = self._client.post(f"{self._url}/chat/completions", json=body)
            self._check(response)
            self._take(answer, response.text, "message")
            return self._result(answer)
        body = {**body, "stream": True, "stream_options": {"include_usage": True}}
        with self._client.stream("POST", f"{self._url}/chat/completions", json=body) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
            self._check(response)
            for data in _events(response.iter_lines()):
                before = answer.chunks
                self._take(answer, data, "delta")
                if answer.chunks > before:
                    on_text(answer.text.strip())
                if stop():
                    raise Stopped("The generation was stopped.")
        if answer.finish_reason is None:
            raise _TryAgain("the stream broke off in the middle of an answer")
        return self._result(answer)

    def _take(self, answer: _Answer, data: str, part: str) -> None:
        try:
            body = json.loads(data)
            if "error" in body:
                raise _TryAgain(self._redacted(str(body["error"])))
            if part == "message":
                body["choices"][0]["message"]
            answer.take(body, part)
        except MALFORMED as error:
            raise self._foreign(data) from error

    def _result(self, answer: _Answer) -> Generation:
        try:
            return answer.result()
        except MALFORMED as error:
            raise self._foreign(str(answer.logprobs)) from error

    def _foreign(self, data: str) -> GeneratorError:
        return GeneratorError(
            f"What {self._url} answers is not what an OpenAI-compatible server answers: "
            f"{self._redacted(data[:200])!r}. Check CORRIGENDA_MODEL_URL; it usually ends in /v1."
        )

    def _check(self, response: httpx.Response) -> None:
        """Raise what a status means: ``_TryAgain`` for overload, ``GeneratorError`` with what to do for the rest."""
        code = response.status_code
        if code == httpx.codes.OK:
            return
        detail = self._redacted(_detail(response))
        overloaded = code == httpx.codes.TOO_MANY_REQUESTS or code >= httpx.codes.INTERNAL_SERVER_ERROR
        if overloaded and code != httpx.codes.NOT_IMPLEMENTED:
            raise _TryAgain(f"it answered {code} ({detail})", _retry_after(response))
        self._refuse(code, detail)

    def _refuse(self, code: int, detail: str) -> NoReturn:
        if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise GeneratorError(
                f"The model server at {self._url} refuses the key ({code}: {detail}). Set CORRIGENDA_MODEL_API_KEY."
            )
        if code == httpx.codes.NOT_FOUND:
            raise GeneratorError(
                f"The model server at {self._url} knows no model {self.model_id!r}, or no chat completions ({detail}). "
                "Check CORRIGENDA_MODEL and CORRIGENDA_MODEL_URL; the address usually ends in /v1."
            )
        raise _Rejected(
            f"The model server at {self._url} rejects the request ({code}: {detail}). "
            "If the prompt is too long, shorten the item, its context or the guidelines."
        )

    def _redacted(self, text: str) -> str:
        """Servers quote the key in their complaints."""
        return text.replace(self._key, "***") if self._key else text


class _Rejected(GeneratorError):
    """The server understood and does not want this request."""


def _body(model: str, request: GenerationRequest, logprobs: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request),
        "max_tokens": request.max_new_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if logprobs:
        body["logprobs"] = True
    return body


def _messages(request: GenerationRequest) -> list[dict[str, Any]]:
    """Pictures stand after the words of the user's first message, as parts of it."""
    messages: list[dict[str, Any]] = [{"role": one.role, "content": one.content} for one in request.messages]
    asked = next((one for one in messages if one["role"] == "user"), None)
    if request.images and asked is not None:
        parts = [{"type": "image_url", "image_url": {"url": uri}} for uri in request.images]
        asked["content"] = [{"type": "text", "text": asked["content"]}, *parts]
    return messages


def _events(lines: Iterator[str]) -> Iterator[str]:
    """Data of server-sent events, each on one line as these servers send it, up to ``[DONE]``."""
    for line in lines:
        if line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            yield data


def _detail(response: httpx.Response) -> str:
    """The server's own words, at most 300 characters."""
    try:
        body = response.json()
        error = body.get("error", body.get("detail", body))
        text = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = response.text
    return " ".join(str(text).split())[:300]


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):  # absent, or a date
        return None


def _pause(seconds: float, stop: ShouldStop) -> None:
    """Wait, but not on when the generation is stopped meanwhile."""
    end = time.monotonic() + min(seconds, LONGEST_WAIT)
    while (left := end - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.1))


def spelled(logprobs: Sequence[dict[str, Any]]) -> tuple[TokenLogprob, ...]:
    """Tokens whose texts joined spell the answer: a character split over tokens goes whole to its last one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tokens = []
    for entry in logprobs:
        raw = entry.get("bytes")
        text = str(entry["token"]) if raw is None else decoder.decode(bytes(raw))
        tokens.append(TokenLogprob(text, float(entry["logprob"])))
    return tuple(tokens)
