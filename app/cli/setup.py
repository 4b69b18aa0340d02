"""What every command does first: settings with the command line's words in them, a data directory, an up-to-date database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.settings import Settings


class SetupError(RuntimeError):
    """Something about this installation must be put right by the user; the message says what."""


def settings_with(**given: Any) -> Settings:
    """The environment's settings, overridden by the options that were given."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def ready(settings: Settings) -> Path | None:
    """Make the data directory and bring the database and the job engine's tables up to date; returns the backup, if any."""
    from app.worker import engine
    from store import migrate

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise SetupError(f"cannot make the data directory {settings.data_dir}: {problem}") from problem
    saved = migrate.upgrade(settings.url, settings.data_dir)
    engine.prepare(settings.url)
    return saved


def add_user(settings: Settings, name: str, role: str, password: str) -> None:
    """Add a person; raises ``ValueError`` for a taken name, an unknown role or a short password."""
    from app import auth
    from store.engine import Database

    ready(settings)
    db = Database(settings.url)
    try:
        auth.make_user(db, name, password, role)
    finally:
        db.dispose()
