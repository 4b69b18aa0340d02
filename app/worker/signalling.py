"""The signals of a project, and what each of them sees of an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.worker.asking import Subject
from app.worker.retrieval import lessons_for
from app.worker.runner import Context
from core.generators.base import NotAvailable
from core.projects import ANNOTATORS, ProjectSettings
from core.signals import REGISTRY as SIGNALS
from core.signals.base import Signal, SignalInput
from core.signals.rules import rule_signal
from core.types import ItemType, LessonText, Verdict, Vote
from store import lessons, outputs, projects, reviews, rules
from store.tables import Output, Rule

LOG = structlog.get_logger("signalling")
LESSON, AGREEMENT = "lesson", "agreement"
Floats = tuple[float, ...]
Judged = tuple[Output, Subject]


def project_signals(options: ProjectSettings, people: Sequence[Rule]) -> list[Signal]:
    """The project's signals, then its rules; one that cannot be made says so as an abstention."""
    made: list[Signal] = []
    for name in dict.fromkeys(options.signals):
        try:
            made.append(SIGNALS.make(name))
        except (LookupError, TypeError, NotAvailable) as problem:
            made.append(_Broken(name, problem))
    return made + rule_signals(people, taken={signal.name for signal in made})


def rule_signals(people: Sequence[Rule], taken: set[str] | frozenset[str] = frozenset()) -> list[Signal]:
    """People's rules as signals. A rule that carries the name of a signal is left out: one source has one vote."""
    made: list[Signal] = []
    for rule in people:
        if rule.name in taken:
            LOG.warning("rule left out: a signal has its name", rule=rule.name)
            continue
        try:
            values = rules.values_of(rule)
            made.append(rule_signal(values.pop("kind"), values.pop("name"), values.pop("options"), **values))
        except ValueError as problem:
            made.append(_Broken(rule.name, problem))
    return made


@dataclass(slots=True)
class _Broken:
    """A signal that could not be made: ``cast`` turns what it raises into an abstention that people can read."""

    name: str
    problem: Exception

    def vote(self, x: SignalInput) -> Vote:
        raise self.problem


@dataclass(frozen=True, slots=True)
class Known:
    """What signals see beside the output itself: vectors of free texts, lessons in force, and what people said."""

    vector: Floats = ()
    drawn_vectors: tuple[Floats, ...] = ()
    lessons: tuple[LessonText, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


def known_of(context: Context, cases: Sequence[Judged], drawn: Sequence[Sequence[str]]) -> list[Known]:
    """What the project's signals need to know of each output; nothing is computed for a signal that the project has not."""
    if not cases:
        return []
    project, options = cases[0][1].project, cases[0][1].options
    nothing: list[tuple[Floats, tuple[Floats, ...]]] = [((), ())] * len(cases)
    free = project.item_type == ItemType.TEXT and AGREEMENT in options.signals
    vectors = _vectors(context, [output.text for output, _ in cases], drawn) if free else nothing
    applying = lessons_in_force(context, cases) if LESSON in options.signals else [()] * len(cases)
    said = verdicts_of(context, project.id, [output.id for output, _ in cases]) if ANNOTATORS in options.signals else {}
    return [
        Known(own, others, taught, said.get(output.id, ()))
        for (output, _), (own, others), taught in zip(cases, vectors, applying, strict=True)
    ]


def _vectors(
    context: Context, texts: Sequence[str], drawn: Sequence[Sequence[str]]
) -> list[tuple[Floats, tuple[Floats, ...]]]:
    """Unit vectors of each answer and of its further ones, all embedded in one batch."""
    flat = [text for own, others in zip(texts, drawn, strict=True) if others for text in (own, *others)]
    rows: list[list[float]] = context.models.embedder.embed(flat).tolist() if flat else []
    found: list[tuple[Floats, tuple[Floats, ...]]] = []
    place = 0
    for others in drawn:
        if not others:
            found.append(((), ()))
            continue
        own, *further = rows[place : place + 1 + len(others)]
        found.append((tuple(own), tuple(map(tuple, further))))
        place += 1 + len(others)
    return found


def lessons_in_force(context: Context, cases: Sequence[Judged]) -> list[tuple[LessonText, ...]]:
    """Of each output: the lessons that were in its prompt or that apply to its item, as long as they are active."""
    subject = cases[0][1]
    questions = [each.question for _, each in cases]
    applying = lessons_for(context.db, context.models, subject.project.id, subject.options, questions)
    with context.db.read() as session:
        there = [[chip.lesson.id for chip in outputs.chips(session, output.id)] for output, _ in cases]
        active = lessons.active_texts(session, sorted({id_ for ids in there for id_ in ids}))
    return [
        tuple(({id_: active[id_] for id_ in ids if id_ in active} | {one.id: one for one in found}).values())
        for ids, found in zip(there, applying, strict=True)
    ]


def verdicts_of(context: Context, project_id: int, output_ids: Sequence[int]) -> Mapping[int, tuple[Verdict, ...]]:
    """What people said of each output, where several review an item; with one reviewer an item is done when somebody has spoken."""
    with context.db.read() as session:
        if projects.queue_of(session, project_id).overlap < 2:
            return {}
        return {id_: tuple(said) for id_, said in reviews.verdicts_on(session, output_ids).items()}
