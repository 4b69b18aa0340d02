"""What a failing database means to people, in words that say what to do. Whatever was asked for did not happen, as a whole."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.view.languages import _

_FULL = {"SQLITE_FULL", "53100"}  # the names of one condition in SQLite and in PostgreSQL


def in_words(problem: SQLAlchemyError) -> str:
    """For the person who waits; what failed is logged."""
    structlog.get_logger("database").error("a request failed in the database", exc_info=problem)
    if is_full(problem):
        return _(
            "The server's disk is full, so that nothing can be kept there now. What you typed is still in this browser: leave the page "
            "open, tell an admin, and send it again when there is room."
        )
    return _("The database did not answer. Nothing is lost: your text is still here. Try again in a moment.")


def is_full(problem: SQLAlchemyError) -> bool:
    """Whether there is no room left on the disk of the database."""
    cause = problem.orig if isinstance(problem, DBAPIError) else None
    return bool({getattr(cause, "sqlite_errorname", None), getattr(cause, "sqlstate", None)} & _FULL)


def is_away(problem: SQLAlchemyError) -> bool:
    """Whether the same request may go well later: the database is gone, full, or had no time, and the request is not at fault."""
    return isinstance(problem, OperationalError | PoolTimeout) or is_full(problem)
