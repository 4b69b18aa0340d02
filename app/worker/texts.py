"""What a model has written so far, by job, for the page that waits for it; kept in memory only."""

from __future__ import annotations

import threading
import time

KEEP_SECONDS = 60.0


class PartialTexts:
    """Thread-safe. A text can be read for a minute after its job ended, so that a page that asks late still gets the whole."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._ended: dict[int, float] = {}
        self._lock = threading.Lock()

    def say(self, job_id: int, text: str) -> None:
        """``text`` is the whole so far."""
        with self._lock:
            self._texts[job_id] = text
            self._ended.pop(job_id, None)

    def end(self, job_id: int) -> None:
        with self._lock:
            if job_id in self._texts:
                self._ended[job_id] = time.monotonic()
            self._drop_old()

    def get(self, job_id: int) -> str | None:
        with self._lock:
            self._drop_old()
            return self._texts.get(job_id)

    def _drop_old(self) -> None:
        limit = time.monotonic() - KEEP_SECONDS
        for job_id in [job_id for job_id, moment in self._ended.items() if moment < limit]:
            del self._ended[job_id], self._texts[job_id]
