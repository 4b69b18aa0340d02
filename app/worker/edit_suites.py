"""The edit suite of a lesson from what the project holds: its example, items people linked to it, and one where it must not show."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Exists, exists, select
from sqlalchemy.orm import Session

from app.worker.retrieval import query_text
from app.worker.runner import Context
from core.generators.base import GenerationRequest, GeneratorError, NotAvailable
from core.lessons.edit_suite import PARAPHRASES, Made, Probe, ProbeKind, reworded_request, suite, told_apart
from core.lessons.wording import without_instances
from core.projects import ProjectSettings
from core.types import ItemType, LessonKind, LessonStatus, Question, Verdict
from store import edit_suites, items, lesson_trials, lessons, outputs, projects
from store.reviews import is_current
from store.tables import Correction, Item, Lesson, LessonProbe, Output, Retrieval, Review

NEAREST_OF = 200  # candidates for a hard negative, the newest
ASKED = 4  # times, for two paraphrases
SAME = 0.95  # cosine from which an item is the example over again and no negative


def make(context: Context, lesson_id: int) -> list[LessonProbe]:
    """Make or renew the suite and return what stands of it; without an encoder there is a made near miss at worst."""
    with context.db.read() as session:
        lesson = lessons.get(session, lesson_id)
        canonical = _canonical(session, lesson)
        linked = _on_items(session, lesson, "used", ProbeKind.PARAPHRASE, Made.LINKED)[:PARAPHRASES]
        negatives = _on_items(session, lesson, "not_relevant", ProbeKind.NEGATIVE, Made.VOTED)[:1]
        candidates = [] if negatives else _without_it(session, lesson, canonical)
    if candidates and lesson.status == LessonStatus.ACTIVE:
        negatives = _nearest(context, lesson, candidates)
    by_model = _by_model(context, lesson, canonical)
    with context.db.write() as session:
        return edit_suites.put(session, lessons.get(session, lesson_id), suite(canonical, linked, negatives, by_model))


def _by_model(context: Context, lesson: Lesson, canonical: Probe) -> list[Probe]:
    """Paraphrases by the model, where the project wants them: those that stand for this wording, else new ones.

    Whether they mean the same is judged by the encoder alone, so that no answer is held to be theirs.
    """
    with context.db.read() as session:
        wanted = (
            ProjectSettings.model_validate(projects.get(session, lesson.project_id).settings).paraphrases == "model"
        )
        there = [row.text for row in edit_suites.standing(session, lesson) if row.made == Made.MODEL]
    if not wanted:
        return []
    texts = there or _reworded(context, canonical.text)[:PARAPHRASES]
    return [Probe(ProbeKind.PARAPHRASE, text, Made.MODEL, canonical.context) for text in texts]


def _reworded(context: Context, text: str) -> list[str]:
    """What the project's model says, as far as it is another wording that is near; nothing where it cannot be asked."""
    messages = tuple(reworded_request(text))
    asked = [
        GenerationRequest(messages, max_new_tokens=128, temperature=0.8, top_p=0.95, seed=number)
        for number in range(ASKED)
    ]
    try:
        waiting = [context.models.batcher.submit(one, priority=context.job.priority) for one in asked]
        said = [one.result().text.strip().strip('"“”') for one in waiting]
    except (GeneratorError, NotAvailable):
        return []
    vectors = context.models.embedder.embed([text, *said])
    return told_apart(text, said, [float(cosine) for cosine in vectors[1:] @ vectors[0]])


def _canonical(session: Session, lesson: Lesson) -> Probe:
    """The item of the first correction that it drew on; without one, what an exemplar asks, or when the lesson says it applies."""
    sources = lessons.lineage(session, lesson.id).sources
    if sources:
        return _of_item(session, outputs.get(session, sources[0].output_id).item, ProbeKind.CANONICAL, Made.SOURCE)
    if lesson.kind == LessonKind.EXEMPLAR and lesson.extra.get("question"):
        answer = str(lesson.extra.get("answer") or "") or None
        return Probe(ProbeKind.CANONICAL, str(lesson.extra["question"]), Made.SOURCE, answer=answer)
    return Probe(ProbeKind.CANONICAL, lesson.applicability, Made.APPLICABILITY)


def _of_item(session: Session, item: Item, kind: ProbeKind, made: Made) -> Probe:
    wanted = lesson_trials.target(session, item)
    return Probe(kind, item.prompt, made, item.context, wanted.text if wanted else None, item.id)


def _on_items(session: Session, lesson: Lesson, vote: str, kind: ProbeKind, made: Made) -> list[Probe]:
    """Items that are none of the lesson's sources and in whose prompt people gave it this vote, the newest first."""
    query = (
        select(Output.item_id)
        .join(Retrieval, Retrieval.output_id == Output.id)
        .where(Retrieval.lesson_id == lesson.id, Retrieval.vote == vote)
        .order_by(Retrieval.id.desc())
    )
    own = {outputs.get(session, source.output_id).item_id for source in lessons.lineage(session, lesson.id).sources}
    ids = [id_ for id_ in dict.fromkeys(session.scalars(query.limit(50))) if id_ not in own]
    return [_of_item(session, items.get(session, id_), kind, made) for id_ in ids[:PARAPHRASES]]


def _without_it(session: Session, lesson: Lesson, canonical: Probe) -> list[Probe]:
    """Items that were right at once without the lesson, and never corrected: where it is not needed. Of labels: under another label."""
    query = (
        select(Item)
        .join(Output, Output.item_id == Item.id)
        .join(Review, Review.output_id == Output.id)
        .where(
            Item.project_id == lesson.project_id,
            Output.attempt == 1,
            Review.verdict == Verdict.ACCEPTABLE,
            is_current(Review),
            ~exists().where(Retrieval.output_id == Output.id, Retrieval.lesson_id == lesson.id),
            ~_corrected(),
        )
        .order_by(Item.id.desc())
        .limit(NEAREST_OF)
    )
    found = [
        _of_item(session, item, ProbeKind.NEGATIVE, Made.NEAR)
        for item in dict.fromkeys(session.scalars(query))
        if item.id != canonical.item_id
    ]
    project = projects.get(session, lesson.project_id)
    if project.item_type == ItemType.LABEL and canonical.answer:
        mine = canonical.answer.strip().casefold()
        found = [probe for probe in found if probe.answer and probe.answer.strip().casefold() != mine]
    return found


def _corrected() -> Exists:
    """Whether any attempt on the item was corrected."""
    other = Output.__table__.alias("any_attempt")
    return exists().where(other.c.item_id == Item.id, Correction.output_id == other.c.id)


def _nearest(context: Context, lesson: Lesson, candidates: Sequence[Probe]) -> list[Probe]:
    """The one whose question is nearest to when the lesson applies, unless it is the same over again."""
    texts = [query_text(Question(probe.text, probe.context)) for probe in candidates]
    found = context.models.embedder.embed([without_instances(lesson.applicability), *texts])
    cosines = found[1:] @ found[0]
    order = sorted(range(len(candidates)), key=lambda place: (-float(cosines[place]), place))
    return [candidates[place] for place in order if float(cosines[place]) < SAME][:1]
