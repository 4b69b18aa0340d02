"""Corrections of SQL parses, in two passes over the items of a database (SPLASH): how many of the second pass are still needed.

Each item comes with a parser's wrong query, what a person said of it, and the right query. In the first pass every item gets its
correction and the memory learns it. In the second, other items are answered by the memory: a **named simulator** copies the answer of
the solved example in its prompt whose question shares most words with its own, and keeps the parser's query where there is none.
An item needs a correction when that answer is not the right query. Queries are compared after normalisation; values count as one.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from core.evaluation.rows import read_jsonl
from core.lessons.base import History
from core.types import Attempt, CorrectionText, LessonText, Question

SIMULATOR = "copies the solved example whose question shares most words"
FIELDS = ("id", "question", "db_id", "gold_parse", "predicted_parse", "feedback")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])\d+(?:\.\d+)?")
_SIGN = re.compile(r"([(),=<>!*;])")
_SOLVED = re.compile(r"Question: (.*?)\n(?:Feedback: [^\n]*\n)*Answer: (.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One corrected parse; ``gold`` and ``predicted`` are normalised."""

    id: str
    database: str
    question: str
    predicted: str
    gold: str
    feedback: str


def read(folder: Path) -> list[Parsed]:
    """All ``.jsonl`` files of a folder, or one file. Raises ``ValueError`` that names file and line."""
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    found = []
    for file in files:
        for place, row in read_jsonl(file):
            missing = [name for name in FIELDS if not isinstance(row.get(name), str)]
            if missing:
                raise ValueError(f"{place}: a row has {', '.join(FIELDS)} as texts; {missing[0]} is missing")
            gold, predicted = normalised(row["gold_parse"]), normalised(row["predicted_parse"])
            found.append(Parsed(row["id"], row["db_id"], row["question"], predicted, gold, row["feedback"]))
    if not found:
        raise ValueError(f"{folder}: there is no corrected query here")
    return found


def normalised(query: str) -> str:
    """Lower case, one space between words and signs, and ``value`` for every literal."""
    return " ".join(_SIGN.sub(r" \1 ", _LITERAL.sub("value", query).lower()).split()).removesuffix(" ;")


def copied(question: str, lessons: Sequence[LessonText]) -> str | None:
    """What the simulator answers; ``None`` without a solved example. Equals: the first."""
    solved = [match for x in lessons if (match := _SOLVED.match(x.text)) is not None]
    if not solved:
        return None
    return max(solved, key=lambda match: _overlap(question, match[1]))[2]


def _overlap(a: str, b: str) -> float:
    mine, theirs = (set(re.findall(r"\w+", text.lower())) for text in (a, b))
    return len(mine & theirs) / max(1, len(mine | theirs))


def history(one: Parsed, number: int) -> History:
    """Question, wrong query, what was said, right query."""
    correction = CorrectionText(number, one.feedback, rewrite=one.gold)
    return History(Question(one.question), (Attempt(1, one.predicted, (), correction),), one.gold)


def evaluate(data: Sequence[Parsed], seed: int, embed: Embed) -> dict[str, Any]:
    """Corrections per item in both passes, one memory per database, half of the items in each pass; then with questions apart, and
    with one memory that knows the other databases alone."""
    encode = Encoder(embed)
    encode([one.question for one in data])
    apart = _halves(data, seed, by_question=False)
    makes: Mapping[str, Callable[[], Memory]] = {
        "lessons": lambda: Lessons(encode),
        "no_memory": Nothing,
        "all_history_in_prompt": AllHistory,
        "nearest_past_item": lambda: NearestPast(encode),
        "all_rules_in_prompt": lambda: AllRules(encode),
    }
    runs = {name: _two_passes(data, apart, make) for name, make in makes.items()}
    mine = runs.pop("lessons")
    return {
        **mine,
        "questions_apart": _two_passes(data, _halves(data, seed, by_question=True), makes["lessons"]),
        "across_databases": _across(data, makes["lessons"]),
        "simulator": SIMULATOR,
        "n": len(data),
        "databases": len({one.database for one in data}),
        "baselines": runs,
    }


def _halves(data: Sequence[Parsed], seed: int, *, by_question: bool) -> set[str]:
    """Ids of the second pass: half of each database's items, or of its questions, whichever parser failed on them."""
    rng = np.random.default_rng(seed)
    second: set[str] = set()
    for items in by_database(data).values():
        groups = sorted({one.question if by_question else one.id for one in items})
        chosen = {groups[place] for place in rng.permutation(len(groups))[(len(groups) + 1) // 2 :]}
        second |= {one.id for one in items if (one.question if by_question else one.id) in chosen}
    return second


def by_database(data: Sequence[Parsed]) -> dict[str, list[Parsed]]:
    found: defaultdict[str, list[Parsed]] = defaultdict(list)
    for one in data:
        found[one.database].append(one)
    return dict(found)


def _two_passes(data: Sequence[Parsed], second: set[str], make: Callable[[], Memory]) -> dict[str, Any]:
    """``corrections_per_item``: of the first pass with a memory that fills as it goes, and of the second with what it then knows."""
    needed: list[list[bool]] = [[], []]
    changed: list[bool] = []
    tokens: list[int] = []
    seconds: list[float] = []
    for items in by_database(data).values():
        memory = make()
        for later in (False, True):
            for number, one in enumerate(items, 1):
                if (one.id in second) is not later:
                    continue
                begun = time.perf_counter()
                lessons = memory.find(Question(one.question))
                seconds.append(time.perf_counter() - begun)
                answer = copied(one.question, lessons)
                needed[later].append(answer != one.gold)
                if later:
                    tokens.append(tokens_of(lessons))
                    changed.append(answer not in (None, one.predicted, one.gold))
                else:
                    memory.learn(history(one, number), one.database)
    right = [1 - sum(part) / max(1, len(part)) for part in needed]
    return {
        "corrections_per_item": {
            "first_pass_without_memory": 1.0,
            "first_pass": 1 - right[0],
            "second_pass": 1 - right[1],
        },
        "accuracy_by_corrections": {"0": 0.0, str(len(needed[0])): right[1]},
        "fix_rate": right[1],
        "break_rate": 0.0,  # every query of the data is wrong to begin with: none can be broken
        "wrong_otherwise": sum(changed) / max(1, len(changed)),
        "tokens_per_prompt": sum(tokens) / max(1, len(tokens)),
        "ms_per_prompt": 1000 * sum(seconds) / max(1, len(seconds)),
        "n_second": len(needed[1]),
    }


def _across(data: Sequence[Parsed], make: Callable[[], Memory]) -> dict[str, Any]:
    """Each database answered by what was learnt on the others."""
    right = 0
    for name, items in by_database(data).items():
        memory = make()
        for number, one in enumerate((x for x in data if x.database != name), 1):
            memory.learn(history(one, number), one.database)
        right += sum(copied(one.question, memory.find(Question(one.question))) == one.gold for one in items)
    return {"corrections_per_item": 1 - right / len(data), "n": len(data)}
