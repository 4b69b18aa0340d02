"""What can go wrong, each saying what to do."""

from __future__ import annotations


class CorrigendaError(Exception):
    """Any failure of this client."""


class ApiError(CorrigendaError):
    """The server refused. ``code`` is for programs, ``detail`` for people, ``status`` the HTTP status."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail


class ConnectionFailed(CorrigendaError):
    """The server could not be reached, after every retry."""


class WaitedTooLong(CorrigendaError):
    """What was waited for did not come in time. ``done`` holds what had come."""

    def __init__(self, message: str, done: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.done = done


class BadSignature(CorrigendaError):
    """A message that claims to be a webhook and is not to be trusted."""
