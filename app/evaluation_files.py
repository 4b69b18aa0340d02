"""Evaluation files whose items must not be trained on: read by page and command, kept as a set of texts."""

from __future__ import annotations

from pathlib import Path

from app.importing import guessed_mapping
from core.importing import NewRow, read_rows
from core.lessons.prompt import question_text
from core.types import Question
from store.evaluation_sets import MOST_TEXTS


def held_texts(path: Path) -> list[str]:
    """What the items ask, context first, as rows of exports do. Raises ``ValueError``: no column is a prompt, or there are too many."""
    found: list[str] = []
    for row in read_rows(path, guessed_mapping(path)):
        if isinstance(row, NewRow):
            found.append(question_text(Question(row.prompt, row.context)))
        if len(found) > MOST_TEXTS:
            raise ValueError(f"an evaluation set holds at most {MOST_TEXTS:,} texts")
    return found
