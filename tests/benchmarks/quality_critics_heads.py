"""Figures of the step heads in BENCHMARKS.md: ``python -m tests.benchmarks.quality_critics_heads FOLDER [--data-dir DIR] [--write]``.

``FOLDER`` holds processbench, mr_gsm8k, gsm8k_solutions, bigbench_mistake and step_critics. What the language model reads is kept in
``DIR`` (about 900 solutions, half an hour on one idle core). ``--write`` trains the weights that come with the product, on solutions
whose questions are not in processbench gsm8k, and does nothing else.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cli.evaluate_cache import embedded
from app.cli.evaluate_readings import KeptReader
from app.settings import Settings
from app.worker.models import make_generator
from core import metrics
from core.critics import step_features, step_head, step_head_lm, step_operations
from core.critics.step_head import Example, HeadState, decide, fit, fold_of, trained
from core.critics.step_head_rows import FOLDS, examples, key
from core.critics.step_text import plain
from core.evaluation.steps import StepRow
from core.evaluation.steps_formats import read

SEEDS = 8
SHARES = (0.0, 0.25, 0.5, 1.0)
RIDGE_OF_CRITICS = 10.0
CRITICS_SEEDS = 10
Floats = NDArray[np.float64]


def first_errors(
    test: Sequence[Example], further: Sequence[Example], seeds: int = SEEDS, start: HeadState | None = None
) -> dict[str, float]:
    """Means over ``seeds``: F1 with its standard deviation, error and clean accuracy, AUROC; cross-validated by question or task."""
    names = tuple(f"x{i}" for i in range(test[0].rows.shape[1]))
    labels = [e.first_error for e in test]
    runs = []
    for seed in range(seeds):
        place = fold_of([e.group for e in test], FOLDS, seed)
        said, scores = [0] * len(test), [0.0] * len(test)
        for k in sorted(set(place)):
            away = {e.group for e, f in zip(test, place, strict=True) if f == k}
            known = [e for e, f in zip(test, place, strict=True) if f != k]
            more = [e for e in further if e.group not in away]
            state = trained(known, start, further=more, seed=seed, names=names)
            for i in (i for i, f in enumerate(place) if f == k):
                hazards = state.hazards(test[i].rows)
                said[i], scores[i] = decide(hazards, state.margin)[0], float(1 - np.prod(1 - hazards))
        found = metrics.first_error(labels, said)
        area = metrics.auroc(scores, [float(x >= 0) for x in labels])
        runs.append((found.f1, found.error_accuracy, found.correct_accuracy, area))
    means, spread = np.mean(runs, axis=0), np.std(runs, axis=0)
    named = zip(("f1", "error_accuracy", "clean_accuracy", "auroc"), means, strict=True)
    return {name: round(float(v), 3) for name, v in named} | {"f1_sd": round(float(spread[0]), 3)}


def with_vectors(rows: Sequence[StepRow], made: Sequence[Example], embed: Callable[[list[str]], Any]) -> list[Example]:
    """Beside the features eleven cosines of MiniLM: of a step with the question's sentences, with the question, with earlier steps."""
    parts = [[plain(row.problem), *sentences(row.problem), *(plain(s) or "." for s in row.steps)] for row in rows]
    unique = sorted({text for part in parts for text in part})
    vectors = dict(zip(unique, embed(unique), strict=True))
    found = []
    for row, example, part in zip(rows, made, parts, strict=True):
        v = np.array([vectors[text] for text in part], np.float64)
        cut = 1 + len(sentences(row.problem))
        x = np.hstack([example.rows, cosines(v[0], v[1:cut], v[cut:])])
        found.append(Example(x, example.first_error, example.group))
    return found


