"""Make the edit suites of lessons, and judge the active ones by them (canonical examples, paper 24).

Of the look-up: is the lesson found for its example and the paraphrases, and not for the hard negative? Asked as a prompt is made, so
that lessons beside it count. Of the answers, where one can be judged: right with the lesson, right without it? An answer is compared
with what people let stand for the probe; where there is nothing to compare with, with what the lesson itself asks for as far as that
can be seen (signal ``lesson``). Neither is in a prompt, but for an exemplar in its own example's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.worker import edit_suites as making
from app.worker.asking import Answer, Subject, answer, prepare
from app.worker.handlers.embed import embed
from app.worker.payloads import Embed, ProbeLessons
from app.worker.retrieval import lessons_for
from app.worker.runner import Context
from app.worker.trials import is_right
from core.embedding import EmbedderError
from core.generators.base import GeneratorError
from core.item_types import REGISTRY as ITEM_TYPES
from core.lessons.edit_suite import ProbeKind
from core.projects import ProjectSettings
from core.signals.base import SignalInput
from core.signals.lesson import look
from core.types import ItemType, LessonKind, LessonText, Question
from store import edit_suites, lesson_proposals, lessons, projects
from store.tables import Item, Lesson, LessonProbe, Project


def probe_lessons(context: Context, payload: ProbeLessons) -> dict[str, Any]:
    """Result: ``suites`` that stand, how many were ``run``, and why some were ``skipped``, by lesson id."""
    keys = {lesson_id: f"job:{context.job.id}:probe:{lesson_id}" for lesson_id in payload.lesson_ids}
    with context.db.read() as session:
        done = edit_suites.known_runs(session, list(keys.values()))
    told: dict[str, Any] = {"suites": 0, "run": len(done), "skipped": {}}
    for place, (lesson_id, key) in enumerate(keys.items()):
        context.progress(place, len(keys), "running edit suites")
        if key in done:
            told["suites"] += 1
            continue
        try:
            why = _one(context, payload.project_id, lesson_id, key)
        except (EmbedderError, LookupError) as problem:
            told["skipped"][str(lesson_id)] = str(problem)
            continue
        told["suites"] += 1
        if why:
            told["skipped"][str(lesson_id)] = why
        told["run"] += not why
    return told


def _one(context: Context, project_id: int, lesson_id: int, key: str) -> str:
    """Make the suite of a lesson and run it; why it was not run, or nothing."""
    with context.db.read() as session:
        lesson = lessons.get(session, lesson_id)
        project = projects.get(session, project_id)
    if lesson.project_id != project_id:
        return f"lesson {lesson_id} belongs to another project"
    if lesson.status in ("retracted", "rejected"):
        return f"it is {lesson.status}"
    probes = making.make(context, lesson_id)
    if not edit_suites.is_run(lesson):
        return f"it is {lesson.status}: the suite is run once it is active"
    details = _look_up(context, project, lesson, probes)
    model = _answers(context, project, lesson, probes, details)
    with context.db.write() as session:
        now = lessons.get(session, lesson_id)
        if not edit_suites.is_run(now) or now.revision != lesson.revision:
            return "it was changed while its suite ran"
        edit_suites.add_run(session, now, _counted(probes, details, context.models.embedder.model_id, model, key))
        lesson_proposals.renew(session, [lesson_id])
    return ""


def _counted(
    probes: Sequence[LessonProbe], details: Sequence[dict[str, Any]], embedder: str, model: str | None, key: str
) -> edit_suites.NewRun:
    found = {
        kind: [one["found"] for probe, one in zip(probes, details, strict=True) if probe.kind == kind]
        for kind in ProbeKind
    }
    own, near, far = (found[kind] for kind in ProbeKind)
    return edit_suites.NewRun(
        all(own) if own else None, len(near), sum(near), len(far), sum(far), details, embedder, model, key
    )


def _look_up(context: Context, project: Project, lesson: Lesson, probes: Sequence[LessonProbe]) -> list[dict[str, Any]]:
    """For each probe: is the lesson among those that its prompt would get?"""
    embed(
        context, Embed(project_id=project.id)
    )  # only what has no vector yet: the lesson itself, if its job has not come
    questions = [_question(project, probe) for probe in probes]
    options = ProjectSettings.model_validate(project.settings)
    found = lessons_for(context.db, context.models, project.id, options, questions)
    return [
        {"probe": probe.id, "found": lesson.id in {one.id for one in texts}, "lessons": [one.id for one in texts]}
        for probe, texts in zip(probes, found, strict=True)
    ]


def _question(project: Project, probe: LessonProbe) -> Question:
    return Question(
        probe.text, probe.context, project.guidelines, ItemType(project.item_type), tuple(project.labels or ())
    )


def _answers(
    context: Context, project: Project, lesson: Lesson, probes: Sequence[LessonProbe], details: list[dict[str, Any]]
) -> str | None:
    """Answer with and without the lesson the probes of which an answer can be judged, and note both in ``details``.

    Only those for which it was found: elsewhere both answers are the same. Returns the model; ``None`` where nothing was answered.
    """
    text = LessonText(lesson.id, LessonKind(lesson.kind), lesson.text, lesson.applicability, name=lesson.name)
    places = [
        place for place, probe in enumerate(probes) if details[place]["found"] and _can_judge(text, project, probe)
    ]
    if not places:
        return None
    options = ProjectSettings.model_validate(project.settings)
    spec = ITEM_TYPES.make(project.item_type)
    subjects = []
    for place in places:
        probe = probes[place]
        item = Item(id=-probe.id, project_id=project.id, external_id="", prompt=probe.text, context=probe.context)
        subjects.append(Subject(item, project, options, _question(project, probe), spec))
    gone = {subject.item.id: {lesson.id} for subject in subjects}
    try:
        with_, _ = answer(context, prepare(context, subjects))
        without, _ = answer(context, prepare(context, subjects, without=gone))
    except GeneratorError:  # no model to ask: the look-up is judged all the same
        return None
    for number, place in enumerate(places):
        if number in with_ and number in without:
            pair = [_judged(text, subjects[number], probes[place], made) for made in (without[number], with_[number])]
            if None not in pair:
                details[place] |= {"right_without": pair[0], "right_with": pair[1]}
    return context.models.generator_name


def _can_judge(lesson: LessonText, project: Project, probe: LessonProbe) -> bool:
    """Whether there is an answer to compare with, or the lesson asks for something that can be seen.

    Two good texts rarely have the same words: a free text is judged by what can be seen alone.
    """
    if project.item_type != ItemType.TEXT and probe.answer is not None:
        return True
    return lesson.kind is LessonKind.PARAMETER or any(mark in lesson.text for mark in '"“')


def _judged(lesson: LessonText, subject: Subject, probe: LessonProbe, made: Answer) -> bool | None:
    if subject.question.item_type is not ItemType.TEXT and probe.answer is not None:
        return is_right(subject, made, probe.answer)
    seen = look(lesson, SignalInput(subject.question, made.text, ()))
    return None if seen is None else seen.kept
