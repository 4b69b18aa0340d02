"""What is listened on answers at once."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from app.listening import in_address, listener


def test_accepted_connections_send_without_waiting() -> None:
    """What asyncio needs to see (the protocol) and what the system does (the option)."""
    with closing(listener("127.0.0.1", 0)) as made:
        made.listen()
        with closing(socket.create_connection(made.getsockname())), closing(made.accept()[0]) as accepted:
            assert accepted.proto == socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_taken_port_is_an_error() -> None:
    with closing(listener("127.0.0.1", 0)) as made:
        made.listen()
        with pytest.raises(OSError, match=r"(?i)in use"):
            listener("127.0.0.1", made.getsockname()[1])


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert (in_address("::1"), in_address("127.0.0.1")) == ("[::1]", "127.0.0.1")
