"""Reading what the model server says, whole or as events, without changing more of it than one field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.gateway.keeping import Answer

MAX_EVENT = 4_000_000  # bytes; a stream without an end of event is passed on unread
MAX_KEPT = 400_000  # characters of one answer


def whole(raw: bytes) -> tuple[dict[str, Any], list[Answer]] | None:
    """The JSON object of an answer and its choices; ``None`` when it is none."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    found = [_choice(choice) for choice in choices] if isinstance(choices, list) else []
    return body, [answer for answer in found if answer is not None]


def _choice(choice: Any) -> Answer | None:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), str):
        return None
    return Answer(message["content"], str(choice.get("finish_reason") or ""), _tokens(choice.get("logprobs")))


def _tokens(logprobs: Any) -> list[Any]:
    rows = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(rows, list):
        return []
    found: list[Any] = []
    for row in rows:
        text, value = (row.get("token"), row.get("logprob")) if isinstance(row, dict) else (None, None)
        if not isinstance(text, str) or not isinstance(value, int | float):
            return []
        found.append((text, float(value), None))
    return found


def model(body: Mapping[str, Any]) -> str:
    return str(body.get("model") or "")


@dataclass
class Heard:
    """What a stream has spelt so far, by choice. ``finished`` once it said that it was done."""

    texts: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    tokens: dict[int, list[Any]] = field(default_factory=dict)
    model: str = ""
    finished: bool = False

    def take(self, body: Mapping[str, Any]) -> None:
        self.model = self.model or model(body)
        choices = body.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            at = choice.get("index") or 0
            delta = choice.get("delta")
            new = delta.get("content") if isinstance(delta, dict) else None
            if isinstance(new, str):
                self.texts[at] = (self.texts.get(at, "") + new)[:MAX_KEPT]
            self.tokens.setdefault(at, []).extend(_tokens(choice.get("logprobs")))
            if choice.get("finish_reason"):
                self.reasons[at], self.finished = str(choice["finish_reason"]), True

    def answers(self) -> list[Answer]:
        return [Answer(text, self.reasons.get(at, ""), self.tokens.get(at, [])) for at, text in self.texts.items()]


async def marked(chunks: AsyncIterator[bytes], heard: Heard, field: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """The same events, as soon as each is whole; the first that is an object gets the field ``corrigenda``."""
    buffer, unmarked = b"", True
    async for chunk in chunks:
        buffer += chunk
        while True:
            end, length = _end_of_event(buffer)
            if end < 0:
                break
            event, buffer = buffer[: end + length], buffer[end + length :]
            body = _object(event)
            if body is not None:
                heard.take(body)
                if unmarked and "error" not in body:
                    unmarked = False
                    event = b"data: " + json.dumps({**body, "corrigenda": field}).encode() + b"\n\n"
            yield event
        if len(buffer) > MAX_EVENT:
            yield buffer
            buffer = b""
    if buffer:
        yield buffer


def _end_of_event(buffer: bytes) -> tuple[int, int]:
    """Where the first blank line is, and its length; -1 when there is none yet."""
    found = [(at, len(mark)) for mark in (b"\n\n", b"\r\n\r\n") if (at := buffer.find(mark)) >= 0]
    return min(found, default=(-1, 0))


def _object(event: bytes) -> dict[str, Any] | None:
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    try:
        body = json.loads(b"\n".join(lines)) if lines else None
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
