"""A model of people's errors from their overlaps alone (Dawid and Skene 1979): how often each misses a fault or raises a false alarm.

Expectation maximisation over the truth of each answer, with a weak prior that people are right more often than not, so that one person
alone is never called wrong. Answers whose truth is known (gold) are held to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PRIOR_RIGHT, PRIOR_WRONG = 4.0, 1.0  # judgements that everyone is credited with, of each kind of answer
FEWEST = 10  # of somebody's judgements that others, or gold, bear on, before anything is said of them
STEPS = 200
CALM = 1e-6


@dataclass(frozen=True, slots=True)
class PersonErrors:
    """Estimated shares: ``misses`` of faulty answers found acceptable, ``alarms`` of acceptable ones found faulty; ``accuracy`` of all.

    ``n`` judgements bear on it: of answers that somebody else judged too, or that are gold.
    """

    misses: float
    alarms: float
    accuracy: float
    n: int


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """``people`` by id, of whom enough is known; ``wrong``: by answer, how likely it is faulty."""

    people: Mapping[int, PersonErrors]
    wrong: Mapping[int, float]


def fit(said: Sequence[tuple[int, int, bool]], gold: Mapping[int, bool] | None = None) -> ErrorModel:
    """``said``: (answer, person, found it faulty), the last of a person on an answer counts."""
    known = gold or {}
    latest = {(answer, person): wrong for answer, person, wrong in said}
    if not latest:
        return ErrorModel({}, {})
    answers = sorted({answer for answer, _ in latest})
    people = sorted({person for _, person in latest})
    place, who = ({value: n for n, value in enumerate(values)} for values in (answers, people))
    rows = np.array([place[answer] for answer, _ in latest])
    cols = np.array([who[person] for _, person in latest])
    votes = np.fromiter(latest.values(), float)
    fixed = np.array([float(known[answer]) if answer in known else np.nan for answer in answers])
    count = np.bincount(rows, minlength=len(answers))
    truth = np.where(np.isnan(fixed), np.bincount(rows, votes, len(answers)) / count, fixed)
    for _ in range(STEPS):
        hit, alarm = _rates(truth, rows, cols, votes, len(people))
        share = float(np.clip((truth.sum() + 1) / (len(truth) + 2), 0.01, 0.99))
        for_fault = np.where(votes == 1, np.log(hit[cols]), np.log1p(-hit[cols]))
        against = np.where(votes == 1, np.log(alarm[cols]), np.log1p(-alarm[cols]))
        odds = np.log(share / (1 - share)) + np.bincount(rows, for_fault - against, len(answers))
        new = np.where(np.isnan(fixed), 1 / (1 + np.exp(-np.clip(odds, -30, 30))), fixed)
        moved, truth = float(np.abs(new - truth).max()), new
        if moved < CALM:
            break
    hit, alarm = _rates(truth, rows, cols, votes, len(people))
    bears = (count[rows] > 1) | ~np.isnan(fixed[rows])
    told = np.bincount(cols[bears], minlength=len(people))
    share = float(truth.mean())
    return ErrorModel(
        {
            person: PersonErrors(
                float(1 - hit[n]), float(alarm[n]), float(share * hit[n] + (1 - share) * (1 - alarm[n])), int(told[n])
            )
            for n, person in enumerate(people)
            if told[n] >= FEWEST
        },
        dict(zip(answers, truth.tolist(), strict=True)),
    )


def _rates(
    truth: np.ndarray, rows: np.ndarray, cols: np.ndarray, votes: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often each person calls a faulty answer faulty, and an acceptable one."""
    wrong = truth[rows]
    hits = np.bincount(cols, wrong * votes, n) + PRIOR_RIGHT
    of_wrong = np.bincount(cols, wrong, n) + PRIOR_RIGHT + PRIOR_WRONG
    alarms = np.bincount(cols, (1 - wrong) * votes, n) + PRIOR_WRONG
    of_right = np.bincount(cols, 1 - wrong, n) + PRIOR_RIGHT + PRIOR_WRONG
    return hits / of_wrong, alarms / of_right
