"""Pictures in a look-up: those of the item at hand, past items that show the same, and the lesson that a picture chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from app.worker.models import Models
from core.images import data_uri, opened
from core.lessons.by_image import likeness, passed_over
from core.lessons.sufficiency import LookUp
from core.types import Question
from store import images, lookups
from store.engine import Database
from store.vectors import of as stored_vectors

if TYPE_CHECKING:
    from core.image_encoders.base import Vectors

NEAREST = 20  # pictures that are looked at
OUTDONE = "another lesson's picture is nearer"


def pictures_of(db: Database, models: Models, project_id: int, item_ids: Sequence[int]) -> dict[int, Vectors]:
    """The pictures of each item that has any as vectors (n, dim); nothing, and no encoder, where no lesson came from a picture."""
    with db.read() as session:
        found = images.of_items(session, item_ids)
        if not found or not images.any_to_embed(session, project_id):
            return {}
        ids = [one.id for pictures in found.values() for one in pictures]
        known = stored_vectors(session, images.SCOPE, ids, models.image_encoder.model_id)
        data = images.data_of(session, [id_ for id_ in ids if id_ not in known])
    known |= dict(zip(data, models.image_encoder.embed([opened(one) for one in data.values()]), strict=True))
    return {item: np.stack([known[one.id] for one in pictures]) for item, pictures in found.items()}


def same_shown(session: Session, models: Models, project_id: int, pictures: Vectors) -> list[tuple[int, float]]:
    """Past items that show the same as one of ``pictures``, with how far, in (0, 1]."""
    best: dict[int, float] = {}
    for vector in pictures:
        for hit in models.search_images(project_id, vector, NEAREST):
            best[hit.owner_id] = max(hit.score, best.get(hit.owner_id, -1.0))
    owners = images.items_of(session, list(best))
    alike: dict[int, float] = {}
    for picture, item in owners.items():
        alike[item] = max(likeness(best[picture], models.image_encoder.alike), alike.get(item, 0.0))
    return [(item, far) for item, far in alike.items() if far > 0]


def chosen_by_picture(db: Database, models: Models, question: Question, pictures: Vectors, found: LookUp) -> LookUp:
    """A look-up without the lessons that give way to one whose picture is nearer: see ``core.lessons.by_image``."""
    ranked = found.accepted
    with db.read() as session:
        sources = lookups.items_of(session, [lesson.id for lesson in ranked])
        kept = images.of_items(session, sorted({item for items in sources.values() for item in items}))
        ids = [one.id for ones in kept.values() for one in ones]
        vectors = stored_vectors(session, images.SCOPE, ids, models.image_encoder.model_id)
    theirs = {
        lesson: np.stack(stack)
        for lesson, items in sources.items()
        if (stack := [vectors[one.id] for item in items for one in kept.get(item, ()) if one.id in vectors])
    }
    words = models.image_encoder.embed_words([question.prompt]) if theirs else None
    shown = {lesson: float((matrix @ pictures.T).max()) for lesson, matrix in theirs.items()}
    if words is None:
        said = {lesson.id: lesson.score for lesson in ranked if lesson.id in theirs}
    else:
        said = {lesson: float((matrix @ words[0]).max()) for lesson, matrix in theirs.items()}
    return _without(found, passed_over(ranked, said, shown))


def _without(found: LookUp, gone: set[int]) -> LookUp:
    if not gone:
        return found
    rounds = tuple(
        replace(
            one,
            hits=tuple(
                replace(hit, accepted=False, why=OUTDONE) if hit.accepted and hit.lesson_id in gone else hit
                for hit in one.hits
            ),
        )
        for one in found.rounds
    )
    accepted = tuple(lesson for lesson in found.accepted if lesson.id not in gone)
    return replace(found, accepted=accepted, rounds=rounds)


def uris_of(db: Database, item_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The pictures of each item that has any, as a model server takes them."""
    with db.read() as session:
        found = images.of_items(session, item_ids)
        data = images.data_of(session, [one.id for pictures in found.values() for one in pictures])
    return {
        item: tuple(data_uri(one.media_type, data[one.id]) for one in pictures if one.id in data)
        for item, pictures in found.items()
    }
