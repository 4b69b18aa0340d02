"""Answer decided items with and without lessons, under one seed, and keep what came of it (papers 9 and 24).

A random draw by a hash, so that nobody chooses what lessons are judged on. First the whole memory against none; then, for each lesson
that several tried items drew on, the memory against all of it but that lesson. What an item itself taught is left out in every arm:
what is measured is what carries over from other items. References and accepted answers judge, and are in no prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.worker.asking import Subject, answer, prepare, subject_of
from app.worker.payloads import TryLessons
from app.worker.runner import Context
from app.worker.trials import Pair, is_right, pairs, stands
from core.projects import ProjectSettings
from store import items, lesson_proposals, lesson_trials, lessons, projects
from store.lesson_trials import Target
from store.tables import LessonTrial

OFTEN = 5  # tried items that drew on a lesson before it is tried by itself


def try_lessons(context: Context, payload: TryLessons) -> dict[str, Any]:
    """Result: ``items`` tried, ``single`` lessons' trials, lessons ``proposed`` to be retired, ``errors``; or why ``skipped``."""
    with context.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, payload.project_id).settings)
        size = options.trial_size if payload.size is None else payload.size
        if size == 0:
            return {"skipped": "trials are switched off: the project's trial_size is 0"}
        if not lessons.any_active(session, payload.project_id):
            return {"skipped": "no lesson is active"}
        decided = lesson_trials.decided(session, payload.project_id)
    job = _Run(context, payload, context.job.id if payload.seed is None else payload.seed)
    drawn = lesson_trials.draw(decided, size, job.seed)
    for start in range(0, len(drawn), context.settings.batch_size):
        context.progress(start, len(drawn), "answering with and without lessons")
        job.whole(drawn[start : start + context.settings.batch_size])
    wanted = job.singles(drawn, size)
    for place, (lesson_id, item_ids) in enumerate(wanted.items()):
        context.progress(place, len(wanted), "answering without single lessons")
        job.single(lesson_id, item_ids)
    with context.db.write() as session:
        proposed = lesson_proposals.renew(session, lesson_trials.tried_count(session, payload.project_id))
    return {"items": job.tried, "single": job.alone, "proposed": proposed, "errors": job.errors[:200], "seed": job.seed}


class _Run:
    """One run of the job; all that it did is in rows, so that the next attempt goes on from them."""

    def __init__(self, context: Context, payload: TryLessons, seed: int) -> None:
        self.context, self.project_id, self.seed = context, payload.project_id, seed
        self.tried = self.alone = 0
        self.errors: list[dict[str, Any]] = []

    def key(self, item_id: int, lesson_id: int | None = None) -> str:
        return f"job:{self.context.job.id}:try:{item_id}:{'all' if lesson_id is None else lesson_id}"

    def _subjects(self, item_ids: Sequence[int]) -> list[tuple[Subject, Target, set[int]]]:
        """Items that are still there and decided, what their answers are compared with, and what they taught themselves."""
        found = []
        with self.context.db.read() as session:
            for item_id in item_ids:
                try:
                    item = items.get(session, item_id)
                except LookupError:
                    continue
                if (wanted := lesson_trials.target(session, item)) is not None:
                    found.append((subject_of(session, item_id), wanted, lesson_trials.own_lessons(session, item)))
        return found

    def whole(self, item_ids: Sequence[int]) -> None:
        """Try these items with the whole memory and without it, but for those that this job has tried."""
        with self.context.db.read() as session:
            done = lesson_trials.known(session, [self.key(item_id) for item_id in item_ids])
        self.tried += len(done)
        known = self._subjects([item_id for item_id in item_ids if self.key(item_id) not in done])
        if not known:
            return
        wanted = {subject.item.id: target for subject, target, _ in known}
        gone = {subject.item.id: own for subject, _, own in known}
        made, bad = pairs(self.context, [subject for subject, _, _ in known], gone)
        self.errors += [{"item_id": item_id, "error": said} for item_id, said in bad.items()]
        with self.context.db.write() as session:
            for pair in made:
                if stands(session, pair):
                    self.tried += lesson_trials.add(session, self._trial(pair, wanted[pair.subject.item.id]))

    def _trial(self, pair: Pair, wanted: Target) -> LessonTrial:
        item_id = pair.subject.item.id
        return LessonTrial(
            project_id=self.project_id,
            item_id=item_id,
            lesson_id=None,
            lessons=pair.lesson_ids,
            text_without=pair.without.text,
            text_with=pair.with_.text,
            right_without=is_right(pair.subject, pair.without, wanted.text),
            right_with=is_right(pair.subject, pair.with_, wanted.text),
            judged_by=wanted.by,
            seed=self.seed,
            model=self.context.models.generator_name,
            effect_key=self.key(item_id),
        )

    def singles(self, item_ids: Sequence[int], most: int) -> dict[int, list[int]]:
        """Items by the lesson to try on them: lessons that ``OFTEN`` tried items drew on, the least tried first; ``most`` in all."""
        with self.context.db.read() as session:
            often = lesson_trials.drawn_on(session, self.project_id)
            tried = lesson_trials.tried_count(session, self.project_id, besides=f"job:{self.context.job.id}:")
            rows = lesson_trials.known(session, [self.key(item_id) for item_id in item_ids])
        mine = [(lesson, row.item_id) for row in rows.values() for lesson in set(row.lessons) if often[lesson] >= OFTEN]
        found: dict[int, list[int]] = {}
        for lesson, item_id in sorted(mine, key=lambda pair: (tried[pair[0]], *pair))[:most]:
            found.setdefault(lesson, []).append(item_id)
        return found

    def single(self, lesson_id: int, item_ids: Sequence[int]) -> None:
        """Answer without one lesson what this job has answered with it."""
        with self.context.db.read() as session:
            with_it = lesson_trials.known(session, [self.key(item_id) for item_id in item_ids])
            done = lesson_trials.known(session, [self.key(item_id, lesson_id) for item_id in item_ids])
            revision = lessons.revisions_of(session, [lesson_id]).get(lesson_id)
            stands = lesson_id in lessons.active_texts(session, [lesson_id])
        self.alone += len(done)
        left = [item_id for item_id in item_ids if self.key(item_id, lesson_id) not in done]
        known = self._subjects(left) if stands else []
        asks = prepare(
            self.context,
            [subject for subject, _, _ in known],
            without={subject.item.id: own | {lesson_id} for subject, _, own in known},
        )
        made, bad = answer(self.context, asks)
        self.errors += [{"item_id": known[place][0].item.id, "error": said} for place, said in bad.items()]
        with self.context.db.write() as session:
            for place, without in made.items():
                subject, wanted, _ = known[place]
                full = with_it[self.key(subject.item.id)]
                trial = LessonTrial(
                    project_id=self.project_id,
                    item_id=subject.item.id,
                    lesson_id=lesson_id,
                    lesson_revision=revision,
                    lessons=list(full.lessons),
                    text_without=without.text,
                    text_with=full.text_with,
                    right_without=is_right(subject, without, wanted.text),
                    right_with=full.right_with,
                    judged_by=wanted.by,
                    seed=self.seed,
                    model=full.model,
                    effect_key=self.key(subject.item.id, lesson_id),
                )
                self.alone += lesson_trials.add(session, trial)
