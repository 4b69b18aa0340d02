"""DROC's own protocol (paper 9): families of rules, items of each, rounds, an oracle that corrects only what is violated.

The answers come from a **named simulator** that obeys exactly the rules that stand in its prompt, not from a model: it takes the
model's obedience out of one figure, how many corrections the memory saves. Distilling, look-up and prompts are the product's.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.evaluation.memories import (
    AllHistory,
    AllRules,
    Embed,
    Encoder,
    Lessons,
    Memory,
    NearestPast,
    Nothing,
    tokens_of,
)
from core.generators.base import Message
from core.lessons.base import History
from core.lessons.handling import classify
from core.lessons.prompt import fill_slots, slot_of
from core.refiners.base import RefineInput
from core.refiners.feedback import FeedbackRefiner
from core.types import Attempt, CorrectionText, LessonText, PromptSlot, Question, Step

SIMULATOR = "obeys the rules in its prompt"
MOST_CORRECTIONS = 10
UNLIMITED = 1_000_000  # tokens: a memory that puts everything in the prompt is not cut


class Rule(BaseModel):
    """``marker`` is how the simulator knows the rule again, whoever words it; ``said`` are the oracle's phrasings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^\w+$")
    marker: str = Field(min_length=1)
    said: tuple[str, ...] = Field(min_length=1)


class Family(BaseModel):
    """``prompts`` with ``{a}`` and ``{b}``, filled from the words of the round in ``fills``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    rules: tuple[Rule, ...] = Field(min_length=1)
    prompts: tuple[str, ...] = Field(min_length=1)
    fills: tuple[tuple[str, ...], ...] = Field(min_length=1)

    def items(self, number: int) -> list[str]:
        """The prompts of a round, from 0."""
        words = self.fills[number]
        return [
            prompt.replace("{a}", words[i % len(words)]).replace("{b}", words[(i + 1) % len(words)])
            for i, prompt in enumerate(self.prompts)
        ]


class Families(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    families: tuple[Family, ...] = Field(min_length=1)
    unrelated: tuple[str, ...] = ()

    @property
    def rounds(self) -> int:
        return min(len(family.fills) for family in self.families)


def read(path: Path) -> Families:
    """A file of families. Raises ``ValueError`` that says where it is wrong."""
    try:
        return Families.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {place}: {first['msg']} (see assets/evaluation/rule_families.json)") from None


class RuleObeyingSimulator:
    """Answers with the names of the rules whose marker stands in its prompt outside the question; an earlier answer shown counts."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def answer(self, messages: Sequence[Message], question: Question) -> str:
        seen = "\n".join(m.content for m in messages).replace(question.prompt, "")
        kept = [
            rule.name
            for rule in self.rules
            if re.search(rf"\b{re.escape(rule.marker)}\b|\bkept:[^\n]*\b{rule.name}\b", seen, re.IGNORECASE)
        ]
        return f"An answer. kept: {' '.join(kept)}"


class OracleAnnotator:
    """Corrects one violated rule of the family at a time, in one of its phrasings, and nothing else."""

    def __init__(self, family: Family, rng: random.Random) -> None:
        self.family, self.rng = family, rng

    def correct(self, answer: str) -> str | None:
        kept = answer.split("kept:")[1].split()
        violated = [rule for rule in self.family.rules if rule.name not in kept]
        return self.rng.choice(violated[0].said) if violated else None


@dataclass
class Tally:
    """Of one round."""

    corrections: int = 0
    accepted_at_once: int = 0
    items: int = 0
    foreign_rules: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def review_item(prompt: str, family: Family, oracle: OracleAnnotator, lessons: Sequence[LessonText]) -> History:
    """One item until the oracle is content."""
    question = Question(prompt)
    simulator = RuleObeyingSimulator(family.rules)
    messages, _ = fill_slots(question, lessons, UNLIMITED)
    attempts: list[Attempt] = []
    for number in range(1, MOST_CORRECTIONS + 1):
        text = simulator.answer(messages, question)
        steps = (Step(0, text, 0, len(text)),)
        said = oracle.correct(text)
        if said is None:
            return History(question, (*attempts, Attempt(number, text, steps)), text)
        handling = classify(said, steps=steps)
        correction = CorrectionText(number, said, handling.scope, handling.dependency, handling.step_index)
        attempts.append(Attempt(number, text, steps, correction))
        asked = FeedbackRefiner().messages(RefineInput(question, tuple(attempts), correction, tuple(lessons)))
        if asked is None:
            raise ValueError(f"the oracle's {said!r} reads as “carry on”: word it as a correction")
        messages = list(asked)
    raise ValueError(f"{MOST_CORRECTIONS} corrections did not satisfy the oracle: {prompt}")


