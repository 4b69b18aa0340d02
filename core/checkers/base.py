"""The checker protocol: a text in, findings out, each with its place, its class, and what would put it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.registry import Registry


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked place. ``ok`` findings are kept too: they are evidence for an answer. Spans index the checked text."""

    ok: bool
    error_class: str
    start: int
    end: int
    message: str
    fixes: tuple[str, ...] = ()


class Checker(Protocol):
    """A program that checks a text. Never raises on bad text: what it cannot read it does not report."""

    name: str

    def check(self, text: str, given: str = "") -> list[Finding]:
        """Findings in ``text`` in the order of their spans; ``given`` is the prompt and context it answers."""
        ...


REGISTRY: Registry[Checker] = Registry("checker")