def sentences(problem: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", plain(problem))


def cosines(problem: Floats, asked: Floats, steps: Floats) -> Floats:
    near = steps @ asked.T
    found, covered = [], np.zeros(len(asked))
    for k, row in enumerate(near):
        before, covered = covered, np.maximum(covered, row)
        earlier = steps[:k] @ steps[k] if k else np.zeros(1)
        own = [
            row.max(),
            row.mean(),
            steps[k] @ problem,
            row[-1],
            earlier.max(),
            earlier[-1],
            covered.min(),
            covered.mean(),
        ]
        found.append([*own, (covered - before).max(), row.argmax() / max(1, len(row) - 1), np.sort(row)[-2:].mean()])
    return np.array(found)


def curves(folder: Path, settings: Settings) -> None:
    """By model size and by share of the training questions, on mr_gsm8k (where choices were made) and on processbench."""
    reader = KeptReader(settings, lambda: make_generator(settings), print)
    test, train = read("processbench", folder / "processbench" / "gsm8k.jsonl").rows, mr_gsm8k(folder)
    plain_, lm = (examples(test), examples(train)), (examples(test, reader), examples(train, reader))

    def embed(texts: list[str]) -> Any:
        return embedded(settings, texts, print)

    small = (with_vectors(test, plain_[0], embed), with_vectors(train, plain_[1], embed))
    for name, (of_test, of_train) in {"no model": plain_, "MiniLM 22M": small, "SmolLM2 135M": lm}.items():
        print(f"mr_gsm8k, {name}:", first_errors(of_train, (), seeds=4))
        print(f"processbench gsm8k, {name}:", first_errors(of_test, of_train))
    for share in SHARES:
        for name, (of_test, of_train) in {"no model": plain_, "SmolLM2 135M": lm}.items():
            questions = sorted({e.group for e in of_train})
            kept = set(random.Random(0).sample(questions, round(share * len(questions))))
            found = first_errors(of_test, [e for e in of_train if e.group in kept], seeds=4)
            print(f"processbench gsm8k, {name}, {share:.0%} of mr_gsm8k:", found)


def tasks_left_out(folder: Path) -> None:
    """bigbench_mistake, each task judged by a head that learned from mr_gsm8k and the other tasks."""
    rows = read("bigbench_mistake", folder / "bigbench_mistake").rows
    made, further = examples(rows), examples(mr_gsm8k(folder))
    right, faulty, constant = 0.0, 0, 0.0
    for task in sorted({e.group for e in made}):
        state = trained([e for e in made if e.group != task], further=further)
        mine = [e for e in made if e.group == task]
        labels = [e.first_error for e in mine]
        found = metrics.first_error(labels, [decide(state.hazards(e.rows), state.margin)[0] for e in mine])
        wrong = [x for x in labels if x >= 0]
        best = max(map(wrong.count, set(wrong)))
        right, faulty, constant = right + found.error_accuracy * found.faulty, faulty + found.faulty, constant + best
        print(f"left out {task}: F1 {found.f1:.3f}, {found}, best constant of this task {best / found.faulty:.3f}")
    every = [e.first_error for e in made if e.first_error >= 0]
    one = max(map(every.count, set(every))) / faulty
    print(
        f"pooled: {right / faulty:.3f}; best constant for all {one:.3f}, the best of each task {constant / faulty:.3f}"
    )


def added_to_critics(folder: Path, settings: Settings) -> None:
    """step_critics, mr-math_invalid: the best of the twelve, their learned sum without and with the bundled heads, by question."""
    path = folder / "step_critics" / "mr-math_invalid_errors.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    wrong = [float(row["solution_correct"] != "correct") for row in rows]
    groups = [key(row["question"]) for row in rows]
    first = [-1 if row["solution_correct"] == "correct" else _number(row["first_error_step"]) for row in rows]
    pairs = [(row["question"], row["steps"]) for row in rows]
    reader = KeptReader(settings, lambda: make_generator(settings), print)
    hand = [step_head.bundled().hazards(step_features.rows(*pair)) for pair in pairs]
    lm = [step_head_lm.bundled().hazards(x) for x in step_head_lm.rows(reader, pairs)]
    critics = [_said(row) for row in rows]
    alone = {name: metrics.auroc([one[name].max() for one in critics], wrong) for name in critics[0]}
    best = max(alone, key=lambda name: alone[name])
    of_best = np.array([one[best].max() for one in critics])
    print(f"best of twelve: {best} {alone[best]:.3f} {metrics.bootstrap(metrics.auroc, of_best, wrong, groups=groups)}")
    for name, heads in {"hand head alone": hand, "lm head alone": lm}.items():
        print(f"{name}: {metrics.auroc([-np.log1p(-h).sum() for h in heads], wrong):.3f}")
    for name, more in {"twelve": (), "twelve and step_head": (hand,), "twelve and step_head_lm": (lm,)}.items():
        x = [
            np.column_stack([*one.values(), *(_log_odds(heads[i]) for heads in more)]) for i, one in enumerate(critics)
        ]
        scores = np.array([_summed(x, first, groups, seed) for seed in range(CRITICS_SEEDS)])
        areas = [metrics.auroc(s, wrong) for s in scores]
        mean = scores.mean(0)
        low, high = metrics.bootstrap(metrics.auroc, mean, wrong, groups=groups)
        gap = _gap(mean, of_best, np.array(wrong), groups)
        print(
            f"{name}: AUROC {np.mean(areas):.3f} (mean score {metrics.auroc(mean, wrong):.3f}, {low:.3f} to {high:.3f})"
        )
        print(f"  minus the best critic: {gap[0]:+.3f}, 95 % {gap[1]:+.3f} to {gap[2]:+.3f}")


def _summed(x: Sequence[Floats], first: Sequence[int], groups: Sequence[str], seed: int) -> Floats:
    """How wrong each solution seems to a hazard over the critics' scores that never saw its question."""
    place = fold_of(groups, FOLDS, seed)
    names, found = tuple(f"x{i}" for i in range(x[0].shape[1])), np.zeros(len(x))
    for k in sorted(set(place)):
        rest = [Example(x[i], first[i], groups[i]) for i, f in enumerate(place) if f != k]
        state = fit(rest, ridge=RIDGE_OF_CRITICS, names=names)
        for i in (i for i, f in enumerate(place) if f == k):
            found[i] = -np.log1p(-np.clip(state.hazards(x[i]), 0, 0.9999)).sum()
    return found


def _gap(ours: Floats, theirs: Floats, wrong: Floats, groups: Sequence[str]) -> tuple[float, float, float]:
    """Difference of two AUROCs on the same rows with its 95 % interval, questions drawn whole."""
    both = np.arange(len(wrong), dtype=np.float64)

    def difference(places: Floats, y: Floats) -> float:
        chosen = places.astype(int)
        return metrics.auroc(ours[chosen], y) - metrics.auroc(theirs[chosen], y)

    return (difference(both, wrong), *metrics.bootstrap(difference, both, wrong, groups=groups))


def _said(row: dict[str, Any]) -> dict[str, Floats]:
    """Per critic a number for each step, higher for worse: log-odds of the worst line's score, 1 for the step that is named."""
    n, found = len(row["steps"]), {}
    for name, said in sorted(row["critics"].items()):
        if isinstance(said, dict):
            at = _number(said["first_error"]) if said["verdict"] != "Correct" else -1
            found[name] = (np.arange(n) == at).astype(np.float64)
        elif isinstance(said, list):
            values = np.array(said, np.float64)
            lines = 1 - values if values.ndim == 1 else values[:, 0]
            starts = np.cumsum([0, *row["lines_per_step"]])
            worst = [lines[a:b].max() if b > a else 0.05 for a, b in pairwise(starts)]
            found[name] = _log_odds(np.array(worst[:n]))
        else:
            found[name] = np.full(n, float(said))
    return found


def _number(value: Any) -> int:
    """A step as written, 1-based, as 0-based; -1 for none."""
    match = re.search(r"\d+", str(value))
    return int(match[0]) - 1 if match else -1


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, 0.003, 0.997)
    return np.asarray(np.log(p / (1 - p)))


