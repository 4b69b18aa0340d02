"""Answers with and without lessons, side by side: what the two jobs that judge lessons share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.worker.asking import Answer, Ask, Subject, answer, prepare
from app.worker.retrieval import still_stand
from app.worker.runner import Context
from core.answers import final_answer
from core.critics.rollouts_reference import ends_in, reference_answer
from core.types import ItemType


@dataclass(frozen=True, slots=True)
class Pair:
    """One question answered twice under one seed; ``ask`` is the prompt of the answer with lessons."""

    subject: Subject
    ask: Ask
    without: Answer
    with_: Answer

    @property
    def lesson_ids(self) -> list[int]:
        """What the answer drew on: lessons in its prompt, and the nearest of those whose labels counted beside the model's."""
        return [row.lesson_id for row in self.ask.lessons]


def pairs(
    context: Context, subjects: Sequence[Subject], gone: Mapping[int, Collection[int]]
) -> tuple[list[Pair], dict[int, str]]:
    """Each question without any lesson and with all but those that are ``gone`` for it, and errors, by item id.

    Where nothing was found for a question, both prompts are the same, and so is the answer: it is asked once.
    """
    bare = prepare(context, subjects, with_lessons=False)
    full = prepare(context, subjects, without=gone)
    first, bad = answer(context, bare)
    drawn = [place for place, ask in enumerate(full) if ask.lessons and place in first]
    second, worse = answer(context, [full[place] for place in drawn])
    answers = {place: second[number] for number, place in enumerate(drawn) if number in second}
    answers |= {place: first[place] for place in first if not full[place].lessons}
    errors = {subjects[place].item.id: said for place, said in bad.items()}
    errors |= {subjects[drawn[number]].item.id: said for number, said in worse.items()}
    made = [Pair(subjects[place], full[place], first[place], answers[place]) for place in sorted(answers)]
    return made, errors


def stands(session: Session, pair: Pair) -> bool:
    """Whether no lesson of the answer was withdrawn or changed while it was written."""
    return still_stand(session, pair.ask.lessons)


def is_right(subject: Subject, made: Answer, wanted: str) -> bool:
    """Whether an answer agrees with what was decided: labels to the letter, final answers as mathematics, texts word by word."""
    if subject.question.item_type is ItemType.REASONING:
        final = reference_answer([wanted]) if final_answer(wanted) is None else final_answer(wanted)
        return final is not None and ends_in(made.text, final)
    said = made.label if subject.question.item_type is ItemType.LABEL and made.label is not None else made.text
    return subject.spec.same_answer(said, wanted)
