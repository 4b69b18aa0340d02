"""Exports that outlive their worker: how far the file is stands in the job's row, and the next attempt takes it up from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from app.worker.runner import Context
from core.exporters.lines import Checkpoint, LineFile

EVERY_SECONDS = 1.0
KEEP_DAYS = 7


class Journal:
    """The half-written file of one attempt.

    Each attempt has a file of its own, so that a worker that was only believed dead spoils nothing. The last one's is carried on
    unless what the rows are read from has changed since (``signature``).
    """

    def __init__(self, context: Context, path: Path, signature: list[int]) -> None:
        self._context, self._signature, self._told = context, signature, time.monotonic()
        self.path = path.with_name(f"{path.name}.{token_hex(4)}.partial")
        state: Mapping[str, Any] = context.job.result
        old = path.with_name(Path(str(state.get("partial", ""))).name or "none.partial")
        if "checkpoint" in state and state.get("signature") == signature:
            self.file = LineFile.take_up(self.path, old, Checkpoint.from_json(state["checkpoint"]))
            self._note(self.file.checkpoint(self.file.dropped))
        else:
            self.file = LineFile(self.path)
        old.unlink(missing_ok=True)

    def _note(self, made: Checkpoint) -> None:
        with self._context.db.write() as session:
            state = {"partial": self.path.name, "signature": self._signature, "checkpoint": made.to_json()}
            self._context.checkpoint(session, state)

    def keep(self, make: Callable[[], Checkpoint]) -> None:
        """Note where the file stands, once a second at most; raises as ``Context.check`` does."""
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            made = make()
            self._note(made)
            self._context.progress(made.rows, 0, f"{made.rows} rows written")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete half-written files that nothing has touched for a week: what dead jobs left."""
    oldest = time.time() - KEEP_DAYS * 86_400
    for path in folder.glob("*.partial"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
