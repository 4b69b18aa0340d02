"""How a model is asked to answer again: a refiner turns the history of an item into the next request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.generators.base import Message
from core.registry import Registry
from core.types import Attempt, CorrectionText, LessonText, Question, Vote


@dataclass(frozen=True, slots=True)
class RefineInput:
    """Everything a refiner may use: the question, the attempts so far, the correction to act on, and the lessons that apply.

    Those that need no correction go by the ``votes`` on the last attempt, whose ``label`` is that of a label item.
    """

    question: Question
    attempts: tuple[Attempt, ...]
    correction: CorrectionText | None
    lessons: tuple[LessonText, ...] = ()
    votes: tuple[Vote, ...] = ()
    label: str | None = None


class Refiner(Protocol):
    name: str

    def messages(self, x: RefineInput) -> Sequence[Message] | None:
        """The prompt of the next attempt; ``None`` when nothing needs a model call (``Dependency.INITIAL``)."""
        ...


REGISTRY: Registry[Refiner] = Registry("refiner")
