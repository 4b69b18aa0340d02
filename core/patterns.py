"""People's patterns, compiled by RE2: they match in linear time, have at most 1 kB, and their memory is bounded."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MAX_PATTERN, MAX_MEMORY = 1_000, 8 << 20
QUOTED = 80


def quote(text: str, start: int, end: int | None = None) -> str:
    """The place on one line, at most 80 characters long."""
    return " ".join(text[start : min(len(text) if end is None else end, start + QUOTED)].split())


@lru_cache(maxsize=2048)
def compile_pattern(pattern: str) -> Any:
    """A compiled RE2 pattern; ``ValueError`` says what is wrong with it."""
    import re2

    if not pattern or len(pattern.encode()) > MAX_PATTERN:
        raise ValueError(f"A pattern has 1 to {MAX_PATTERN} characters; this one has {len(pattern)}.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as problem:
        said = problem.args[0].decode(errors="replace") if isinstance(problem.args[0], bytes) else str(problem)
        raise ValueError(
            f"This pattern cannot be used: {said}. Look-around and back-references are not available."
        ) from None
