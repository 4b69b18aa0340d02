"""When a worker looks into a lane: at once when it is told that a job lies there, else every second.

Looking costs three statements; at a pace that a person does not notice, that was an eighth of a processor for an idle worker.
"""

from __future__ import annotations

import threading
import time

REST = 1.0  # seconds between looks into a lane of which nothing is heard
GAP = 0.01  # least seconds between looks: jobs that come together are taken together
WARM = 0.25  # seconds after a job began or ended in which more may wait than was taken
WARM_PACE = 0.03  # seconds between looks then
DEAF = 60.0  # seconds for which a lane is looked into at its own pace after a job was found that nobody told of


class Bell(threading.Event):
    """One lane's. The job engine's look-out waits for its event between looks: set, it ends; rung, it looks at once."""

    def __init__(self, pace: float) -> None:
        """``pace``: seconds between looks while nobody can tell of jobs."""
        super().__init__()
        self._pace = pace
        self._changed = threading.Condition()
        self._rung = self._resting = False
        self._warm_until = self._deaf_until = self._looked = 0.0

    def set(self) -> None:
        """Look no more."""
        super().set()
        self.ring()

    def wait(self, timeout: float | None = None) -> bool:
        """Until there is a reason to look, whatever ``timeout`` the engine has in mind; true when to look no more."""
        with self._changed:
            self._changed.wait_for(self.is_set, max(0.0, self._looked + GAP - time.monotonic()))
            patience = self._patience()
            told = self._changed.wait_for(lambda: self._rung or self.is_set(), patience)
            self._resting = patience == REST and not told
            self._rung, self._looked = False, time.monotonic()
            return self.is_set()

    def _patience(self) -> float:
        now = time.monotonic()
        if now < self._warm_until:
            return WARM_PACE
        return self._pace if now < self._deaf_until else REST

    def ring(self) -> None:
        """A job lies in the lane, or may."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def begun(self) -> None:
        """A job of this lane begins. If nobody told of it, others may be missed too: for a while it is looked at the lane's pace."""
        with self._changed:
            now = time.monotonic()
            if self._resting:
                self._deaf_until = now + DEAF
            self._warm_until = now + WARM

    def ended(self) -> None:
        """A job of this lane has ended, and its thread is free in a moment."""
        with self._changed:
            self._warm_until = time.monotonic() + WARM
        self.ring()

    def deaf(self, seconds: float) -> None:
        """Nobody can tell of jobs for now: look at the lane's own pace."""
        with self._changed:
            self._deaf_until = time.monotonic() + seconds
        self.ring()
