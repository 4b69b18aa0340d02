"""Which general knowledge a problem needs (CHAMP): gold concepts among the first five of a look-up, each problem left out in its turn.

A concept is a lesson; the other problems, with the concepts that people linked with them, are its past use. The ranking is that of
the product's candidates by the relevance gate's probability. Beside it: the cosine of plain MiniLM alone, the gate without past use,
and the concepts that are needed most often, whatever the problem, which no memory should fall below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core import metrics
from core.evaluation.memories import Embed, Encoder, Lessons
from core.evaluation.rows import read_jsonl
from core.lessons.sufficiency import Candidate, queries
from core.types import LessonKind, Question

K = 5


@dataclass(frozen=True, slots=True)
class Problem:
    text: str
    gold: frozenset[int]  # lesson ids


def read(folder: Path, memory: Lessons) -> list[Problem]:
    """Fills ``memory`` with ``concepts.jsonl``; returns the problems that need one. ``ValueError`` names file and line."""
    ids = {}
    for place, row in read_jsonl(folder / "concepts.jsonl"):
        if "id" not in row or not isinstance(row.get("text"), str):
            raise ValueError(f"{place}: a concept has 'id' and 'text'")
        bears_on = f"{row.get('name') or ''}\n{row['text']}".strip()
        ids[row["id"]] = memory.add(LessonKind.RULE, row["text"], bears_on, "concept", name=row.get("name") or None)
    found = []
    for place, row in read_jsonl(folder / "problems.jsonl"):
        if not isinstance(row.get("problem"), str) or not isinstance(row.get("knowledge"), list):
            raise ValueError(f"{place}: a problem has 'problem' and the list 'knowledge'")
        gold = frozenset(ids[one] for one in row["knowledge"] if one in ids)
        if gold:
            found.append(Problem(row["problem"], gold))
    if not found:
        raise ValueError(f"{folder}: no problem names a concept")
    return found


def evaluate(folder: Path, seed: int, embed: Embed) -> dict[str, Any]:
    """Nothing is drawn: ``seed`` changes nothing, and the same problems give the same figures."""
    encode = Encoder(embed)
    memory = Lessons(encode)
    problems = read(folder, memory)
    encode([one.text for one in problems])
    for one in problems:
        for id_ in one.gold:
            memory.link(one.text, id_)
    kinds: dict[str, list[dict[str, float]]] = {}
    accepted = right = 0
    for one in problems:
        for name, ranked in _rankings(memory, problems, one).items():
            kinds.setdefault(name, []).append(_scored(one.gold, ranked))
        taken = {hit.id for hit in memory.look_up(Question(one.text), without=one.text).accepted}
        accepted, right = accepted + len(taken), right + len(taken & one.gold)
    figures = {name: {key: float(np.mean([x[key] for x in said])) for key in said[0]} for name, said in kinds.items()}
    mine = figures.pop("lessons")
    return {
        **mine,
        "accepted_per_problem": accepted / len(problems),
        "precision_of_accepted": right / max(1, accepted),
        "n": len(problems),
        "baselines": figures,
    }


def _rankings(memory: Lessons, problems: Sequence[Problem], one: Problem) -> Mapping[str, list[int]]:
    """Concepts best first, by way of ranking."""
    question = Question(one.text)
    candidates = memory.candidates(question, queries(question)[0], without=one.text)
    unlinked = replace(memory, past={}).candidates(question, queries(question)[0])
    often = {id_: sum(id_ in other.gold for other in problems if other.text != one.text) for id_ in memory.texts}
    return {
        "lessons": _ranked({x.lesson.id: _chance(memory, x) for x in candidates}),
        "without_past_use": _ranked({x.lesson.id: _chance(memory, x) for x in unlinked}),
        "plain_minilm": _ranked({x.lesson.id: x.features.cosine for x in unlinked}),
        "most_often_needed": _ranked(often),
    }


def _chance(memory: Lessons, candidate: Candidate) -> float:
    return memory.gate.probability(candidate.features)


def _ranked(scores: Mapping[int, float]) -> list[int]:
    return sorted(scores, key=lambda id_: (-scores[id_], id_))


def _scored(gold: frozenset[int], ranked: Sequence[int]) -> dict[str, float]:
    return {
        "hit_at_5": metrics.hit_at_k(set(gold), ranked, K),
        "recall_at_5": metrics.recall_at_k(set(gold), ranked, K),
        "mrr": metrics.mrr(set(gold), ranked),
    }
