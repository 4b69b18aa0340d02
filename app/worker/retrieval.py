"""Lessons for prompts: proposed by the index, confirmed by the database at that moment, and confirmed again when the answer is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.worker.models import Models
from app.worker.naming import with_entities
from app.worker.picturing import chosen_by_picture, pictures_of, same_shown
from core.lessons.links import NEAREST
from core.lessons.prompt import slot_of
from core.lessons.retrieve import TOP, chosen
from core.lessons.sufficiency import Candidate, LookUp, PastUse, Query, candidate, lesson_stems, look_up, queries
from core.lessons.wording import without_instances
from core.lessons.words import stems
from core.projects import ProjectSettings
from core.types import ItemType, LessonKind, LessonText, Question
from store import lesson_search, lessons, lookups, projects
from store.engine import Database
from store.outputs import NewRetrieval
from store.tables import Lesson
from store.vectors import of as stored_vectors

if TYPE_CHECKING:
    from core.embedding import Vectors

ITEM = "item"  # the scope of past items on which lessons were of use
KINDS = [
    kind.value for kind in LessonKind if kind is not LessonKind.ENTITY
]  # entities are found by sound: see with_entities
MEMORY = "memory"  # the place of a retrieval that counts beside the prompt


def query_text(question: Question) -> str:
    """What is compared with the lessons' applicability: the prompt first, because the encoder reads about 256 tokens."""
    return without_instances(f"{question.prompt}\n{question.context}".strip())


def plain_text(question: Question) -> str:
    """The prompt as it is, with the terms that it sets apart."""
    return f"{question.prompt}\n{question.context}".strip()


@dataclass(frozen=True, slots=True)
class QuestionVectors:
    """(n, dim) each: of the questions as search takes them, and as they are."""

    query: Vectors
    plain: Vectors


def vectors_of(models: Models, questions: Sequence[Question]) -> Callable[[], QuestionVectors]:
    """The questions' vectors, made when they are first asked for and not again, all in one call and each text once."""

    def made() -> QuestionVectors:
        texts = [query_text(question) for question in questions] + [plain_text(question) for question in questions]
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        vectors = models.embedder.embed(list(places))[[places[text] for text in texts]]
        return QuestionVectors(vectors[: len(questions)], vectors[len(questions) :])

    return cache(made)


def lessons_for(
    db: Database,
    models: Models,
    project_id: int,
    options: ProjectSettings,
    questions: Sequence[Question],
    embedded: Callable[[], QuestionVectors] | None = None,
    without: Sequence[Collection[int]] | None = None,
) -> list[list[LessonText]]:
    """The active lessons that apply to each question, in slot order: see ``look_ups``."""
    found = look_ups(db, models, project_id, options, questions, embedded, without)
    return [chosen(one.accepted, options.lessons_per_slot) for one in found]


def look_ups(
    db: Database,
    models: Models,
    project_id: int,
    options: ProjectSettings,
    questions: Sequence[Question],
    embedded: Callable[[], QuestionVectors] | None = None,
    without: Sequence[Collection[int]] | None = None,
) -> list[LookUp]:
    """How the lessons of each question were found; no encoder is loaded for a project without any, and nothing is looked up then.

    ``without``: for each question, lessons that are to be looked up as if they did not exist.
    """
    nothing = [LookUp() for _ in questions]
    if options.lesson_tokens == 0 or options.lessons_per_slot == 0:
        return nothing
    with db.read() as session:
        if not lessons.any_active(session, project_id):
            return nothing
        gate, enough = lookups.gate_of(session, project_id), lookups.enough_of(session, project_id)
    first = (embedded or vectors_of(models, questions))()
    asked = [queries(question) for question in questions]
    whole = zip(asked, first.query, strict=True)
    known = {(place, one[0].text): vector for place, (one, vector) in enumerate(whole) if one}
    running = {place: look_up(one, gate, options.lesson_floor, enough) for place, one in enumerate(asked)}
    item_ids = [question.item_id for question in questions if question.item_id is not None]
    pictures = pictures_of(db, models, project_id, item_ids) if item_ids else {}
    wanted: dict[int, Query] = {}
    for place, search in list(running.items()):
        _go_on(search, None, place, running, wanted, nothing)
    while running:
        _embed_rest(models, asked, wanted, known)
        with db.read() as session:
            for place, query in list(wanted.items()):
                unwanted = without[place] if without else ()
                vectors = first.plain[place], known[place, query.text]
                own = pictures.get(questions[place].item_id or 0)
                shown = same_shown(session, models, project_id, own) if own is not None else []
                found = _candidates(session, models, project_id, query.text, vectors, unwanted, shown)
                _go_on(running[place], found, place, running, wanted, nothing)
    for place, question in enumerate(questions):
        if (own := pictures.get(question.item_id or 0)) is not None:
            nothing[place] = chosen_by_picture(db, models, question, own, nothing[place])
    return with_entities(db, models, project_id, questions, nothing, without)


