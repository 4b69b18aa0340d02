"""Where the numbers that a step calculates with come from, and what it leaves aside: features of ``step_features``.

Each operand is linked to a quantity of the question or to an earlier result, the unused one first; the step's words are compared with
the sentence that its quantity stands in, and with what is asked. Beside them the scores of ``step_operations``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.critics import step_operations
from core.risk.history_equations import Calculation, Question, is_numeral, near, numeral_value, read_question

NAMES = (
    "calculations", "planted_worst", "planted_mean", "planted_first", "planted_anywhere", "fresh_given", "used_given",
    "fresh_result", "used_result", "last_result", "from_nowhere", "aligned_least", "aligned", "named_alike", "far_back",
    "dead_ends", "given_left", "given", "given_share", "overlap_asked", "novel_words", "ends_in_result", "ends_in_given",
    "ends_in_last", "sentences", "words", "is_final", "calculations_left", "calculations_done", "calculations_over_given",
    "not_whole", "below_zero", "mixed_operations",
)  # fmt: skip
_ORIGINS = ("fresh_given", "used_given", "fresh_result", "used_result", "last_result", "from_nowhere")
NO_SCORE = -1.5  # of a step without a calculation: about the mean
_WORD = re.compile(r"[a-z]{2,}")
_NUMBER = re.compile(r"\d+\.?\d*")
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_COMMON = """
    the a an of to in and is are was were for on at by with that this it as he she they his her their each per if how many much be has
    have had from will there so then therefore total we need find first
"""


@dataclass(slots=True)
class _Links:
    """What the calculations so far have used: places of quantities and of results."""

    question: Question
    made: Sequence[Calculation]
    given: set[int] = field(default_factory=set)
    results: set[int] = field(default_factory=set)


def rows(problem: str, steps: Sequence[str]) -> list[dict[str, float]]:
    """One dictionary of ``NAMES`` per step; problem and steps are plain (``step_text``)."""
    sentences = [_words(s) for s in _SENTENCE.split(problem.strip())]
    asked = next(
        (words for text, words in zip(reversed(_SENTENCE.split(problem.strip())), reversed(sentences), strict=True) if "?" in text),
        sentences[-1],
    )  # fmt: skip
    known = set().union(*sentences)
    made, places = step_operations.chain(steps)
    scores = step_operations.scores(problem, made)
    links = _Links(read_question(problem), made)
    quantities = links.question.quantities
    found = []
    for k, step in enumerate(steps):
        mine = [i for i, place in enumerate(places) if place == k]
        words = _words(step)
        kinds, aligned, alike, far = _operands(links, mine, words, sentences)
        dead = sum(places[i] < k and i not in links.results for i in range(len(made)))
        before = [made[i].result for i in range(len(made)) if places[i] <= k]
        last = _last_number(step)
        judged = [scores[i] for i in mine]
        signs = {piece for i in mine for piece in made[i].pieces if piece in "+-*/"}
        row = {
            "calculations": len(mine),
            "planted_worst": max(judged, default=NO_SCORE),
            "planted_mean": sum(judged) / len(judged) if judged else NO_SCORE,
            "planted_first": scores[0] if scores else NO_SCORE,
            "planted_anywhere": max(scores, default=NO_SCORE),
            **{name: kinds[name] for name in _ORIGINS},
            "aligned_least": min(aligned, default=0.5),
            "aligned": sum(aligned) / len(aligned) if aligned else 0.5,
            "named_alike": alike / len(aligned) if aligned else 0.5,
            "far_back": far,
            "dead_ends": dead,
            "given_left": len(quantities) - len(links.given),
            "given": len(quantities),
            "given_share": len(links.given) / max(1, len(quantities)),
            "overlap_asked": len(words & asked) / max(1, len(asked)),
            "novel_words": len(words - known) / max(1, len(words)),
            "ends_in_result": last is not None and any(near(last, value) for value in before),
            "ends_in_given": last is not None and any(near(last, v) for q in quantities for v in q.values()),
            "ends_in_last": last is not None and bool(before) and near(last, before[-1]),
            "sentences": len(re.findall(r"[.!?](?:\s|$)", step)),
            "words": len(step.split()),
            "is_final": k == len(steps) - 1,
            "calculations_left": sum(place > k for place in places),
            "calculations_done": sum(place < k for place in places),
            "calculations_over_given": len(made) - len(quantities),
            "not_whole": any(not made[i].result.is_integer() for i in mine),
            "below_zero": any(made[i].result < 0 for i in mine),
            "mixed_operations": len(signs) > 1,
        }  # fmt: skip
        found.append({name: float(row[name]) for name in NAMES})
    return found


def _operands(
    links: _Links, mine: Sequence[int], words: set[str], sentences: Sequence[set[str]]
) -> tuple[Counter[str], list[float], int, int]:
    """(operands by origin, overlap with the sentence of each given one, how many are named alike, the farthest result used)."""
    kinds: Counter[str] = Counter()
    aligned, alike, far = list[float](), 0, 0
    quantities = links.question.quantities
    for i in mine:
        for piece in links.made[i].pieces:
            if not is_numeral(piece):
                continue
            value = numeral_value(piece)
            given = [j for j, q in enumerate(quantities) if any(near(value, v) for v in q.values())]
            results = [j for j in range(i) if near(links.made[j].result, value)]
            if given and not (results and all(j in links.given for j in given)):
                j = next((j for j in given if j not in links.given), given[0])
                kinds["used_given" if j in links.given else "fresh_given"] += 1
                links.given.add(j)
                places = (sentences[min(quantities[j].sentence, len(sentences) - 1)] for j in given)
                aligned.append(max(len(words & place) / max(1, len(place)) for place in places))
                alike += bool({*quantities[j].before, *quantities[j].after} & words)
            elif results:
                j = results[-1]
                kinds["used_result" if j in links.results else "fresh_result"] += 1
                kinds["last_result"] += j == i - 1
                links.results.add(j)
                far = max(far, i - j)
            else:
                kinds["from_nowhere"] += 1
    return kinds, aligned, alike, far


def _words(text: str) -> set[str]:
    found = _WORD.findall(text.lower())
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found}.difference(_COMMON.split())


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text)
    return float(found[-1]) if found and len(found[-1]) < 40 else None
