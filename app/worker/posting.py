"""One message to one address: resolved here, connected only where that is allowed, without redirects, proxies or cookies.

The check is made on the address that is connected to, and once more on the one at the other end of the socket: a name that resolves
to something else the second time (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from core.webhooks import is_public

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 15.0  # from looking the name up to the end of the answer's head
NOT_ALLOWED = "is on this machine or in a private network; CORRIGENDA_WEBHOOKS_PRIVATE allows that"


class NotSent(Exception):
    """Nobody answered, or nobody may be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP status; what the receiver says is not read."""

    status: int


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Send ``body``. ``private``: this machine and private networks may be reached. Raises ``NotSent``."""
    backend = _Checked(private, time.monotonic() + WHOLE_SECONDS)
    timeout = {"connect": CONNECT_SECONDS, "read": WHOLE_SECONDS, "write": WHOLE_SECONDS, "pool": WHOLE_SECONDS}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, http2=False) as pool,
            pool.stream(
                "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeout}
            ) as answer,
        ):
            return Answer(answer.status)
    except NotSent:
        raise
    except httpcore.TimeoutException:
        raise NotSent(f"no answer within {WHOLE_SECONDS:g} seconds") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as problem:
        raise NotSent(f"{type(problem).__name__}: {problem}"[:300]) from None


@lru_cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _Checked(httpcore.NetworkBackend):
    """Connects to public addresses alone, unless private ones are allowed, and gives the whole exchange one deadline."""

    def __init__(self, private: bool, deadline: float) -> None:
        self._private, self._deadline = private, deadline
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception = NotSent(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._real.connect_tcp(address, port, _left(self._deadline, timeout), local_address)
            except httpcore.ConnectError as refused:
                problem = refused
                continue
            if not self._may(str(stream.get_extra_info("server_addr")[0])):
                stream.close()
                raise NotSent(f"{host} {NOT_ALLOWED}")
            return _Timed(stream, self._deadline)
        raise problem

    def _addresses(self, host: str, port: int) -> list[str]:
        """Each once, as the resolver has them. One that is not allowed forbids the name: its owner means no good with it."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as problem:
            raise NotSent(f"the name {host} cannot be looked up: {problem}") from None
        known = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not all(self._may(address) for address in known):
            raise NotSent(f"{host} {NOT_ALLOWED}")
        return known

    def _may(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
        return is_public(parsed) or (self._private and not parsed.is_multicast and not parsed.is_unspecified)


class _Timed(httpcore.NetworkStream):
    """A stream whose reads and writes end together at the deadline: who sends one byte a minute holds nobody up."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(left, timeout)
