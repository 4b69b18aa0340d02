"""What every page and route of one web process shares; handed to each of them when it is built."""

from __future__ import annotations

from dataclasses import dataclass

from app.settings import Settings
from store.engine import Database


@dataclass(frozen=True, slots=True)
class AppState:
    """One per process. Holds no user's data: that lives in the database."""

    settings: Settings
    db: Database
