"""A project's own step head: trained on its people's step labels, with the notebook of the head before it (MCL, paper 11).

From paper 11: what the head in force got wrong (false alarms and misses) is replayed with weight 3; where people found few errors of a
kind, some are planted; and the head is a soup, the mean of the weights of runs that saw other planted errors. Different from there: the
start is the bundled head, towards which weights are pulled, and nothing is replayed from a fold that figures are taken from.

Labels are in fixed folds by a hash of their item. A version keeps, beside the head itself, one head per fold that never saw that fold.
So two versions are compared on all labels, and neither has learned from what it is asked: not even a version made long before.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core import metrics
from core.critics import step_features, step_planting
from core.critics.step_head import Example, HeadState, bundled, decide, fit, fold_of, load, tuned
from core.error_suggestions import suggest
from core.metrics import NO_ERROR

REPLAYED = 3.0  # weight of a solution that the head in force got wrong
FOLDS, INNER = 5, 4
SOUP = 3  # runs
SCARCE = 0.1  # of the wrong solutions: kinds with fewer examples get planted ones
FEWEST = 10  # labelled solutions
FEWEST_OF_A_KIND = 3  # with a wrong step, and without one
FEWEST_TO_TUNE = 30  # below that the margin stays the start's


@dataclass(frozen=True, slots=True)
class Label:
    """A solution with the first wrong step that people found (-1 for none); ``group`` is its item."""

    problem: str
    steps: tuple[str, ...]
    first_error: int
    group: str
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class Heads:
    """``head`` speaks; ``folds[k]`` never saw fold k and is there to be measured."""

    head: HeadState
    folds: tuple[HeadState, ...]

    def state(self) -> dict[str, Any]:
        """As JSON values; ``of_state`` reads them."""
        return {"head": json.loads(self.head.dump()), "folds": [json.loads(one.dump()) for one in self.folds]}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Heads:
        """Raises ``ValueError`` for a state of other features, or of another form."""
        folds = state.get("folds")
        if "head" not in state or not isinstance(folds, list) or len(folds) != FOLDS:
            raise ValueError("this is no state of a project's step head")
        return cls(load(json.dumps(state["head"])), tuple(load(json.dumps(one)) for one in folds))

    @classmethod
    def start(cls) -> Heads:
        """The bundled head, which has seen no project's labels."""
        return cls(bundled(), (bundled(),) * FOLDS)


def enough(wrong: int, right: int) -> bool:
    """Whether there are labels to learn from: so many solutions with a wrong step, and without one."""
    return wrong + right >= FEWEST and min(wrong, right) >= FEWEST_OF_A_KIND


def fold(group: str) -> int:
    """The same for an item whenever it is asked for."""
    return hashlib.blake2b(group.encode(), digest_size=8).digest()[0] % FOLDS


def retrained(
    labels: Sequence[Label], before: Heads, *, seed: int = 0, say: Callable[[str], None] = lambda _: None
) -> tuple[Heads, dict[str, Any]]:
    """Heads that learned from ``labels``, and their figures beside those of ``before`` on the same solutions.

    ``before`` and ``after``: f1, error_accuracy, clean_accuracy, accuracy (of all) and off_by_one, on solutions that neither had seen,
    with n, faulty and clean. ``replayed``: how many solutions ``before`` got wrong, and the share of them that the new head gets
    right. ``better`` is false where the new F1 is lower, or, with the same F1, the new accuracy. Raises ``ValueError`` when there are
    too few labels (``enough``).
    """
    wrong = sum(one.first_error != NO_ERROR for one in labels)
    if not enough(wrong, len(labels) - wrong):
        raise ValueError(
            f"to train a step head, people must have judged {FEWEST} answers, {FEWEST_OF_A_KIND} of them with a wrong step and "
            f"{FEWEST_OF_A_KIND} without one"
        )
    made = examples(labels)
    places = [fold(one.group) for one in labels]
    folds = []
    for k in range(FOLDS):
        rest = [i for i, place in enumerate(places) if place != k]
        learned = _learned([labels[i] for i in rest], [made[i] for i in rest], before.folds[k], seed)
        folds.append(learned[0])
        say(f"fold {k + 1} of {FOLDS}")
    head, course = _learned(labels, made, before.head, seed)
    after = Heads(head, tuple(folds))
    missed = [e for e in made if first_wrong(before.head, e) != e.first_error]
    then, now = figures(made, places, before), figures(made, places, after)
    replayed = {"n": len(missed), "after": _share(first_wrong(head, e) == e.first_error for e in missed)}
    counts = Counter(kind for run in course[:1] for kind, _ in run)
    return after, {
        "before": then,
        "after": now,
        "replayed": replayed,
        "planted": dict(sorted(counts.items())),
        "better": (now["f1"], now["accuracy"]) >= (then["f1"], then["accuracy"]),
    }


