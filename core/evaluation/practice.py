"""A sufficiency gate on rows of self-practice (paper 42): is this answer good enough, or is it searched again?

The paper's critic is a language model of 783M parameters. Here the sentence encoder says how near question, answer and reason are to
each other, and a logistic model on those cosines, the turn and the lengths decides; it was chosen by cross-validation over questions of
the rows that are learned from, where the vectors themselves did no better than chance. The threshold is chosen on those rows too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.lessons.held_out import asked_once, newton
from core.lessons.sufficiency_gate import balanced_accuracy, best_balanced
from core.recipes.self_practice import Turn, build, read

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Floats = NDArray[np.float64]
RIDGE = 0.1
TABLE = tuple(n / 10 for n in range(10))  # thresholds of the risk-coverage table
_QUESTION = re.compile(r"Question: (.*)")


def evaluate(folder: Path, seed: int, embed: Embed) -> dict[str, Any]:
    """``*_train.csv`` and ``*_dev.csv`` of a folder; where it has ``*_generated.csv``, what the builder makes of that.

    Raises ``ValueError`` where the files are not there.
    """
    files = {part: sorted(folder.glob(f"*_{part}.csv")) for part in ("train", "dev", "generated")}
    if not files["train"] or not files["dev"]:
        raise ValueError(f"{folder} has no *_train.csv and *_dev.csv")
    found = measured(read(files["train"][0]), read(files["dev"][0]), embed)
    if files["generated"]:
        found["built"] = built(read(files["generated"][0]), seed)
    return found


def built(turns: Sequence[Turn], seed: int) -> dict[str, int]:
    """How many rows of each kind the recipe makes, and how many questions stand on both sides."""
    kept, aside = build(turns, seed)
    both = {one.question for one in kept} & {one.question for one in aside}
    accepted = sum(one.accepted for one in (*kept, *aside))
    rows = len(kept) + len(aside)
    return {
        "generated": len(turns),
        "balanced": rows,
        "accepted": accepted,
        "train": len(kept),
        "dev": len(aside),
        "questions_on_both_sides": len(both),
    }


def measured(train: Sequence[Turn], dev: Sequence[Turn], embed: Embed) -> dict[str, Any]:
    """Figures on ``dev`` of a gate that saw ``train`` alone."""
    x, asked = features(train, embed), features(dev, embed)
    threshold = _threshold(train, x)
    chances = _ask(_fit(x, train), asked)
    truth = np.array([one.accepted for one in dev])
    accepted = chances >= threshold
    return {
        "train": len(train),
        "dev": len(dev),
        "questions_on_both_sides": len({one.question for one in train} & {one.question for one in dev}),
        "threshold": round(threshold, 3),
        "balanced_accuracy": round(balanced_accuracy(list(zip(accepted, truth, strict=True))), 4),
        "balanced_accuracy_at_half": round(balanced_accuracy(list(zip(chances >= 0.5, truth, strict=True))), 4),
        "majority_balanced_accuracy": 0.5,
        "precision": _share(truth[accepted]),
        "recall": _share(accepted[truth]),
        "false_positive_rate": _share(accepted[~truth]),
        "risk_coverage": risk_coverage(chances, truth),
    }


def features(turns: Sequence[Turn], embed: Embed) -> Floats:
    """(n, 7): 1; cosines of question and answer, question and reason, answer and reason; the turn; lengths."""
    asked = [found.group(1) if (found := _QUESTION.match(one.context)) else one.context for one in turns]
    q, a, r = (embed(texts) for texts in (asked, [one.answer for one in turns], [one.rationale for one in turns]))
    cosines = [np.sum(one * other, axis=1) for one, other in ((q, a), (q, r), (a, r))]
    sizes = [[one.turn, len(one.rationale) / 200, len(one.answer) / 20] for one in turns]
    return np.column_stack([np.ones(len(turns)), *cosines, np.array(sizes)]).astype(np.float64)


def _fit(x: Floats, turns: Sequence[Turn]) -> Floats:
    y = np.array([float(one.accepted) for one in turns])
    n, d = x.shape
    return newton(x, y, np.zeros(n), np.zeros(d), RIDGE, np.ones(n))


def _ask(beta: Floats, x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(x @ beta))))


def _threshold(turns: Sequence[Turn], x: Floats) -> float:
    """By what gates say of questions that they have not seen."""
    groups = {id_: place for place, id_ in enumerate(sorted({one.question for one in turns}))}
    places = list(range(len(turns)))

    def fit(rows: Sequence[int]) -> Floats | None:
        kept = [turns[row] for row in rows]
        return _fit(x[list(rows)], kept) if len({one.accepted for one in kept}) == 2 else None

    _, chances = asked_once(
        places,
        group=lambda row: groups[turns[row].question],
        judges=lambda _: True,
        right=lambda row: turns[row].accepted,
        fit=fit,
        ask=lambda beta, row: float(_ask(beta, x[row : row + 1])[0]),
        choose=lambda _: 0.5,
    )
    return best_balanced([pair for fold in chances.values() for pair in fold])


def risk_coverage(chances: Floats, truth: NDArray[np.bool_]) -> list[dict[str, float | None]]:
    """For each threshold the share that is accepted, and how much of that is wrong; coverage never rises with the threshold."""
    rows: list[dict[str, float | None]] = []
    for threshold in TABLE:
        kept = chances >= threshold
        risk = None if not kept.any() else round(float(1 - truth[kept].mean()), 4)
        rows.append({"threshold": threshold, "coverage": round(float(kept.mean()), 4), "risk": risk})
    return rows


def _share(kept: NDArray[np.bool_]) -> float | None:
    return round(float(kept.mean()), 4) if len(kept) else None