def replay(data: Families, memory: Memory, seed: int) -> list[Tally]:
    """Rounds of all items in random order; every history is learnt at once."""
    rng = random.Random(seed)
    rounds = [Tally() for _ in range(data.rounds)]
    for number, tally in enumerate(rounds):
        todo = [(family, prompt) for family in data.families for prompt in family.items(number)]
        rng.shuffle(todo)
        for family, prompt in todo:
            begun = time.perf_counter()
            lessons = memory.find(Question(prompt))
            tally.seconds.append(time.perf_counter() - begun)
            history = review_item(prompt, family, OracleAnnotator(family, rng), lessons)
            corrections = len(history.attempts) - 1
            tally.corrections += corrections
            tally.accepted_at_once += corrections == 0
            tally.items += 1
            tally.foreign_rules.append(foreign_rules(memory, lessons, family.name))
            tally.tokens.append(tokens_of(lessons))
            # no exemplars: the simulator would read its own "kept:" in them
            memory.learn(replace(history, final=None), family.name)
    return rounds


def foreign_rules(memory: Memory, lessons: Sequence[LessonText], family: str) -> int:
    """Rules among ``lessons`` that came from another family."""
    if not isinstance(memory, Lessons):
        return 0
    return sum(memory.families[x.id] != family and slot_of(x.kind) is PromptSlot.RULES for x in lessons)


def evaluate(data: Families, seed: int, embed: Embed) -> dict[str, Any]:
    """The figures of the product's memory, and of the others as ``baselines``."""
    encode = Encoder(embed)
    encode([prompt for family in data.families for number in range(data.rounds) for prompt in family.items(number)])
    encode(data.unrelated or ("",))
    found = _figures(data, Lessons(encode), seed)
    others: tuple[Callable[[], Memory], ...] = (
        Nothing,
        AllHistory,
        lambda: NearestPast(encode),
        lambda: AllRules(encode),
    )
    made = [make() for make in others]
    return {
        **found,
        "simulator": SIMULATOR,
        "n": sum(len(family.prompts) for family in data.families) * data.rounds,
        "baselines": {memory.name: _figures(data, memory, seed) for memory in made},
    }


def _figures(data: Families, memory: Memory, seed: int) -> dict[str, Any]:
    rounds = replay(data, memory, seed)
    unrelated = [memory.find(Question(prompt)) for prompt in data.unrelated]
    mean_tokens = [sum(tally.tokens) / len(tally.tokens) for tally in rounds]
    return {
        "corrections_by_round": [tally.corrections for tally in rounds],
        "corrections_per_item_by_round": [tally.corrections / tally.items for tally in rounds],
        "accuracy_by_corrections": _by_corrections(rounds),
        "other_families_rules_per_item": [sum(tally.foreign_rules) / tally.items for tally in rounds],
        "injected_when_unrelated": sum(map(len, unrelated)) / len(unrelated) if unrelated else None,
        "tokens_per_prompt": mean_tokens[-1],
        "ms_per_prompt": 1000 * sum(rounds[-1].seconds) / len(rounds[-1].seconds),
    }


def _by_corrections(rounds: Sequence[Tally]) -> dict[str, float]:
    """Share of a round's items that were accepted at once, by the corrections made before that round."""
    made, curve = 0, {}
    for tally in rounds:
        curve[str(made)] = tally.accepted_at_once / tally.items
        made += tally.corrections
    return curve
