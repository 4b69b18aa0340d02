"""Asks the model which of two answers is better, in both orders, for the ``judge`` signal; flagged verdicts are asked for once more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from app.worker.asking import Subject
from app.worker.runner import Context
from core.answers import final_answer
from core.critics.judge_audit import Judgement, Settled, audit, settle
from core.equality import same
from core.generators.base import Capability, GenerationRequest, Generator, GeneratorError, Message, ScoreRequest
from core.types import ItemType, Question
from store.tables import Output

LOG = structlog.get_logger("judging")
SIGNAL = "judge"
LETTERS = ("A", "B")
SHOWN = 4000  # characters of an answer that the judge sees
SYSTEM = "You compare two answers to one problem. Say which one is better. Reply with one letter, A or B."

Wanted = tuple[Output, Subject, Sequence[str]]
Pair = tuple[Question, tuple[str, str]]


def judged(context: Context, cases: Sequence[Wanted]) -> list[tuple[Settled, ...]]:
    """One verdict per output on it ("1") against one of its samples with another final answer ("2").

    Empty where the project does not want the signal, where all samples agree, or where the pair is too long for the model.
    """
    found: list[tuple[Settled, ...]] = [() for _ in cases]
    pairs: dict[int, Pair] = {}
    for place, (output, subject, drawn) in enumerate(cases):
        other = rival(subject.question.item_type, output.text, drawn) if SIGNAL in subject.options.signals else None
        if other is not None:
            pairs[place] = (subject.question, (output.text, other))
    if not pairs:
        return found
    model, name = context.models.batcher.at(context.job.priority), context.models.generator_name
    firsts = _ask(model, pairs, dict.fromkeys(pairs, ""), name)
    context.check()
    advice = {place: said for place, one in firsts.items() if (said := audit(one).advice)}
    seconds = _ask(model, {place: pairs[place] for place in advice}, advice, name)
    for place, one in firsts.items():
        second = seconds.get(place, one)
        found[place] = (settle(one, partial(_already, second)),)
    return found


def _already(second: Judgement, advice: str) -> Judgement:
    """The second verdict, which was asked for together with those of other outputs."""
    return second


def rival(item_type: ItemType, own: str, drawn: Sequence[str]) -> str | None:
    """The first sample that ends in another final answer; of labels and free texts, the first that reads otherwise."""
    if item_type is not ItemType.REASONING:
        return next((text for text in drawn if text.strip().casefold() != own.strip().casefold()), None)
    mine = final_answer(own)
    for text in drawn:
        theirs = final_answer(text)
        if theirs is not None and (mine is None or not same(mine, theirs)):
            return text
    return None


def prompt(question: Question, shown: tuple[str, str], advice: str = "") -> tuple[Message, ...]:
    """``shown`` are the two answers in the order in which they are read."""
    given = f"{question.context}\n\n{question.prompt}" if question.context else question.prompt
    parts = [f"Problem:\n{given}", f"Answer A:\n{shown[0][:SHOWN]}", f"Answer B:\n{shown[1][:SHOWN]}"]
    if question.guidelines:
        parts.insert(0, f"Guidelines:\n{question.guidelines}")
    if advice:
        parts.append(f"Note on an earlier verdict of yours: {advice}")
    return Message("system", SYSTEM), Message("user", "\n\n".join([*parts, "Which answer is better? Reply A or B."]))


def letter_in(reply: str) -> str | None:
    """The letter that a reply names; ``None`` when it names none or both."""
    named = set(re.findall(r"(?<![A-Za-z'])([AB])(?![A-Za-z'])", reply.strip()[:200]))
    return named.pop() if len(named) == 1 else None


def _ask(model: Generator, pairs: Mapping[int, Pair], advice: Mapping[int, str], name: str) -> dict[int, Judgement]:
    """Judgements by place; a pair that the model refuses, such as for its length, is left out."""
    left = dict(pairs)
    while left:
        asked = [(place, swapped) for place in left for swapped in (False, True)]
        prompts = [
            prompt(left[place][0], left[place][1][::-1] if swapped else left[place][1], advice[place])
            for place, swapped in asked
        ]
        try:
            letters = _letters(model, prompts)
        except GeneratorError as problem:
            if problem.retryable:
                raise
            LOG.warning("a pair was not judged", why=str(problem))
            if problem.index is None:
                return {}
            del left[asked[problem.index][0]]
            continue
        said = dict(zip(asked, letters, strict=True))
        return {
            place: Judgement(
                _winner(said[place, False], swapped=False), _winner(said[place, True], swapped=True), texts, judge=name
            )
            for place, (_, texts) in left.items()
        }
    return {}


def _winner(letter: str | None, *, swapped: bool) -> str | None:
    """The answer in the original order that a letter means."""
    return None if letter is None else "12"[(letter == "B") != swapped]


def _letters(model: Generator, prompts: Sequence[tuple[Message, ...]]) -> list[str | None]:
    """The likelier letter, or, where likelihoods are not to be had, the one that is written."""
    if Capability.SCORE in model.capabilities:
        scored = model.score([ScoreRequest(one, LETTERS) for one in prompts])
        return [None if a == b else LETTERS[b > a] for a, b in scored]
    replies = model.generate([GenerationRequest(one, max_new_tokens=8) for one in prompts])
    return [letter_in(reply.text) for reply in replies]
