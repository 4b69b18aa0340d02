"""Grades steps against a reference solution in one pass (SPARE, paper 22): every step is aligned to the reference steps it states.

The tier without a model: steps are aligned by their numbers and their words (by embeddings where an encoder is given), one to one, one
to many where a step merges several, many to one where it splits one. Different from the paper: a step that matches nothing is asked
whether the reference's answer is still near (one calculation from what was found, GLoRe's reachability, paper 45) before it is doubted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from core.checkers.arithmetic import ArithmeticChecker
from core.critics.base import REGISTRY, CriticInput, ReferenceInput
from core.generators.base import NotAvailable
from core.number_words import QUANTITIES
from core.types import Critique, StepLabel

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
NEAR, CLOSE = 0.3, 0.7  # similarity from which a step is aligned; share of the best from which another is too
MANY = 24  # values from which pairs are tried

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_ANNOTATION = re.compile(r"<<([^<>\n]{0,200})>>")
_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True, slots=True)
class Aligned:
    """A step's reference steps (0-based, may be empty), and what it found: ``known`` of its ``results`` are the reference's."""

    step: int
    reference: tuple[int, ...]
    results: tuple[float, ...]
    known: tuple[float, ...]
    near: bool
    similarity: float


@REGISTRY.register("reference_spare")
class ReferenceSpareCritic:
    name = "reference_spare"

    def __init__(self, embed: Embed | None = None) -> None:
        """``embed`` maps texts to unit vectors (n, d); without it words are compared."""
        self._embed = embed

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Raises ``NotAvailable`` for inputs without a reference."""
        found = []
        for x in inputs:
            if not isinstance(x, ReferenceInput) or not x.reference:
                raise NotAvailable("reference_spare compares with a reference solution, and there is none")
            found.append(self._judge(x))
        return found

    def _judge(self, x: ReferenceInput) -> list[Critique]:
        steps = [step.text for step in x.steps]
        checker = ArithmeticChecker()
        found = []
        for step, one in zip(x.steps, align(x.question.prompt, steps, x.reference, self._embed), strict=True):
            slips = [finding for finding in checker.check(step.text) if not finding.ok]
            wrong = 0.97 if slips else 1 / (1 + exp(-doubt(one)))
            label = StepLabel.WRONG if wrong > 0.5 else StepLabel.RIGHT
            said = slips[0].message if slips else _why(one)
            kind = "calculation_error" if slips else None
            found.append(Critique(step.index, self.name, label, said, max(wrong, 1 - wrong), kind))
        return found


def doubt(one: Aligned) -> float:
    """Log-odds that the step is wrong. Set by hand from what each part says alone; see BENCHMARKS.md for its AUROC."""
    if not one.results:
        return -1.5
    unknown = 1 - len(one.known) / len(one.results)
    return -1.8 + 1.6 * unknown + (0.0 if one.near else 1.4) - 0.8 * one.similarity


def align(problem: str, steps: Sequence[str], reference: Sequence[str], embed: Embed | None = None) -> list[Aligned]:
    """One entry per step, in their order."""
    alike = similarities(steps, reference, embed)
    told = [results(text) for text in reference]
    given = [set(numbers(text)) for text in reference]
    known = {value for values in told for value in values}
    goal = told_answer(reference)
    values = set(quantities(problem))
    found, fresh = [], set[float]()
    for place, text in enumerate(steps):
        mine = results(text)
        fresh |= set(mine)
        scores = [
            0.5 * float(alike[place, j]) + 0.5 * overlap(set(mine), set(told[j]), set(numbers(text)), given[j])
            for j in range(len(reference))
        ]
        best = max(scores, default=0.0)
        to = tuple(j for j, score in enumerate(scores) if score >= max(NEAR, CLOSE * best) or _merged(mine, told[j]))
        supported = tuple(value for value in mine if value in known)
        near = goal is None or reachable(goal, sorted(fresh), sorted(values))
        found.append(Aligned(place, to, mine, supported, near, best))
    return found


def _merged(mine: Sequence[float], told: Sequence[float]) -> bool:
    """Whether a calculation of the reference is stated inside a step that does more than it."""
    return bool(told) and set(told) <= set(mine)


def similarities(steps: Sequence[str], reference: Sequence[str], embed: Embed | None) -> NDArray[np.float64]:
    """(steps, reference) in [0, 1]: cosines, or shares of common words."""
    if embed is not None and steps and reference:
        vectors = embed([*steps, *reference])
        return np.asarray(np.clip(vectors[: len(steps)] @ vectors[len(steps) :].T, 0, 1), np.float64)
    left, right = ([set(_WORD.findall(text.lower())) for text in side] for side in (steps, reference))
    return np.array([[len(a & b) / max(1, len(a | b)) for b in right] for a in left]).reshape(len(left), len(right))


def overlap(mine: set[float], told: set[float], all_mine: set[float], all_told: set[float]) -> float:
    """How far two steps state the same numbers, results above all."""
    if mine and told and mine & told:
        return 1.0
    return 0.6 * len(all_mine & all_told) / max(1, len(all_mine | all_told))


def numbers(text: str) -> list[float]:
    """Every number as written, annotations left out."""
    return [_value(n) for n in _NUMBER.findall(_ANNOTATION.sub("", text))]


def results(text: str) -> tuple[float, ...]:
    """What a step finds: the first number after each "="; of a step without any, nothing."""
    plain = _ANNOTATION.sub("", text)
    found = [match[0] for part in plain.split("=")[1:] if (match := _NUMBER.search(part))]
    return tuple(dict.fromkeys(map(_value, found)))


def told_answer(reference: Sequence[str]) -> float | None:
    """The reference's last number."""
    found = [value for text in reference for value in numbers(text)]
    return found[-1] if found else None


def quantities(text: str) -> list[float]:
    """The numbers of a question, in digits and in words, with per cents as shares too."""
    found = numbers(text)
    spoken = [float(v) for word in re.findall(r"[a-z]+", text.lower()) for v in QUANTITIES.get(word, ())]
    return (
        found
        + spoken
        + ([value / 100 for value in found] + [1 - value / 100 for value in found] if "%" in text else [])
    )


def reachable(goal: float, fresh: Sequence[float], given: Sequence[float]) -> bool:
    """Whether one calculation with something found leads to ``goal``: two found values, or one and a given one; or it is found."""
    fresh, given = list(fresh)[-MANY:], list(given)[:MANY]
    if any(_equal(goal, value) for value in fresh):
        return True
    others = [*fresh, *given]
    return any(_one_step(goal, a, b) for a in fresh for b in others) or _equal(goal, sum(fresh))


def _one_step(goal: float, a: float, b: float) -> bool:
    values = [a + b, a - b, b - a, a * b]
    values += [a / b] if b else []
    values += [b / a] if a else []
    return any(_equal(goal, value) for value in values)


def _equal(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * max(1.0, abs(a))


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _why(one: Aligned) -> str:
    where = ", ".join(str(j + 1) for j in one.reference)
    if not one.results:
        return (
            f"States what the reference says in step {where}."
            if where
            else "Unaligned: it calculates nothing to compare."
        )
    if len(one.known) == len(one.results):
        return f"Finds what the reference finds in step {where}." if where else "Finds a result of the reference."
    if one.near:
        return "Unaligned: not a result of the reference, but its answer is still one calculation away."
    return "Unaligned: not a result of the reference, and its answer is not one calculation away."
