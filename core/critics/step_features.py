"""What the step head looks at, apart from a model: place, checkers, and where the numbers of a step come from and go to.

No reference and no gold: only the question, the step, and the solution around it. One row of ``len(NAMES)`` numbers per step. Texts are
read in one spelling (``step_text``); what ``step_links`` finds comes last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import log1p

import numpy as np
from numpy.typing import NDArray

from core.checkers.arithmetic import ArithmeticChecker
from core.checkers.states import StatesChecker
from core.critics import step_links
from core.critics.reference_spare import numbers, quantities, results
from core.critics.step_text import plain

_OWN = (
    "index", "share", "steps", "first", "last", "length", "length_ratio", "numbers", "results", "faults", "holds",
    "unsupported", "from_question", "from_earlier", "new_question", "unused_question", "unused_ever", "repeats_result",
    "used_later", "fraction", "large", "negative", "plus", "minus", "times", "divides", "percent", "equals_question",
    "says_total", "says_left", "says_each", "says_hedge", "says_answer", "asks_left", "asks_more", "asks_percent",
    "asks_times", "asks_half", "asks_length", "asks_numbers", "minus_total", "plus_difference", "overlap_question",
    "overlap_before", "variables", "latex", "listing", "inconsistent", "repeats_text", "depth",
)  # fmt: skip
NAMES = (*_OWN, *step_links.NAMES)
_WORD = re.compile(r"[a-z]{3,}")
_SAYS = {
    "says_total": r"\b(?:total|altogether|combined|sum|in all)\b",
    "says_left": r"\b(?:left|remain\w*|difference|fewer|less)\b",
    "says_each": r"\b(?:each|every|per|average)\b",
    "says_hedge": r"\b(?:assum\w+|however|wait|actually|should|might|mistake|since we|not possible|cannot)\b",
    "says_answer": r"\b(?:therefore|answer|thus|boxed)\b|\\boxed|####",
}
_ASKS = {
    "asks_left": r"\b(?:left|remain\w*|fewer|less)\b",
    "asks_more": r"\bmore\b",
    "asks_percent": r"%|percent",
    "asks_times": r"\b(?:times|twice|double|triple)\b",
    "asks_half": r"\b(?:half|third|quarter|fourth)\b|\d/\d",
}
_SAYS_RE = {name: re.compile(text, re.I) for name, text in _SAYS.items()}
_ASKS_RE = {name: re.compile(text, re.I) for name, text in _ASKS.items()}


def rows(problem: str, steps: Sequence[str]) -> NDArray[np.float64]:
    """(steps, ``len(NAMES)``)."""
    stray = _stray_states(problem, steps)
    problem, steps = plain(problem), [plain(step) for step in steps]
    linked = step_links.rows(problem, steps)
    checker = ArithmeticChecker()
    asked = set(quantities(problem))
    mine = [set(numbers(step)) for step in steps]
    ends = [results(step) for step in steps]
    words = [set(_WORD.findall(step.lower())) for step in steps]
    question_words = set(_WORD.findall(problem.lower()))
    asks = {name: float(bool(pattern.search(problem))) for name, pattern in _ASKS_RE.items()}
    asks |= {"asks_length": log1p(len(problem)), "asks_numbers": float(len(asked))}
    mean = sum(map(len, steps)) / max(1, len(steps))
    found, seen, before, earlier = [], set[float](), set[str](), set[float]()
    ever = set().union(*mine) if mine else set()
    for k, step in enumerate(steps):
        findings = checker.check(step)
        end = set(ends[k])
        later = set().union(*mine[k + 1 :]) if k + 1 < len(steps) else set()
        fresh = mine[k] - end
        says = {name: float(bool(pattern.search(step))) for name, pattern in _SAYS_RE.items()}
        plus, minus = len(re.findall(r"\+", step)), len(re.findall(r"(?<=[\d\s)])[-−–](?=[\s\d$(])", step))
        last = ends[k][-1] if ends[k] else 0.0
        row = {
            "index": k, "share": (k + 1) / len(steps), "steps": len(steps), "first": k == 0, "last": k == len(steps) - 1,
            "length": log1p(len(step)), "length_ratio": len(step) / max(1.0, mean), "numbers": len(mine[k]),
            "results": len(ends[k]), "faults": stray[k] or any(not f.ok for f in findings), "holds": sum(f.ok for f in findings),
            "unsupported": len(fresh - asked - earlier - {1, 2, 100}), "from_question": len(fresh & asked),
            "from_earlier": len(fresh & earlier), "new_question": len((fresh & asked) - seen),
            "unused_question": len(asked - seen - mine[k]), "unused_ever": len(asked - ever),
            "repeats_result": bool(end & earlier), "used_later": bool(end & later),
            "fraction": any(value != int(value) for value in end), "large": log1p(abs(last)), "negative": "= -" in step,
            "plus": plus, "minus": minus, "times": len(re.findall(r"[*×]|\\times|\bx\b", step)),
            "divides": len(re.findall(r"[/÷]|\\frac|\\div", step)), "percent": "%" in step,
            "equals_question": bool(end & asked), "minus_total": minus * asks["asks_more"],
            "plus_difference": plus * asks["asks_left"],
            "overlap_question": len(words[k] & question_words) / max(1, len(words[k])),
            "overlap_before": len(words[k] & before) / max(1, len(words[k])),
            "variables": bool(re.search(r"\b[a-z] ?[=+*-]|\b\d+[a-z]\b", step)), "latex": "\\" in step,
            "listing": step.count("\n"), "inconsistent": len(end) > 3, "repeats_text": step in steps[:k],
            "depth": sum(bool(e) for e in ends[:k]),
        }  # fmt: skip
        row |= says | asks | linked[k]
        found.append([float(row[name]) for name in NAMES])
        seen |= mine[k]
        earlier |= mine[k]
        before |= words[k]
    return np.array(found).reshape(len(steps), len(NAMES))


def _stray_states(problem: str, steps: Sequence[str]) -> list[bool]:
    """Per step whether it writes out a state that does not follow from the one before it."""
    texts = [" ".join(step.split("\n")) for step in steps]
    starts = [sum(len(text) + 1 for text in texts[:k]) for k in range(len(texts) + 1)]
    wrong = [one.start for one in StatesChecker().check("\n".join(texts), problem) if not one.ok]
    return [any(start <= place < end for place in wrong) for start, end in pairwise(starts)]