def mr_gsm8k(folder: Path) -> Sequence[StepRow]:
    return read("mr_gsm8k", folder / "mr_gsm8k" / "solutions.jsonl").rows


def write(folder: Path, settings: Settings) -> None:
    """The three files of weights that come with the product."""
    lines = (folder / "gsm8k_solutions" / "train_sample.jsonl").read_text().splitlines()
    known = [json.loads(line) for line in lines]
    weights = step_operations.fit([r["question"] for r in known], [r["answer"].split("\n") for r in known])
    step_operations.BUNDLED.write_text(json.dumps(weights, separators=(",", ":")))
    step_operations.bundled.cache_clear()
    away = {key(row.problem) for row in read("processbench", folder / "processbench" / "gsm8k.jsonl").rows}
    rows = [row for row in mr_gsm8k(folder) if key(row.problem) not in away]
    reader = KeptReader(settings, lambda: make_generator(settings), print)
    step_head.BUNDLED.write_text(trained(examples(rows)).dump())
    step_head_lm.BUNDLED.write_text(trained(examples(rows, reader), names=step_head_lm.NAMES).dump())
    print(f"trained on {len(rows)} solutions of mr_gsm8k and {len(known)} references")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Settings().data_dir)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    settings = Settings(data_dir=given.data_dir)
    if given.write:
        write(given.folder, settings)
        return
    tasks_left_out(given.folder)
    added_to_critics(given.folder, settings)
    curves(given.folder, settings)


if __name__ == "__main__":
    main()
