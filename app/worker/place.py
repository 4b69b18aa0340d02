"""Where a worker runs, so that its fellows on the same machine see at once that it is gone instead of waiting for its silence."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


@lru_cache
def here() -> str:
    """Names this boot of this machine and this process-id namespace; empty where the system does not tell (not Linux)."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
        return hashlib.sha256(f"{socket.gethostname()} {boot} {namespace}".encode()).hexdigest()[:10]
    return ""


def new_worker_id() -> str:
    """``host-place-pid-random``: never used twice, at most 80 characters."""
    return f"{socket.gethostname()[:40]}-{here()}-{os.getpid()}-{secrets.token_hex(3)}"


def is_gone(worker_id: str, pid: int) -> bool:
    """Whether a worker ran here and its process has ended; false whenever that cannot be known."""
    parts = worker_id.rsplit("-", 3)
    if not here() or len(parts) != 4 or parts[1] != here():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
