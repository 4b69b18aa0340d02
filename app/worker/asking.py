"""Asking the model about items: the prompt with its lessons, and the answer as generated or, for labels, as scored."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.worker.picturing import uris_of
from app.worker.remembering import Remembered, remembered
from app.worker.retrieval import as_retrievals, look_ups, vectors_of
from app.worker.runner import Context
from core.generators.base import Capability, GenerationRequest, GeneratorError, Message, ScoreRequest
from core.item_types import REGISTRY as ITEM_TYPES
from core.item_types.base import ItemTypeSpec
from core.lessons.prompt import keep_within
from core.lessons.retrieve import chosen
from core.lessons.sufficiency import LookUp
from core.projects import ProjectSettings
from core.steps import split
from core.types import ItemType, LessonText, Question, Step, TokenLogprob
from store import items, outputs, projects
from store.outputs import NewRetrieval
from store.tables import Item, Project


@dataclass(frozen=True, slots=True)
class Subject:
    """An item as a model and its judges see it."""

    item: Item
    project: Project
    options: ProjectSettings
    question: Question
    spec: ItemTypeSpec

    def split(self, text: str) -> Sequence[Step]:
        """Steps as the project wants them; "auto" is the item type's way."""
        how = self.options.splitter
        return self.spec.split(text) if how == "auto" else split(text, how)


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt, and the lessons that are in it."""

    subject: Subject
    messages: tuple[Message, ...]
    lessons: tuple[NewRetrieval, ...] = ()
    reply_prefix: str = ""
    looked_up: LookUp = field(default_factory=LookUp)
    memory: Remembered | None = None  # of a label item: what people said of similar ones
    images: tuple[str, ...] = ()  # data URIs, for a model that reads pictures


@dataclass(frozen=True, slots=True)
class Answer:
    """``label_scores`` are the model's probabilities over the project's labels; ``mean_logprob`` is then that of the label."""

    text: str
    tokens: tuple[TokenLogprob, ...] = ()
    finish_reason: str = ""
    label: str | None = None
    label_scores: dict[str, float] = field(default_factory=dict)

    @property
    def mean_logprob(self) -> float | None:
        if self.label is not None and self.label_scores:
            return math.log(max(self.label_scores[self.label], 1e-300))
        return sum(token.logprob for token in self.tokens) / len(self.tokens) if self.tokens else None


def subject_of(session: Session, item_id: int) -> Subject:
    """Raises ``LookupError`` for an item that is gone."""
    item = items.get(session, item_id)
    project = projects.get(session, item.project_id)
    options = ProjectSettings.model_validate(project.settings)
    return Subject(item, project, options, outputs.question_of(item, project), ITEM_TYPES.make(project.item_type))


def prepare(
    context: Context,
    subjects: Sequence[Subject],
    *,
    with_lessons: bool = True,
    without: Mapping[int, Collection[int]] | None = None,
) -> list[Ask]:
    """Prompts whose lessons are active at this moment; ``without``: lessons that are left out, by item id."""
    found: dict[int, LookUp] = {}
    known: dict[int, Remembered | None] = {}
    for project_id in {subject.project.id for subject in subjects} if with_lessons else ():
        group = [subject for subject in subjects if subject.project.id == project_id]
        questions = [subject.question for subject in group]
        embedded = vectors_of(context.models, questions)
        gone = [(without or {}).get(subject.item.id, ()) for subject in group]
        looked = look_ups(context.db, context.models, project_id, group[0].options, questions, embedded, gone)
        found |= {subject.item.id: one for subject, one in zip(group, looked, strict=True)}
        if group[0].question.item_type is ItemType.LABEL and group[0].options.lesson_tokens:
            labels = group[0].question.labels
            said = remembered(context.db, context.models, project_id, labels, questions, embedded, gone)
            known |= {subject.item.id: one for subject, one in zip(group, said, strict=True)}
    pictures = pictures_for(context, subjects)
    asks = []
    with context.db.read() as session:
        for subject in subjects:
            looked_up = found.get(subject.item.id, LookUp())
            lessons = chosen(looked_up.accepted, subject.options.lessons_per_slot)
            messages, kept = subject.spec.messages(subject.question, lessons, subject.options.lesson_tokens)
            memory = known.get(subject.item.id)
            rows = as_retrievals(session, kept, memory.nearest if memory is not None else ())
            images = pictures.get(subject.item.id, ())
            asks.append(Ask(subject, tuple(messages), tuple(rows), memory=memory, looked_up=looked_up, images=images))
    return asks


def pictures_for(context: Context, subjects: Sequence[Subject]) -> dict[int, tuple[str, ...]]:
    """The pictures of items, by their ids, where the model reads any."""
    if Capability.SEE not in context.models.batcher.capabilities:
        return {}
    return uris_of(context.db, [subject.item.id for subject in subjects])


def lessons_of(context: Context, subject: Subject, *, wanted: bool = True) -> tuple[list[LessonText], LookUp]:
    """What applies to one item, within the project's budget of tokens, and how it was found; nothing where it is not ``wanted``."""
    if not wanted:
        return [], LookUp()
    found = look_ups(context.db, context.models, subject.project.id, subject.options, [subject.question])[0]
    kept = chosen(found.accepted, subject.options.lessons_per_slot)
    return keep_within(kept, subject.options.lesson_tokens), found


