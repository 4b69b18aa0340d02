"""Figures of BENCHMARKS.md, "Entity memory": ``python -m tests.benchmarks.quality_entities FOLDER`` (utterances in the shape of
``asr_nbest``).

What the corrector's bounds are worth on the training part alone, four folds of it: the test part is not looked at. Then how long a
transcript waits for its names, with made-up entities.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.evaluation.transcript_files import Utterance, read
from core.evaluation.transcripts import Streamed, errors_of
from core.lessons.entities import Entity, EntityIndex
from core.lessons.entity_corrector import Bounds, EntityMemory
from core.lessons.hearing import heard

FOLDS = 4
OFF = 2.0  # a share that nothing reaches


def learnt(rows: Sequence[Utterance]) -> Streamed:
    known = Streamed()
    for row in rows:
        known.see(row, row.best.split() != row.reference.split())
    return known


def crossed(train: Sequence[Utterance], bounds: Bounds, parts: Sequence[Streamed]) -> dict[str, float]:
    """WER, utterances better and worse, over the folds."""
    errors = np.vstack([errors_of(part.memory(bounds), train[fold::FOLDS]) for fold, part in enumerate(parts)])
    before, after, words = errors.T
    return {
        "wer": round(float(after.sum() / words.sum()), 4),
        "better": int((after < before).sum()),
        "worse": int((after > before).sum()),
    }


def speed(sizes: Sequence[int] = (100, 1000, 5000)) -> None:
    draw = random.Random(0)

    def word() -> str:
        return "".join(draw.choice("bdfgklmnprst") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))

    text = " ".join(word() for _ in range(25))
    for size in sizes:
        entities = [Entity(word(), word().capitalize(), "name", id=n) for n in range(size)]
        decided = [(" ".join(word() for _ in range(25)),) * 2 for _ in range(500)]
        marks = [time.perf_counter()]
        memory = EntityMemory(entities, decided)
        marks.append(time.perf_counter())
        index = EntityIndex(entities)
        marks.append(time.perf_counter())
        heard(text, index)
        marks.append(time.perf_counter())
        memory.correct(text)
        marks.append(time.perf_counter())
        took = [round(1000 * (b - a), 1) for a, b in itertools.pairwise(marks)]
        print(json.dumps({"entities": size, **dict(zip(("memory", "index", "names", "correct"), took, strict=True))}))


def main(folder: Path) -> None:
    train, _, how = read(folder)
    print(json.dumps({"data": folder.name, "train": len(train), "parted": how}))
    parts = [learnt([row for place, row in enumerate(train) if place % FOLDS != fold]) for fold in range(FOLDS)]
    grid = {
        "chosen": Bounds(),
        "without the word beside": Bounds(beside_share=OFF),
        "without other hypotheses": Bounds(agreed_share=OFF),
        "share and count alone": Bounds(beside_share=OFF, agreed_share=OFF),
        "share .6 alone": Bounds(share=0.6, beside_share=OFF, agreed_share=OFF),
        "once is enough": Bounds(fixes=1),
        "share .6": Bounds(share=0.6),
        "share .8": Bounds(share=0.8),
        "three fixes": Bounds(fixes=3),
        "beside .9": Bounds(beside_share=0.9),
    }
    for name, bounds in grid.items():
        print(json.dumps({name: crossed(train, bounds, parts)}), flush=True)
    speed()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
