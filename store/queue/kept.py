"""Figures about many rows, kept in this process for a moment: a page of each person asks for them every few seconds.

Of small queues everything is counted anew. Of large ones a figure is at most ``TIMES`` times as old as counting it took, and never
older than ``LONGEST``, so that counting takes a twentieth of a core however many people look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy.orm import Session

LARGE = 50_000  # rows from which on a figure is kept
TIMES, LONGEST = 20.0, 30.0  # seconds
MOST = 1000  # figures; beyond that all are forgotten


@dataclass(slots=True)
class _Figures:
    found: Mapping[str, int]
    until: float
    turn: threading.Lock = field(default_factory=threading.Lock)


_figures: dict[tuple[str, ...], _Figures] = {}


def kept(session: Session, name: str, counted: Callable[[], Mapping[str, int]], *, size: str) -> dict[str, int]:
    """What ``counted`` finds, now or a moment ago; ``size`` is the figure in it that says how many rows it is about.

    ``name`` says of what. One caller counts at a time; others take what was found last.
    """
    key = (str(session.get_bind().engine.url), name)
    known = _figures.get(key)
    if known is not None and (monotonic() < known.until or not known.turn.acquire(blocking=False)):
        return dict(known.found)
    try:
        begun = monotonic()
        found = counted()
        ended = monotonic()
    finally:
        if known is not None:
            known.turn.release()
    if len(_figures) > MOST:
        _figures.clear()
    if found[size] > LARGE and session.info.get("readonly"):  # what another session wrote may be taken back yet
        _figures[key] = _Figures(found, ended + min(LONGEST, TIMES * (ended - begun)))
    else:
        _figures.pop(key, None)
    return dict(found)


def forget() -> None:
    """Count everything anew."""
    _figures.clear()
