"""What people said of similar label items: the active exemplars of a project as a label memory beside the model's own likelihoods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from app.worker.models import Models
from app.worker.retrieval import QuestionVectors
from core.lessons.label_memory import LabelMemory, fuse
from core.types import LessonKind, LessonText, Question
from store import lessons, vectors
from store.engine import Database

if TYPE_CHECKING:
    from core.embedding import Vectors

MOST = 5000  # exemplars that count: the newest
LOGGED = 5  # of the nearest, kept with the answer as what it drew on


@dataclass(frozen=True, slots=True)
class Remembered:
    """Shares over the labels, how much they weigh, and the nearest exemplars with their cosines."""

    shares: tuple[float, ...]
    evidence: float
    nearest: tuple[LessonText, ...]

    def beside(self, model: Sequence[float]) -> list[float]:
        """The model's probabilities with the memory's."""
        fused = fuse(np.array([model]), np.array([self.shares]), np.array([self.evidence]))[0]
        return [float(share) for share in fused]


def remembered(
    db: Database,
    models: Models,
    project_id: int,
    labels: Sequence[str],
    questions: Sequence[Question],
    embedded: Callable[[], QuestionVectors],
    without: Sequence[Collection[int]] | None = None,
) -> list[Remembered | None]:
    """One per question, whose vectors ``embedded`` gives; ``None`` for all while no active exemplar names one of the labels.

    Asks the database at this moment. ``without``: for each question, lessons that count as if they did not exist.
    """
    with db.read() as session:
        if not labels or not lessons.any_active(session, project_id, LessonKind.EXEMPLAR):
            return [None] * len(questions)
        known = _examples(session, project_id, models.embedder.model_id, labels)
    if known is None:
        return [None] * len(questions)
    texts, memory = known
    if without is None or not any(without):
        return list(_said(memory, texts, embedded().query))
    found: list[Remembered | None] = []
    for query, gone in zip(embedded().query, without, strict=True):
        with memory.without(gone):
            found += _said(memory, texts, query[None]) if len(memory) else [None]
    return found


def _said(memory: LabelMemory, texts: Mapping[int, LessonText], queries: Vectors) -> list[Remembered]:
    """What the memory says of each query (n, dim)."""
    shares, evidence = memory.votes(queries)
    return [
        Remembered(
            tuple(map(float, one)),
            float(weight),
            tuple(replace(texts[key], score=cosine) for key, cosine in memory.nearest(query, LOGGED)),
        )
        for query, one, weight in zip(queries, shares, evidence, strict=True)
    ]


def _examples(
    session: Session, project_id: int, model: str, labels: Sequence[str]
) -> tuple[dict[int, LessonText], LabelMemory] | None:
    ids, matrix = vectors.all_in(session, project_id, LessonKind.EXEMPLAR.value, model)
    newest = sorted(range(len(ids)), key=lambda place: -ids[place])[:MOST]
    texts = lessons.active_texts(session, [ids[place] for place in newest])
    named = {
        place: label
        for place in newest
        if ids[place] in texts and (label := label_in(texts[ids[place]].text, labels)) is not None
    }
    if not named:
        return None
    memory = LabelMemory(len(labels), matrix.shape[1])
    memory.add([ids[place] for place in named], matrix[list(named)], [labels.index(label) for label in named.values()])
    return dict(texts), memory


def label_in(text: str, labels: Sequence[str]) -> str | None:
    """The label that an exemplar ends with; ``None`` for one that ends otherwise."""
    said = text.rpartition("\nAnswer:")[2].strip().casefold()
    return next((label for label in labels if label.casefold() == said), None)
