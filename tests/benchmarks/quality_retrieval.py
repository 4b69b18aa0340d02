"""Figures of BENCHMARKS.md, "Finding lessons": ``python -m tests.benchmarks.quality_retrieval [FOLDER] [--fit]``.

Retrieval runs as the product does: same features, links, gate and rounds. ``FOLDER`` holds memprompt and text_weak;
without it only the written examples of this repository are used. ``--fit`` fits the default coefficients of the relevance gate anew: on
the half of the fictional entries whose query hashes to 0, and on ``lesson_queries.jsonl``, with and without links.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.embedding import Embedder
from core.evaluation.memories import Encoder, Lessons
from core.lessons.deterministic import applicability
from core.lessons.relevance import DEFAULT, Features, Gate, fit
from core.lessons.sufficiency import queries
from core.types import LessonKind, Question

DATA = Path(__file__).parents[1] / "data"
RELATED = 4  # how often a pair that belongs counts in the fit: far more pairs do not belong than are ever near


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def half(text: str) -> int:
    """By a hash of the text: 0 is fitted on, 1 is reported on."""
    return zlib.crc32(text.lower().encode()) % 2


def base_of(
    encode: Encoder, bears_on: Sequence[str], past: Mapping[str, Sequence[int]] | None = None, gate: Gate = DEFAULT
) -> Lessons:
    """Lessons 1, 2, ... by what they bear on, with the past prompts on which some, by place from 0, were of use."""
    memory = Lessons(encode, gate=gate)
    for text in bears_on:
        memory.add(LessonKind.RULE, text, text, "")
    for prompt, places in (past or {}).items():
        for place in places:
            memory.link(prompt, place + 1)
    return memory


def knowledge() -> list[dict[str, str]]:
    return rows(DATA / "fictional_knowledge.jsonl")


def pairs_of(memory: Lessons, asked: Sequence[tuple[str, int | None]]) -> list[tuple[Features, bool]]:
    """Every lesson for every prompt, with whether it belongs: the one at the place that is named, from 0."""
    return [
        (one.features, gold is not None and one.lesson.id == gold + 1)
        for text, gold in asked
        for one in memory.candidates(Question(text), queries(Question(text))[0])
    ]


def fitted(encode: Encoder) -> Gate:
    """The default coefficients."""
    known = [row for row in knowledge() if half(row["query"]) == 0]
    other = [row["query"] for row in rows(DATA / "fictional_unrelated.jsonl") if half(row["query"]) == 0]
    nothing: list[tuple[str, int | None]] = [(text, None) for text in other]
    base = base_of(encode, [applicability(row["prompt"], row["lesson"]) for row in known])
    pairs = pairs_of(base, [*((row["query"], n) for n, row in enumerate(known)), *nothing])
    taught = rows(DATA / "lesson_queries.jsonl")
    bears_on = [applicability(row["prompt"], row["correction"]) for row in taught]
    asked = [(text, n) for n, row in enumerate(taught) for text in row["queries"][1:]]
    for past in ({}, {row["queries"][0]: [n] for n, row in enumerate(taught)}):
        pairs += pairs_of(base_of(encode, bears_on, past), [*asked, *nothing])
    return fit([pair for pair in pairs for _ in range(RELATED if pair[1] else 1)])


def fictional(encode: Encoder, others: Mapping[str, Sequence[str]], side: int | None) -> dict[str, float]:
    """Recall and wrong accepts of answerable queries, and how many unrelated ones get nothing; ``side``: which half, or both."""
    known = [row for row in knowledge() if side is None or half(row["query"]) == side]
    unrelated = [row["query"] for row in rows(DATA / "fictional_unrelated.jsonl")]
    base = base_of(encode, [applicability(row["prompt"], row["lesson"]) for row in known])
    found = [{lesson.id for lesson in base.find(Question(row["query"]))} for row in known]
    bears_on = encode([lesson.applicability for lesson in base.texts.values()])
    plain = encode([row["query"] for row in known]) @ bears_on.T
    top = [set((np.argsort(-line)[:3] + 1).tolist()) for line in plain]
    figures = {
        "queries": len(known),
        "recall": float(np.mean([n in ids for n, ids in enumerate(found, 1)])),
        "wrong_accepts_per_query": sum(len(ids - {n}) for n, ids in enumerate(found, 1)) / len(known),
        "wrong_in_plain_top_3": sum(len(ids - {n}) for n, ids in enumerate(top, 1)) / len(known),
    }
    sets = {"own": [text for text in unrelated if side is None or half(text) == side], **others}
    for name, texts in sets.items():
        figures[f"nothing_{name}"] = float(np.mean([not base.find(Question(text)) for text in texts]))
    return {name: round(value, 3) for name, value in figures.items()}


def taught(encode: Encoder) -> dict[str, float]:
    """The queries of ``lesson_queries.jsonl``: who gets its lesson, and how many others it gets. They were fitted on."""
    known = rows(DATA / "lesson_queries.jsonl")
    base = base_of(
        encode,
        [applicability(row["prompt"], row["correction"]) for row in known],
        {row["prompt"]: [n] for n, row in enumerate(known)},
    )
    found = [
        (n, {x.id for x in base.find(Question(text))}) for n, row in enumerate(known, 1) for text in row["queries"]
    ]
    recall = sum(n in ids for n, ids in found) / len(found)
    return {
        "queries": len(found),
        "recall": recall,
        "others_per_query": sum(len(ids - {n}) for n, ids in found) / len(found),
    }


def main(folder: Path | None, *, anew: bool) -> None:
    encode = Encoder(Embedder().embed)
    if anew:
        gate = fitted(encode)
        print("coefficients", json.dumps({"weights": [round(w, 2) for w in gate.weights], "bias": round(gate.bias, 2)}))
    others: dict[str, list[str]] = {}
    if folder is not None:
        draw = np.random.default_rng(0)
        texts = {
            "trec": [row["text"] for row in rows(folder / "text_weak" / "trec.jsonl")],
            "memprompt": [row["ques"] for row in rows(folder / "memprompt" / "intents_en.jsonl")],
        }
        others = {name: [all_[i] for i in draw.choice(len(all_), 200, replace=False)] for name, all_ in texts.items()}
        encode([text for texts in others.values() for text in texts])
    print("fictional, reported half", json.dumps(fictional(encode, others, 1)), flush=True)
    print("fictional, all", json.dumps(fictional(encode, others, None)), flush=True)
    print("lesson_queries", json.dumps(taught(encode)), flush=True)


if __name__ == "__main__":
    folders = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(Path(folders[0]) if folders else None, anew="--fit" in sys.argv)
