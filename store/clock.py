"""The one place that reads the time, so that deadlines can be tested on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """The present moment, aware and in UTC."""
    return _source()


def use(source: Callable[[], datetime] | None) -> None:
    """Take the time from ``source``; ``None`` goes back to the system's clock. For tests."""
    global _source
    _source = source or _system