def _go_on(
    search: Generator[Query, Sequence[Candidate], LookUp],
    found: Sequence[Candidate] | None,
    place: int,
    running: dict[int, Any],
    wanted: dict[int, Query],
    ended: list[LookUp],
) -> None:
    """Give a look-up what its last query found; it asks again, or ends."""
    try:
        wanted[place] = next(search) if found is None else search.send(found)
    except StopIteration as end:
        ended[place] = end.value
        running.pop(place)
        wanted.pop(place, None)


def _embed_rest(
    models: Models, asked: Sequence[Sequence[Query]], wanted: Mapping[int, Query], known: dict[tuple[int, str], Vectors]
) -> None:
    """All further queries of the look-ups that go on, in one call."""
    new = [place for place, query in wanted.items() if (place, query.text) not in known]
    keys = [(place, query.text) for place in new for query in asked[place] if (place, query.text) not in known]
    if keys:
        known |= dict(zip(keys, models.embedder.embed([text for _, text in keys]), strict=True))


def _candidates(
    session: Session,
    models: Models,
    project_id: int,
    text: str,
    vectors: tuple[Vectors, Vectors],
    unwanted: Collection[int],
    shown: Sequence[tuple[int, float]],
) -> list[Candidate]:
    """What the index, the words, past use and pictures propose, confirmed by the database, with what speaks for each."""
    plain, query = vectors
    index, model = models.index, models.embedder.model_id  # brought up to date once for both searches
    hits = index.search(project_id, KINDS, query, TOP, model_id=model)
    near = [(hit.owner_id, hit.score) for hit in index.search(project_id, [ITEM], query, NEAREST, model_id=model)]
    items = [item for item, _ in [*near, *shown]]
    linked = lookups.links(session, project_id, items) if items else {}
    past = PastUse.of(near, linked, shown)
    ids = {hit.owner_id for hit in hits} | set(lesson_search.search(session, project_id, text, TOP)) | set(past.scores)
    active = lessons.active_texts(session, sorted(ids.difference(unwanted)))
    active = {id_: one for id_, one in active.items() if one.kind is not LessonKind.ENTITY}  # see with_entities
    votes = lessons.votes_of(session, list(active))
    there = stored_vectors(session, "lesson", list(active), model)
    said = stems(text)
    return [
        candidate(
            active[id_],
            (float(plain @ vector), float(query @ vector)),
            (said, lesson_stems(active[id_])),
            past,
            votes[id_],
        )
        for id_, vector in there.items()
    ]


def find_for(
    db: Database, models: Models, project_id: int, prompt: str, context: str
) -> tuple[list[LessonText], LookUp]:
    """The lessons that apply to a prompt that is no item, and how they were found. Raises ``LookupError`` for no such project."""
    with db.read() as session:
        project = projects.get(session, project_id)
        options, kind = ProjectSettings.model_validate(project.settings), ItemType(project.item_type)
    found = look_ups(db, models, project_id, options, [Question(prompt, context, item_type=kind)])[0]
    return chosen(found.accepted, options.lessons_per_slot), found


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
