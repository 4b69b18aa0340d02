"""What a distiller takes and gives: the whole history of one item in, proposed lessons out (DROC, paper 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.registry import Registry
from core.types import Attempt, LessonDraft, Question


@dataclass(frozen=True, slots=True)
class History:
    """The attempts on one item in order, each with the correction that followed it; ``final`` is the text accepted in the end."""

    question: Question
    attempts: tuple[Attempt, ...]
    final: str | None = None


class Distiller(Protocol):
    name: str

    def distil(self, history: History) -> Sequence[LessonDraft]:
        """Zero or more proposals; each names the corrections it drew on."""
        ...


REGISTRY: Registry[Distiller] = Registry("distiller")
