"""The secret that web and worker share: from the settings, or a file in the data directory that only its owner can read."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from app.settings import Settings

FILE = "worker.secret"


def shared_secret(settings: Settings) -> str:
    """The secret; the file is made at the first call. Two processes that make it at once end up with the same one."""
    if settings.worker_secret is not None:
        return settings.worker_secret.get_secret_value()
    path = settings.data_dir / FILE
    if not path.exists():
        _make(path)
    return path.read_text("ascii").strip()


def _make(path: Path) -> None:
    """Write a whole file first and then give it its name, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)
