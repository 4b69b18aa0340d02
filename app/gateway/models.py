"""Asking the model: the configured server over HTTP, or the local model through a worker's service in the same form."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from anyio import to_thread

from app.settings import Settings
from app.state import AppState
from app.worker.secret import shared_secret
from store import workers

TIMEOUT = httpx.Timeout(600.0, connect=10.0)
PASSED_ON = ("content-type", "retry-after", "x-request-id", "openai-processing-ms")


class ModelError(Exception):
    """The model could not be asked; ``status`` is what the program gets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A status, headers to pass on, and the body as it comes."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Models:
    """The way to the model, with connections that are kept, for one event loop at a time."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def settings(self) -> Settings:
        return self.state.settings

    @property
    def client(self) -> httpx.AsyncClient:
        """Proxies of the environment are not used: nothing is contacted that was not configured."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:  # connections belong to the loop that opened them
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
            self._http, self._loop = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, limits=limits), loop
        return self._http

    async def close(self) -> None:
        """At the end of the process."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def names(self) -> tuple[int, Any]:
        """What ``GET /v1/models`` answers."""
        if self.settings.generator != "openai_http":
            one = {"id": self.settings.model, "object": "model", "created": 0, "owned_by": "corrigenda"}
            return 200, {"object": "list", "data": [one]}
        try:
            answer = await self.client.get(self._url("/models"), headers=self._key())
        except httpx.HTTPError as problem:
            raise ModelError(502, f"The model server cannot be reached: {problem}") from None
        try:
            return answer.status_code, answer.json()
        except ValueError:
            raise ModelError(502, "The model server's list of models is no JSON.") from None

    @asynccontextmanager
    async def ask(self, body: Mapping[str, Any]) -> AsyncIterator[ModelAnswer]:
        """Send a chat completion. Raises ``ModelError`` when the model cannot be reached."""
        if self.settings.generator != "openai_http":
            yield await self._local(body)
            return
        request = self.client.build_request("POST", self._url("/chat/completions"), json=body, headers=self._key())
        try:
            answer = await self.client.send(request, stream=True)
        except httpx.TimeoutException:
            raise ModelError(504, "The model server did not answer in time.") from None
        except httpx.HTTPError as problem:
            raise ModelError(502, f"The model server cannot be reached: {problem}") from None
        try:
            kept = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            yield ModelAnswer(answer.status_code, kept, answer.aiter_bytes())
        finally:
            await answer.aclose()

    def _url(self, path: str) -> str:
        if not self.settings.model_url:
            raise ModelError(503, "No model server is set. Set CORRIGENDA_MODEL_URL.")
        return self.settings.model_url.rstrip("/") + path

    def _key(self) -> dict[str, str]:
        key = self.settings.model_api_key
        return {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    # --- the local model

    async def _local(self, body: Mapping[str, Any]) -> ModelAnswer:
        if body.get("model") not in (self.settings.model, "default"):
            raise ModelError(404, f"There is no model {body.get('model')!r} here; there is {self.settings.model!r}.")
        if body.get("n", 1) not in (1, None):
            raise ModelError(400, "The local model gives one choice a request.")
        lines = await self._asked(_for_worker(body))
        first = await anext(lines, None)
        if first is None or "error" in first:
            raise ModelError(502, f"The model failed: {first['error'] if first else 'its worker is gone'}")
        made = _streamed if body.get("stream") else _whole
        kind = "text/event-stream" if body.get("stream") else "application/json"
        return ModelAnswer(200, {"content-type": kind}, made(self.settings.model, first, lines))

    async def _asked(self, wanted: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Lines of the first worker that can be reached."""

        def known() -> tuple[list[str], str]:
            with self.state.db.read() as session:
                alive = workers.alive(session, self.settings.worker_dead_seconds)
            return [worker.url for worker in alive if worker.url], shared_secret(self.settings)

        urls, secret = await to_thread.run_sync(known)
        for url in urls:
            headers = {"authorization": f"Bearer {secret}"}
            request = self.client.build_request("POST", url + "/chat", json=wanted, headers=headers)
            try:
                answer = await self.client.send(request, stream=True)
            except httpx.HTTPError:
                continue
            if answer.status_code == httpx.codes.OK:
                return _lines(answer)
            await answer.aclose()
        raise ModelError(503, "No worker can be reached. Start one with: corrigenda worker")


def _for_worker(body: Mapping[str, Any]) -> dict[str, Any]:
    from app.gateway.prompting import text_of

    messages = [
        {"role": "system" if m.get("role") == "developer" else str(m.get("role")), "content": text_of(m.get("content"))}
        for m in body["messages"]
    ]
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 256
    names = {"temperature": 1.0, "top_p": 1.0, "seed": None}
    more = {name: default if body.get(name) is None else body[name] for name, default in names.items()}
    return {"messages": messages, "max_new_tokens": limit, **more}


async def _lines(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    try:
        async for line in answer.aiter_lines():
            if line:
                yield json.loads(line)
    finally:
        await answer.aclose()


async def _whole(model: str, first: dict[str, Any], lines: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    last = first
    async for line in lines:
        last = line
    if "finish_reason" not in last:
        raise ModelError(502, f"The model failed: {last.get('error', 'its worker is gone')}")
    message = {"role": "assistant", "content": last["text"]}
    choice = {"index": 0, "message": message, "finish_reason": last["finish_reason"], "logprobs": None}
    body = {**_head(model, "chat.completion"), "choices": [choice], "usage": _usage(last)}
    yield json.dumps(body).encode()


async def _streamed(model: str, first: dict[str, Any], lines: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    head, said, role = _head(model, "chat.completion.chunk"), "", {"role": "assistant"}
    line: dict[str, Any] | None = first
    while line is not None:
        new, said = line.get("text", said)[len(said) :], line.get("text", said)
        if new or role:
            choice = {"index": 0, "delta": {**role, "content": new}, "finish_reason": None}
            yield _event({**head, "choices": [choice]})
            role = {}
        if "finish_reason" in line:
            choice = {"index": 0, "delta": {}, "finish_reason": line["finish_reason"]}
            yield _event({**head, "choices": [choice]})
        if "error" in line:
            yield _event({"error": {"message": line["error"], "type": "server_error", "code": None, "param": None}})
        line = await anext(lines, None)
    yield b"data: [DONE]\n\n"


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _usage(line: Mapping[str, Any]) -> dict[str, int]:
    prompt, completion = line["prompt_tokens"], line["completion_tokens"]
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"