def first_wrong(head: HeadState, example: Example) -> int:
    """What a head says of a solution: 0-based, -1 for none."""
    return decide(head.hazards(example.rows), head.margin)[0] if len(example.rows) else NO_ERROR


def figures(examples: Sequence[Example], places: Sequence[int], heads: Heads) -> dict[str, Any]:
    """What each fold's own head says of the solutions of that fold."""
    truth = [e.first_error for e in examples]
    said = [first_wrong(heads.folds[place], e) for e, place in zip(examples, places, strict=True)]
    found = metrics.first_error(truth, said)
    near = [abs(x - s) == 1 and s != NO_ERROR for x, s in zip(truth, said, strict=True) if x != NO_ERROR]
    return {
        "f1": found.f1,
        "error_accuracy": found.error_accuracy,
        "clean_accuracy": found.correct_accuracy,
        "accuracy": _share(x == s for x, s in zip(truth, said, strict=True)),
        "off_by_one": _share(near),
        "n": len(truth),
        "faulty": found.faulty,
        "clean": found.clean,
    }


def soup(states: Sequence[HeadState]) -> HeadState:
    """The mean of the weights of heads that share their standardisation (course soup, paper 11)."""
    weights = np.mean([state.weights for state in states], axis=0)
    return replace(states[0], weights=weights)


Course = Sequence[tuple[str, Example]]  # planted errors of one run, with their kinds


def examples(labels: Sequence[Label]) -> list[Example]:
    """As the head reads them."""
    return [Example(step_features.rows(x.problem, x.steps), x.first_error, x.group) for x in labels]


def _learned(
    labels: Sequence[Label], examples: Sequence[Example], before: HeadState, seed: int
) -> tuple[HeadState, Sequence[Course]]:
    """Replays what ``before`` gets wrong; the margin is tuned out of fold, on what people labelled alone."""
    course = _planted(labels, seed)
    weighted = _replaying(examples, before)
    made = _soup(weighted, course) or before
    if len(weighted) < FEWEST_TO_TUNE:
        return made, course
    place = fold_of([e.group for e in weighted], INNER, seed)
    held: list[Example] = []
    hazards = []
    for k in sorted(set(place)):
        part = _soup([e for e, p in zip(weighted, place, strict=True) if p != k], course)
        if part is not None:
            mine = [e for e, p in zip(weighted, place, strict=True) if p == k]
            held += mine
            hazards += [part.hazards(e.rows) for e in mine]
    return tuned(made, held, hazards) if held else made, course


def _replaying(examples: Sequence[Example], before: HeadState) -> list[Example]:
    """Weights of mean 1, so that the pull towards the start stays what it was."""
    weights = [REPLAYED if first_wrong(before, e) != e.first_error else 1.0 for e in examples]
    mean = sum(weights) / max(1, len(weights))
    return [replace(e, weight=w / mean) for e, w in zip(examples, weights, strict=True)]


def _soup(examples: Sequence[Example], course: Sequence[Course]) -> HeadState | None:
    """One run per course, from planted errors of these examples' own items; ``None`` where one kind of solution is missing."""
    known = {e.group for e in examples}
    wrong = sum(e.first_error != NO_ERROR for e in examples)
    if not 0 < wrong < len(examples):
        return None
    return soup([fit([*examples, *(e for _, e in run if e.group in known)], bundled()) for run in course])


def _planted(labels: Sequence[Label], seed: int) -> list[Course]:
    """Errors of scarce kinds in solutions that people found right, other ones for each run; one run where no kind is scarce."""
    wrong = [x for x in labels if x.first_error != NO_ERROR]
    right = [x for x in labels if x.first_error == NO_ERROR]
    seen = Counter(x.error_type or suggest(x.problem, x.steps, x.first_error) for x in wrong)
    wanted = {kind: max(0, round(SCARCE * len(wrong)) - seen[kind]) for kind in step_planting.KINDS}
    if not any(wanted.values()):
        return [()]
    return [tuple(_course(right, wanted, random.Random(f"{seed}:{run}"))) for run in range(SOUP)]


def _course(right: Sequence[Label], wanted: Mapping[str, int], rng: random.Random) -> Iterator[tuple[str, Example]]:
    for kind, n in wanted.items():
        left = n
        for one in rng.sample(right, len(right)):
            if not left:
                break
            foreign = [
                step
                for other in rng.sample(right, min(5, len(right)))
                if other.group != one.group
                for step in other.steps
            ]
            found = step_planting.plant(kind, one.problem, one.steps, rng, foreign)
            if found is not None:
                left -= 1
                yield kind, Example(step_features.rows(one.problem, found.steps), found.first_error, one.group)


def _share(hits: Any) -> float | None:
    found = list(hits)
    return sum(found) / len(found) if found else None
