"""The sockets that web and worker listen on."""

from __future__ import annotations

import socket


def listener(host: str, port: int) -> socket.socket:
    """Bound to ``host`` and ``port`` (0: a free one) and not yet listening; raises ``OSError`` where it is taken.

    Made as a TCP socket by name, because asyncio switches Nagle's algorithm off only for those: without that, the body of an answer
    waits up to 40 ms for the receipt of its headers on every connection that is kept open.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those it accepts take this over
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def in_address(host: str) -> str:
    """``host`` as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
