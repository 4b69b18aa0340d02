"""What both clients know of HTTP: headers, which failures are passing, and how long to wait before the next try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.client.errors import ApiError
from app.client.operations import Call, refusal

TRIES = 4
PASSING = frozenset({429, 502, 503, 504})
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def base_url(url: str) -> str:
    return url.rstrip("/") + "/api/v1"


def headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "user-agent": "corrigenda-client/1"}


@contextmanager
def request_of(call: Call) -> Iterator[dict[str, Any]]:
    """Arguments of ``request``, good for every try of it: a file is read from its beginning each time, and closed at the end."""
    given: dict[str, Any] = {"method": call.method, "url": call.path, "params": dict(call.params)}
    if call.json is not None:
        given["json"] = call.json
    if call.key is not None:
        given["headers"] = {"idempotency-key": call.key}
    if call.file is None:
        yield given
        return
    with call.file.open("rb") as file:
        yield {**given, "files": {"file": (call.file.name, file)}, "data": dict(call.form)}


def may_repeat(call: Call, answer: httpx.Response | None, tried: int) -> bool:
    """Whether to try again: a passing failure of a request that has no second effect."""
    harmless = call.method == "GET" or call.key is not None
    return tried < TRIES and harmless and (answer is None or answer.status_code in PASSING)


def pause(answer: httpx.Response | None, tried: int) -> float:
    """Seconds: as the server says, up to a minute, else a half, one, two."""
    said = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(said), 60.0) if said.isdecimal() else 0.25 * 2.0**tried


def body_of(answer: httpx.Response) -> Any:
    """The JSON, or nothing where there is none; raises ``ApiError``."""
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return answer.json() if answer.content else None
    raise error_of(answer)


def error_of(answer: httpx.Response) -> ApiError:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return refusal(answer.status_code, body, answer.text)
