"""Figures of BENCHMARKS.md, "Finding lessons": ``python -m tests.benchmarks.quality_retrieval [FOLDER] [--fit]``.

Retrieval runs as the product does: same features, links, gate and rounds. ``FOLDER`` holds champ, memprompt and text_weak;
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
from core.lessons.deterministic import applicability
from core.lessons.links import NEAREST, closest, link_scores
from core.lessons.relevance import ACCEPT_AT, DEFAULT, Features, Gate, fit
from core.lessons.sufficiency import Candidate, LookUp, look_up, queries
from core.lessons.wording import without_instances
from core.lessons.words import overlap, stems
from core.projects import ProjectSettings
from core.types import LessonKind, LessonText, Question

DATA = Path(__file__).parents[1] / "data"
RELATED = 4  # how often a pair that belongs counts in the fit: far more pairs do not belong than are ever near
FLOOR = ProjectSettings().lesson_floor


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def half(text: str) -> int:
    """By a hash of the text: 0 is fitted on, 1 is reported on."""
    return zlib.crc32(text.lower().encode()) % 2


class Base:
    """Lessons with their vectors and, where given, past prompts with the lessons that were of use there."""

    def __init__(
        self, embedder: Embedder, bears_on: Sequence[str], past: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        self.embedder = embedder
        self.lessons = [LessonText(n, LessonKind.RULE, text, text) for n, text in enumerate(bears_on)]
        self.vectors = embedder.embed([without_instances(text) for text in bears_on])
        self.words = [stems(text) for text in bears_on]
        self.past = dict(past or {})
        self.past_vectors = embedder.embed([without_instances(text) for text in self.past])
        self.links = dict(enumerate(self.past.values()))

    def candidates(self, prompt: Any, query: Any, text: str, without: str = "") -> list[Candidate]:
        """All lessons with what speaks for each; ``without`` is a past prompt that is left out."""
        texts = list(self.past)
        cosines = self.past_vectors @ query if texts else []
        near = sorted(((n, float(c)) for n, c in enumerate(cosines) if texts[n] != without), key=lambda x: -x[1])
        scores, there = link_scores(near[:NEAREST], self.links), closest(near[:NEAREST], self.links)
        said, plain, bare = stems(text), self.vectors @ prompt, self.vectors @ query
        return [
            Candidate(
                lesson,
                Features(float(plain[n]), float(bare[n]), overlap(said, self.words[n]), scores.get(n, 0.0)),
                max(float(plain[n]), float(bare[n]), there.get(n, -1.0)),
            )
            for n, lesson in enumerate(self.lessons)
        ]

    def find(self, prompt: str, gate: Gate = DEFAULT) -> LookUp:
        """As the worker looks lessons up, all rounds."""
        asked = queries(Question(prompt))
        vectors = dict(zip([one.text for one in asked], self.embedder.embed([one.text for one in asked]), strict=True))
        plain = self.embedder.embed([prompt])[0]
        search = look_up(asked, gate, FLOOR)
        try:
            query = next(search)
            while True:
                query = search.send(self.candidates(plain, vectors[query.text], query.text))
        except StopIteration as end:
            return end.value


def knowledge() -> list[dict[str, str]]:
    return rows(DATA / "fictional_knowledge.jsonl")


def pairs_of(base: Base, asked: Sequence[tuple[str, int | None]]) -> list[tuple[Features, bool]]:
    plain = base.embedder.embed([text for text, _ in asked])
    bare = base.embedder.embed([without_instances(text) for text, _ in asked])
    return [
        (one.features, one.lesson.id == gold)
        for (text, gold), p, q in zip(asked, plain, bare, strict=True)
        for one in base.candidates(p, q, text)
    ]


def fitted(embedder: Embedder) -> Gate:
    """The default coefficients."""
    known = [row for row in knowledge() if half(row["query"]) == 0]
    other = [row["query"] for row in rows(DATA / "fictional_unrelated.jsonl") if half(row["query"]) == 0]
    nothing: list[tuple[str, int | None]] = [(text, None) for text in other]
    base = Base(embedder, [applicability(row["prompt"], row["lesson"]) for row in known])
    pairs = pairs_of(base, [*((row["query"], n) for n, row in enumerate(known)), *nothing])
    taught = rows(DATA / "lesson_queries.jsonl")
    bears_on = [applicability(row["prompt"], row["correction"]) for row in taught]
    asked = [(text, n) for n, row in enumerate(taught) for text in row["queries"][1:]]
    for past in ({}, {row["queries"][0]: [n] for n, row in enumerate(taught)}):
        pairs += pairs_of(Base(embedder, bears_on, past), [*asked, *nothing])
    return fit([pair for pair in pairs for _ in range(RELATED if pair[1] else 1)])


def fictional(embedder: Embedder, others: Mapping[str, Sequence[str]], side: int | None) -> dict[str, float]:
    """Recall and wrong accepts of answerable queries, and how many unrelated ones get nothing; ``side``: which half, or both."""
    known = [row for row in knowledge() if side is None or half(row["query"]) == side]
    unrelated = [row["query"] for row in rows(DATA / "fictional_unrelated.jsonl")]
    base = Base(embedder, [applicability(row["prompt"], row["lesson"]) for row in known])
    found = [[lesson.id for lesson in base.find(row["query"]).accepted[:3]] for row in known]
    plain = embedder.embed([row["query"] for row in known]) @ base.vectors.T
    top = [set(np.argsort(-line)[:3].tolist()) for line in plain]
    figures = {
        "queries": len(known),
        "recall": float(np.mean([n in ids for n, ids in enumerate(found)])),
        "wrong_accepts_per_query": sum(len(set(ids) - {n}) for n, ids in enumerate(found)) / len(known),
        "wrong_in_plain_top_3": sum(len(ids - {n}) for n, ids in enumerate(top)) / len(known),
    }
    sets = {"own": [text for text in unrelated if side is None or half(text) == side], **others}
    for name, texts in sets.items():
        looked = [base.find(text) for text in texts]
        figures[f"nothing_{name}"] = float(np.mean([not one.accepted for one in looked]))
    return {name: round(value, 3) for name, value in figures.items()}


def champ(embedder: Embedder, folder: Path) -> dict[str, float]:
    """Gold concepts among the first five, each problem left out of the past in its turn."""
    concepts = rows(folder / "concepts.jsonl")
    number = {row["id"]: n for n, row in enumerate(concepts)}
    problems = [
        (row["problem"], [number[k] for k in row["knowledge"] if k in number])
        for row in rows(folder / "problems.jsonl")
    ]
    problems = [(text, gold) for text, gold in problems if gold]
    past = dict(problems)
    base = Base(embedder, [f"{row['name'] or ''}\n{row['text']}".strip() for row in concepts], past)
    plain = embedder.embed([text for text, _ in problems])
    bare = embedder.embed([without_instances(text) for text, _ in problems])
    hits: dict[str, list[bool]] = {"minilm": [], "hybrid": [], "links": [], "frequency": []}
    accepted, right = 0, 0
    for (text, gold), p, q in zip(problems, plain, bare, strict=True):
        found = base.candidates(p, q, text, without=text)
        alone = [Features(x.features.cosine, x.features.bare, x.features.words) for x in found]
        often = [sum(n in gold for other, gold in problems if other != text) for n in range(len(concepts))]
        scores = {
            "minilm": [x.features.cosine for x in found],
            "hybrid": [DEFAULT.probability(x) for x in alone],
            "links": [DEFAULT.probability(x.features) for x in found],
            "frequency": often,
        }
        for name, given in scores.items():
            hits[name].append(bool(set(gold) & set(np.argsort(-np.array(given), kind="stable")[:5].tolist())))
        taken = [x.lesson.id for x in found if DEFAULT.probability(x.features) >= ACCEPT_AT and x.closest >= FLOOR]
        accepted += len(taken)
        right += len(set(taken) & set(gold))
    figures = {f"hit_at_5_{name}": float(np.mean(said)) for name, said in hits.items()}
    figures |= {
        "problems": len(problems),
        "accepted_per_problem": accepted / len(problems),
        "precision": right / max(accepted, 1),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def main(folder: Path | None, *, anew: bool) -> None:
    embedder = Embedder()
    if anew:
        gate = fitted(embedder)
        print("coefficients", json.dumps({"weights": [round(w, 2) for w in gate.weights], "bias": round(gate.bias, 2)}))
    others: dict[str, list[str]] = {}
    if folder is not None:
        draw = np.random.default_rng(0)
        texts = {
            "trec": [row["text"] for row in rows(folder / "text_weak" / "trec.jsonl")],
            "memprompt": [row["ques"] for row in rows(folder / "memprompt" / "intents_en.jsonl")],
        }
        others = {name: [all_[i] for i in draw.choice(len(all_), 200, replace=False)] for name, all_ in texts.items()}
        print("champ", json.dumps(champ(embedder, folder / "champ")), flush=True)
    print("fictional, reported half", json.dumps(fictional(embedder, others, 1)), flush=True)


if __name__ == "__main__":
    folders = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(Path(folders[0]) if folders else None, anew="--fit" in sys.argv)