def answer(context: Context, asks: Sequence[Ask]) -> tuple[dict[int, Answer], dict[int, str]]:
    """Answers and errors by place in ``asks``. An error is one prompt's own, such as too long; others are raised."""
    scorable = Capability.SCORE in context.models.batcher.capabilities
    by_score = [i for i, ask in enumerate(asks) if scorable and ask.subject.question.item_type is ItemType.LABEL]
    scored, bad_scores = _score(context, asks, by_score)
    generated, bad_texts = _generate(context, asks, [i for i in range(len(asks)) if i not in set(by_score)])
    return scored | generated, bad_scores | bad_texts


def _generate(context: Context, asks: Sequence[Ask], places: Sequence[int]) -> tuple[dict[int, Answer], dict[int, str]]:
    """One request each, so that jobs that wait at the same time share batches."""
    stop = context.should_stop  # one object: the batcher asks each only once
    futures = {}
    for place in places:
        request = request_for(asks[place], seed=seed_of(context.job.id, asks[place].subject.item.id))
        futures[place] = context.models.batcher.submit(request, priority=context.job.priority, should_stop=stop)
    answers, errors = {}, {}
    for place, future in futures.items():
        try:
            made = future.result()
        except GeneratorError as problem:
            if problem.index is None or problem.retryable:
                raise
            errors[place] = str(problem)
        else:
            label = _label_in(made.text, asks[place].subject.question.labels)
            answers[place] = Answer(made.text, made.tokens or (), made.finish_reason, label)
    return answers, errors


def request_for(ask: Ask, *, seed: int, temperature: float | None = None) -> GenerationRequest:
    options = ask.subject.options.generator
    return GenerationRequest(
        ask.messages,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature if temperature is None else temperature,
        seed=seed,
        images=ask.images,
    )


def seed_of(*parts: Any) -> int:
    """A number that is the same whenever the same thing is asked again."""
    return zlib.crc32(":".join(map(str, parts)).encode())


def _label_in(text: str, labels: Sequence[str]) -> str | None:
    """The label that a generated text is, to the letter; a backend that cannot score must not have its words interpreted."""
    said = text.strip().strip(".\"'").casefold()
    return next((label for label in labels if label.casefold() == said), None)


def _score(context: Context, asks: Sequence[Ask], places: Sequence[int]) -> tuple[dict[int, Answer], dict[int, str]]:
    answers: dict[int, Answer] = {}
    errors: dict[int, str] = {}
    left = list(places)
    while left:
        context.check()
        requests = [ScoreRequest(asks[i].messages, asks[i].subject.question.labels, asks[i].reply_prefix) for i in left]
        try:
            scores = context.models.batcher.score(requests)
        except GeneratorError as problem:
            if problem.index is None or problem.retryable:
                raise
            errors[left.pop(problem.index)] = str(problem)
            continue
        for place, request, logprobs in zip(left, requests, scores, strict=True):
            answers[place] = _most_likely(request.candidates, logprobs, asks[place].memory)
        break
    return answers, errors


def _most_likely(labels: Sequence[str], logprobs: Sequence[float], memory: Remembered | None) -> Answer:
    """Probabilities over the label set: a softmax of the candidates' log-likelihoods, beside what people said of similar items."""
    top = max(logprobs)
    weights = [math.exp(value - top) for value in logprobs]
    own = [weight / sum(weights) for weight in weights]
    shares = dict(zip(labels, own if memory is None else memory.beside(own), strict=True))
    label = max(shares, key=lambda name: shares[name])
    return Answer(label, finish_reason="scored", label=label, label_scores=shares)


def draw_label(label_scores: Mapping[str, float], temperature: float, seed: int) -> str:
    """A label as the model would say it at that temperature: what resampling means for an answer that was scored."""
    weights = [share ** (1 / temperature) for share in label_scores.values()]
    return random.Random(seed).choices(list(label_scores), weights=weights)[0]


def as_new_output(ask: Ask, made: Answer, model: str, effect_key: str, **more: Any) -> outputs.NewOutput:
    """The answer as a row; ``more``: parent_id, correction_id, refiner, asked_by."""
    return outputs.NewOutput(
        item_id=ask.subject.item.id,
        text=made.text,
        model=model,
        label=made.label,
        messages=[(message.role, message.content) for message in ask.messages],
        tokens=[(token.text, token.logprob, token.entropy) for token in made.tokens],
        label_scores=made.label_scores,
        finish_reason=made.finish_reason,
        effect_key=effect_key,
        steps=ask.subject.split(made.text),
        lessons=ask.lessons,
        lookup=ask.looked_up.log(),
        **more,
    )
