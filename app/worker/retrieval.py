"""Lessons for prompts: proposed by the index, confirmed by the database at that moment, and confirmed again when the answer is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.worker.models import Models
from core.lessons.prompt import slot_of
from core.lessons.retrieve import LessonVotes, retrieve
from core.lessons.wording import without_instances
from core.projects import ProjectSettings
from core.types import LessonKind, LessonText, Question
from store import lessons, projects
from store.engine import Database
from store.outputs import NewRetrieval
from store.tables import Lesson

if TYPE_CHECKING:
    from core.embedding import Vectors

MEMORY = "memory"  # the place of a retrieval that counts beside the prompt


def query_text(question: Question) -> str:
    """What is compared with the lessons' applicability: the prompt first, because the encoder reads about 256 tokens."""
    return without_instances(f"{question.prompt}\n{question.context}".strip())


def vectors_of(models: Models, questions: Sequence[Question]) -> Callable[[], Vectors]:
    """The questions' vectors (n, dim) for search, made when they are first asked for and not again."""
    return cache(lambda: models.embedder.embed([query_text(question) for question in questions]))


def lessons_for(
    db: Database,
    models: Models,
    project_id: int,
    options: ProjectSettings,
    questions: Sequence[Question],
    embedded: Callable[[], Vectors] | None = None,
    without: Sequence[Collection[int]] | None = None,
) -> list[list[LessonText]]:
    """The active lessons that apply to each question, in slot order; no encoder is loaded for a project without any.

    ``without``: for each question, lessons that are to be looked up as if they did not exist.
    """
    nothing: list[list[LessonText]] = [[] for _ in questions]
    if options.lesson_tokens == 0 or options.lessons_per_slot == 0:
        return nothing
    with db.read() as session:
        if not lessons.any_active(session, project_id):
            return nothing
    vectors = (embedded or vectors_of(models, questions))()
    index, model_id = models.index, models.embedder.model_id
    with db.read() as session:
        found = []
        for question, vector, unwanted in zip(questions, vectors, without or [()] * len(questions), strict=True):
            votes: dict[int, LessonVotes] = {}

            def search(kind: LessonKind, _text: str, k: int, vector: object = vector) -> list[tuple[int, float]]:
                hits = index.search(project_id, [kind.value], vector, k, model_id=model_id)  # type: ignore[arg-type]
                return [(hit.owner_id, hit.score) for hit in hits]

            def recheck(
                ids: Sequence[int],
                votes: dict[int, LessonVotes] = votes,
                unwanted: Collection[int] = unwanted,
            ) -> dict[int, LessonText]:
                active = dict(lessons.active_texts(session, [id_ for id_ in ids if id_ not in unwanted]))
                votes |= lessons.votes_of(session, list(active))
                return active

            found.append(
                retrieve(
                    search,
                    query_text(question),
                    floor=options.lesson_floor,
                    per_slot=options.lessons_per_slot,
                    recheck=recheck,
                    votes=votes,
                )
            )
        return found


def find_for(db: Database, models: Models, project_id: int, prompt: str, context: str) -> list[LessonText]:
    """The lessons that apply to a prompt that is no item. Raises ``LookupError`` for no such project."""
    with db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    return lessons_for(db, models, project_id, options, [Question(prompt, context)])[0]


def as_retrievals(
    session: Session, kept: Sequence[LessonText], remembered: Sequence[LessonText] = ()
) -> list[NewRetrieval]:
    """The rows that say which lessons, in which form and place, are in a prompt that is being made now.

    ``remembered`` are not read by the model: their labels count beside its own likelihoods, under the slot ``memory``.
    """
    placed = [(slot_of(lesson.kind).value, lesson) for lesson in kept]
    placed += [(MEMORY, lesson) for lesson in remembered if lesson.id not in {one.id for one in kept}]
    revisions = lessons.revisions_of(session, [lesson.id for _, lesson in placed])
    rows: list[NewRetrieval] = []
    for slot, lesson in placed:
        rank = sum(row.slot == slot for row in rows)
        rows.append(NewRetrieval(lesson.id, revisions[lesson.id], slot, rank, lesson.score))
    return rows


def still_stand(session: Session, retrievals: Sequence[NewRetrieval]) -> bool:
    """Whether every lesson of a prompt is active and unchanged; a retract that comes later waits for this transaction."""
    ids = [row.lesson_id for row in retrievals]
    if not ids:
        return True
    session.execute(select(Lesson.id).where(Lesson.id.in_(ids)).order_by(Lesson.id).with_for_update(read=True))
    now = lessons.revisions_of(session, ids)
    active = lessons.active_texts(session, ids)
    return all(row.lesson_id in active and now[row.lesson_id] == row.lesson_revision for row in retrievals)
