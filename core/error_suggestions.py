"""Suggests what kind of error a wrong step makes (LEMMA, paper 5): checkers decide where they can, else words and numbers do.

Deterministic, from question and steps alone. A person's choice always stands above it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.checkers.arithmetic import ArithmeticChecker
from core.checkers.provenance import ProvenanceChecker
from core.types import Critique, ItemType, Question, Step, StepLabel
from core.units import unit

_COUNT = re.compile(
    r"\b(?:count\w*|number of ways|how many (?:letters|times|words)|there are \w+ (?:ways|choices))\b", re.I
)
_FORMULA = re.compile(
    r"\b(?:formula|theorem|area|volume|perimeter|circumference|speed|distance|interest|slope)\b", re.I
)
_CONVERT = re.compile(r"\b(?:convert\w*|in (?:minutes|hours|seconds|cm|km|meters|inches|feet|dollars|cents))\b", re.I)
_PAIRS = (
    (re.compile(r"\b(?:left|remain\w*|fewer|less|gave|spent|lost)\b", re.I), re.compile(r"\d\s*\+\s*\$?\d")),
    (re.compile(r"\b(?:altogether|in total|in all|combined)\b", re.I), re.compile(r"\d\s*[-−–]\s*\$?\d")),
    (re.compile(r"\b(?:each|every|twice|times as)\b", re.I), re.compile(r"\d\s*\+\s*\$?\d")),
)


def suggest(problem: str, steps: Sequence[str], index: int) -> str:
    """A key of ``core.error_types``. ``IndexError`` for a step that is not there."""
    step = steps[index]
    if any(not finding.ok for finding in ArithmeticChecker().check(step)):
        return "calculation_error"
    before = "\n".join(steps[:index])
    stray = [f for f in ProvenanceChecker().check(f"{before}\n{step}", problem) if not f.ok and f.start > len(before)]
    if stray:
        text = f"{before}\n{step}"
        return _reference([text[f.start : f.end] for f in stray], problem, before)
    return _by_words(problem, steps, index)


def _by_words(problem: str, steps: Sequence[str], index: int) -> str:
    step = steps[index]
    units = {known for word in re.findall(r"[A-Za-z]+", step) if (known := unit(word))}
    families = Counter(family for family, _ in units)
    if _CONVERT.search(step) and any(count > 1 for count in families.values()):
        return "unit_error"
    if any(asked.search(problem) and done.search(step) for asked, done in _PAIRS):
        return "wrong_operator"
    if _COUNT.search(step):
        return "counting_error"
    if _FORMULA.search(step):
        return "wrong_formula"
    return (
        "question_misread" if index == len(steps) - 1 else "missing_step" if re.search(r"\d", step) else "wrong_concept"
    )


def _reference(stray: Sequence[str], problem: str, before: str) -> str:
    """A number from nowhere that is one digit off one of the question's or of an earlier step's was copied wrongly."""
    for text, key in ((problem, "wrong_given_value"), (before, "wrong_earlier_value")):
        known = set(re.findall(r"\d+(?:\.\d+)?", text))
        if any(_one_off(number, other) for number in stray for other in known):
            return key
    return "unsupported_number"


def _one_off(a: str, b: str) -> bool:
    if len(a) == len(b) > 1:
        return sum(x != y for x, y in zip(a, b, strict=True)) == 1 or sorted(a) == sorted(b)
    return False


def typed(question: Question, steps: Sequence[Step], critiques: Iterable[Critique]) -> list[Critique]:
    """The critiques, with a suggestion where one calls a step of a worked solution wrong and names no type.

    Free texts and labels have no such types: what the words of a sum say is a guess too many there.
    """
    if question.item_type is not ItemType.REASONING:
        return list(critiques)
    texts = [step.text for step in steps]
    return [
        replace(one, error_type=suggest(question.prompt, texts, one.step_index))
        if one.label is StepLabel.WRONG and not one.error_type and 0 <= one.step_index < len(texts)
        else one
        for one in critiques
    ]
