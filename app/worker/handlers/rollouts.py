"""Find the first wrong step of wrong answers by sampling from their prefixes (OmegaPRM, paper 18): critic ``rollouts_reference``.

Every continuation is kept as it arrives, so that a job that is killed, or run again, asks the model only for what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.worker.asking import Ask, Subject, pictures_for, request_for, seed_of, subject_of
from app.worker.disputes import to_experts
from app.worker.payloads import Rollouts
from app.worker.risks import queue_priority
from app.worker.runner import Context
from core.answers import final_answer
from core.critics.base import ROLLOUTS, ReferenceInput
from core.critics.rollout_tree import Prefix
from core.critics.rollouts_reference import (
    RolloutsReferenceCritic,
    continuing,
    critiques,
    ends_in,
    reference_answer,
)
from core.types import ItemType
from store import judgements, outputs, queue, rollouts
from store.rollouts import Place
from store.tables import Output


def sample_rollouts(context: Context, payload: Rollouts) -> dict[str, Any]:
    """Result: ``outputs`` that could be compared, how many were ``wrong``, and ``located``; how many continuations were ``sampled``."""
    done = {"outputs": 0, "wrong": 0, "located": 0, "sampled": 0}
    for place, output_id in enumerate(payload.output_ids):
        context.progress(place, len(payload.output_ids), "trying to go on from prefixes")
        with context.db.read() as session:
            output = outputs.get(session, output_id)
            subject = subject_of(session, output.item_id)
            steps = outputs.to_steps(output)
        if checkable(subject) is None or final_answer(output.text) is None or not steps:
            continue
        x = ReferenceInput(subject.question, output.text, steps, tuple((subject.item.reference or "").split("\n")))
        search = _Search(context, subject, output, tuple(step.text for step in steps))
        settings = subject.options.rollouts
        critic = RolloutsReferenceCritic(
            sample=search.sample, k=settings.samples, searches=settings.searches, most=settings.most
        )
        tree = critic.tree(x)
        context.check()
        made = critiques(x, tree)
        with context.db.write() as session:
            judgements.take_turn(session, [output.id])
            judgements.save(session, output.id, critiques=made, critics=[ROLLOUTS])
            rollouts.note_outcome(session, output, tree is None)
            priority = queue_priority(session, subject.project.id, output)
            queue.set_priority(session, subject.project.id, {output.id: priority})
            to_experts(session, subject.project.id, subject.options, output, priority)
        done["outputs"] += 1
        done["wrong"] += tree is not None
        done["located"] += any(one.label < 0 for one in made)
        done["sampled"] += search.sampled
    context.progress(len(payload.output_ids), len(payload.output_ids))
    return done


def checkable(subject: Subject) -> str | None:
    """The final answer that the item's reference has; ``None`` where answers cannot be compared with it."""
    reference = subject.item.reference
    if subject.question.item_type is not ItemType.REASONING or not reference:
        return None
    return reference_answer(reference.split("\n"))


class _Search:
    """Samples for one output, from the store first and then from the model."""

    def __init__(self, context: Context, subject: Subject, output: Output, steps: Prefix) -> None:
        self._context, self._subject, self._output, self._steps = context, subject, output, steps
        self._sampler = context.models.generator_name
        self.sampled = 0

    def sample(self, x: ReferenceInput, prefix: Prefix, k: int) -> Sequence[str]:
        """Texts of k continuations; only those that are not there yet are asked for, all at once."""
        place, wanted = Place.of(self._output.id, self._steps, prefix), reference_answer(x.reference) or ""
        with self._context.db.write() as session:
            there = rollouts.kept(session, place, self._sampler)[:k]
            for row in there:
                if row.outcome is None:
                    rollouts.compare(session, row.id, ends_in(row.text, wanted))
            texts = [_beyond(row.text, place) for row in there]
            numbers = {row.seed for row in there if row.effect_key and row.effect_key.startswith("rollouts:")}
        fresh = self._asked(prefix, [n for n in range(len(numbers) + k) if n not in numbers][: k - len(texts)])
        with self._context.db.write() as session:
            rows = [(number, text, final_answer(text), ends_in(text, wanted)) for number, text in fresh]
            rollouts.add(session, self._output, place, self._sampler, rows)
        self.sampled += len(fresh)
        return [*texts, *(text for _, text in fresh)]

    def _asked(self, prefix: Prefix, numbers: Sequence[int]) -> list[tuple[int, str]]:
        batcher, stop = self._context.models.batcher, self._context.should_stop
        prompt, _ = self._subject.spec.messages(self._subject.question, [], 0)
        images = pictures_for(self._context, [self._subject]).get(self._subject.item.id, ())
        ask = Ask(self._subject, continuing(prompt, prefix), images=images)
        temperature = self._subject.options.generator.sample_temperature
        waiting = []
        for number in numbers:
            seed = seed_of("rollouts", self._output.id, *prefix, number)
            request = request_for(ask, seed=seed, temperature=temperature)
            future = batcher.submit(request, priority=self._context.job.priority, should_stop=stop)
            waiting.append((number, future))
        return [(number, future.result().text) for number, future in waiting]


def _beyond(text: str, place: Place) -> str:
    """The continuation itself: its row begins with the steps of its state that are not the output's."""
    return text[len("\n".join(place.further)) + 1 :] if place.further else text
