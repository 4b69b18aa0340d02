"""Entities for prompts: names that look, sound or mean like spans of a transcript or text, beside the lessons that a look-up accepted.

They have no part in the relevance gate, which judges lessons by what they bear on: an entity bears on a span, and its likeness to it is
its score. The meaning comes from the vectors that are stored with the lessons; spans are embedded only where a form is near.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app.worker.models import Models
from core.lessons.entities import Entity, index_of
from core.lessons.hearing import heard
from core.lessons.sufficiency import LookUp
from core.types import ItemType, LessonKind, Question
from store import entities, lessons
from store.engine import Database
from store.vectors import of as stored_vectors

if TYPE_CHECKING:
    from core.embedding import Vectors

HEARD_IN = (ItemType.ASR_TRANSCRIPT, ItemType.TEXT)


def with_entities(
    db: Database,
    models: Models,
    project_id: int,
    questions: Sequence[Question],
    found: Sequence[LookUp],
    without: Sequence[Collection[int]] | None = None,
) -> list[LookUp]:
    """The look-ups with the entities of each question at their end; nothing is embedded where no form is near."""
    asked = [place for place, question in enumerate(questions) if question.item_type in HEARD_IN]
    result = list(found)
    if not asked:
        return result
    with db.read() as session:
        known = entities.known(session, project_id)
        if not known:  # most projects: no vectors are asked for, and no encoder is loaded
            return result
        vectors = stored_vectors(session, "lesson", [one.id for one in known], models.embedder.model_id)
    for place in asked:
        gone = set(without[place]) if without else set()
        names = _names(models, [one for one in known if one.id not in gone], questions[place], vectors)
        with db.read() as session:  # the last word is the table's
            active = lessons.active_texts(session, list(names))
        texts = tuple(
            replace(active[id_], score=score)
            for id_, score in names.items()
            if id_ in active and active[id_].kind is LessonKind.ENTITY
        )
        result[place] = replace(result[place], accepted=(*result[place].accepted, *texts))
    return result


def _names(
    models: Models, known: Sequence[Entity], question: Question, vectors: dict[int, np.ndarray]
) -> dict[int, float]:
    """Lesson ids with their scores, best first."""
    matrix = _matrix(known, vectors)

    def meaning(spans: Sequence[str]) -> Vectors:
        places = {span: place for place, span in enumerate(dict.fromkeys(spans))}
        embedded = models.embedder.embed(list(places))[[places[span] for span in spans]]
        against = np.zeros((0, embedded.shape[1]), np.float32) if matrix is None else matrix
        return np.asarray(embedded @ against.T, np.float32)

    index = index_of(tuple(known))
    others = question.hypotheses[1:]
    text = f"{question.prompt}\n{question.context}".strip()
    near = heard(text, index, others=others, meaning=meaning if matrix is not None else None)
    return {one.near.entity.id: one.near.score for one in near}


def _matrix(known: Sequence[Entity], vectors: dict[int, np.ndarray]) -> Vectors | None:
    """(n, d); a lesson that is not embedded yet has zeros, and where none is there is no meaning to go by."""
    if not vectors:
        return None
    nothing = np.zeros_like(next(iter(vectors.values())))
    return np.stack([vectors.get(one.id, nothing) for one in known])
