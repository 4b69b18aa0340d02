"""A model answers questions, and refiners make it answer again: what ``corrigenda eval self-correction`` measures live.

No prompt holds a reference: refiners get the question, the answer and the votes of checks that need no model, and the outcome of each
answer is compared only afterwards. No round ends early because an answer was right, which would flatter (CorrectBench, paper 27).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from core.answers import final_answer
from core.edits import change
from core.equality import same
from core.evaluation.second_tries import AskedTwice
from core.generators.base import Generation, GenerationRequest, Generator, Message
from core.item_types import REGISTRY as ITEM_TYPES
from core.refiners import REGISTRY as REFINERS
from core.refiners.base import RefineInput
from core.refiners.self_examination import second_turn
from core.reports.second_tries import SecondTry
from core.signals import REGISTRY as SIGNALS
from core.signals.base import SignalInput, cast
from core.steps import split
from core.types import Attempt, ItemType, Question, Verdict, Vote

AGAIN = "ask_again"  # the same question once more in the dialogue (paper 3): what a refiner must be better than
CHECKS = ("arithmetic", "provenance")
NEEDS_PEOPLE = ("entity_memory", "feedback")
TOKENS = 256  # of an answer
LESSON_TOKENS = 400


def names() -> list[str]:
    """What can be measured without people."""
    return [AGAIN, *(name for name in REFINERS.names() if name not in NEEDS_PEOPLE)]


def refine(
    generator: Generator, asked: Sequence[AskedTwice], refiners: Sequence[str], say: Callable[[str], None]
) -> list[SecondTry]:
    """One try per question and refiner, all from the same first answers. ``ValueError`` for a refiner that is not in ``names()``."""
    if unknown := [name for name in refiners if name not in names()]:
        raise ValueError(
            f"there is no refiner {', '.join(unknown)} that needs no person; choose among {', '.join(names())}"
        )
    spec = ITEM_TYPES.make(ItemType.REASONING.value)
    questions = [Question(one.prompt) for one in asked]
    prompts = [spec.messages(question, (), LESSON_TOKENS)[0] for question in questions]
    first, seconds = _answers(generator, prompts)
    say(f"first answers: {len(first)} in {seconds:.1f} s")
    given = [_given(question, made.text) for question, made in zip(questions, first, strict=True)]
    tries: list[SecondTry] = []
    for name in dict.fromkeys(refiners):
        again, seconds = _answers(generator, [_messages(name, x) for x in given])
        say(f"{name}: {len(again)} in {seconds:.1f} s")
        tries += [
            _try(one, name, before, after, seconds / len(asked))
            for one, before, after in zip(asked, first, again, strict=True)
        ]
    return tries


def _answers(generator: Generator, prompts: Sequence[Sequence[Message]]) -> tuple[list[Generation], float]:
    started = time.perf_counter()
    found = generator.generate([GenerationRequest(tuple(messages), max_new_tokens=TOKENS) for messages in prompts])
    return found, time.perf_counter() - started


def _given(question: Question, text: str) -> RefineInput:
    steps = tuple(split(text))
    return RefineInput(question, (Attempt(1, text, steps),), None, votes=tuple(_votes(question, text)))


def _votes(question: Question, text: str) -> list[Vote]:
    seen = SignalInput(question, text, tuple(split(text)))
    return [cast(SIGNALS.make(name), seen) for name in CHECKS]


def _messages(name: str, x: RefineInput) -> Sequence[Message]:
    if name == AGAIN:
        return second_turn(x, LESSON_TOKENS, x.question.prompt)
    return REFINERS.make(name, token_budget=LESSON_TOKENS).messages(x) or ()


def _try(one: AskedTwice, name: str, before: Generation, after: Generation, seconds: float) -> SecondTry:
    right = _right(after.text, one.reference)
    return SecondTry(
        one.id,
        name,
        _right(before.text, one.reference),
        right,
        change=change(before.text, after.text),
        first_tokens=before.prompt_tokens + before.completion_tokens,
        tokens=after.prompt_tokens + after.completion_tokens,
        seconds=seconds,
        failure="" if right else _failure(one, after.text),
    )


def _right(text: str, reference: str) -> bool:
    found = final_answer(text)
    return found is not None and same(found, reference)


def _failure(one: AskedTwice, text: str) -> str:
    """The kind of a wrong answer as far as checks can tell."""
    if final_answer(text) is None:
        return "no_answer"
    votes = _votes(Question(one.prompt), text)
    wrong_sum = any(vote.source == "arithmetic" and vote.verdict is Verdict.FAULTY for vote in votes)
    return "calculation_error" if wrong_sum else "other"
