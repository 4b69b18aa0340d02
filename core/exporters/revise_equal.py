"""Segment revisions of equal length (ReDiff, paper 12): those replacements alone whose two sides have as many words as each other.

What a masked diffusion model can learn, which fills places and cannot add any. Unlike the paper words are counted, since the tokenizer
is not known here; ``ReviseExporter(equal_length=...)`` takes one. Schema 1.
"""

from __future__ import annotations

from core.exporters.base import REGISTRY
from core.exporters.revise import ReviseExporter, count_words


@REGISTRY.register("revise_equal")
class EqualReviseExporter(ReviseExporter):
    name = "revise_equal"
    title = "Segment revisions of equal length"

    def __init__(self) -> None:
        super().__init__(count_words)
