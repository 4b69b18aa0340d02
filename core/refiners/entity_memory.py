"""Puts an answer right from the memory of names and words that people put right (DARAG, paper 31), without asking a model.

Only what the memory is sure of changes (``core.lessons.entity_corrector``); where that is nothing there is no second answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.generators.base import Message
from core.lessons.entity_corrector import Corrected, EntityMemory
from core.refiners.base import REGISTRY, RefineInput


@REGISTRY.register("entity_memory")
class EntityMemoryRefiner:
    """``token_budget`` is that of other refiners; nothing is read by a model here."""

    name = "entity_memory"

    def __init__(self, token_budget: int = 400) -> None:
        self.token_budget = token_budget

    def messages(self, x: RefineInput) -> Sequence[Message] | None:
        return None

    def rewrite(self, x: RefineInput, memory: EntityMemory) -> Corrected | None:
        """The last attempt as the memory would have it; ``None`` where it changes nothing. ``ValueError`` without an attempt."""
        if not x.attempts:
            raise ValueError("there is no answer to put right")
        found = memory.correct(x.attempts[-1].text, x.question.hypotheses[1:])
        return found if found.changes else None
