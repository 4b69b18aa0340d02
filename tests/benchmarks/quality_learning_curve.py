"""How well the learning curve forecasts: a tagger on a growing treebank (paper 36's own task), forecast at its end from every level.

``python -m tests.benchmarks.quality_learning_curve FOLDER`` with ``ewt_train.jsonl`` and ``ewt_dev.jsonl``: rows of words ``w`` and
tags ``u``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.reports.learning_curve import FIRST, LearningCurveReport, Point, trace

STEP = 150  # sentences between two observations


def read(path: Path) -> list[tuple[list[str], list[str]]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(row["w"], row["u"]) for row in rows]


def features(words: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What a plain tagger sees of each word: itself, its ends, its shape and its neighbours."""
    padded = ["<s>", *words, "</s>"]
    for place, word in enumerate(words, 1):
        low = word.lower()
        yield {
            f"w={low}": 1,
            f"s3={low[-3:]}": 1,
            f"s2={low[-2:]}": 1,
            f"p2={low[:2]}": 1,
            f"before={padded[place - 1].lower()}": 1,
            f"after={padded[place + 1].lower()}": 1,
            "capital": word[0].isupper() and place > 1,
            "digit": any(letter.isdigit() for letter in word),
        }


def curve(folder: Path) -> list[Point]:
    """Accuracy by word on the held-out sentences, by sentences trained on."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    hasher = FeatureHasher(2**18)
    train, held_out = read(folder / "ewt_train.jsonl"), read(folder / "ewt_dev.jsonl")
    test_x = hasher.transform(one for words, _ in held_out for one in features(words))
    test_y = [tag for _, tags in held_out for tag in tags]
    points = []
    for size in range(STEP, len(train) + 1, STEP):
        x = hasher.transform(one for words, _ in train[:size] for one in features(words))
        y = [tag for _, tags in train[:size] for tag in tags]
        model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=8, tol=None, average=True, random_state=0)
        points.append(Point(float(size), float(model.fit(x, y).score(test_x, test_y)), float(len(test_y))))
    return points


def main() -> None:
    points = curve(Path(sys.argv[1]))
    last = points[-1]
    rows = []
    for trend in trace(points):
        seen = points[: trend.level]
        report = LearningCurveReport(horizon=STEP, worth=0.002).compute(seen)
        gained = points[trend.level].score - seen[-1].score if trend.level < len(points) else None
        rows.append(
            {
                "sentences": seen[-1].x,
                "score": round(seen[-1].score, 4),
                "asymptote": round(trend.c, 4),
                "off_at_the_end": round(trend.at(last.x) - last.score, 4),
                "status": report["status"],
                "gain": None if report["gain"] is None else round(report["gain"], 5),
                "gained": None if gained is None else round(gained, 5),
            }
        )
        print(json.dumps(rows[-1]))
    later = [row for row in rows if row["sentences"] >= STEP * (FIRST + 4)]
    off = [abs(row["off_at_the_end"]) for row in later]
    stop = next((row for row in rows if row["status"] == "stop"), None)
    print(json.dumps({"points": len(points), "worst_off": max(off), "mean_off": sum(off) / len(off), "stop": stop}))


if __name__ == "__main__":
    main()
