"""What people's reviews say of the steps of an answer, in one form for training and for reports: the first wrong step.

0-based as stored, -1 (``metrics.NO_ERROR``) where no step is wrong, ``None`` where the review does not say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.metrics import NO_ERROR
from core.types import StepLabel, Verdict


def first_error(verdict: Verdict, marked: int | None, labels: Sequence[int | None] = ()) -> int | None:
    """The marked step, else the first that is labelled wrong; an acceptable answer without either has none.

    A marked step counts even where the answer was found acceptable: "right answer, wrong step". "Cannot judge" says nothing of any
    step, and neither does a faulty answer without a marked one.
    """
    if verdict is Verdict.CANNOT_JUDGE:
        return None
    wrong = next((index for index, label in enumerate(labels) if label == StepLabel.WRONG), None)
    first = marked if marked is not None else wrong
    return first if first is not None else NO_ERROR if verdict is Verdict.ACCEPTABLE else None


def complete(first: int | None, labels: Sequence[int | None], steps: int) -> list[int | None]:
    """One label per step: those given; where there is none, right before the first wrong step, and nothing after it."""
    given = [*labels, *[None] * steps][:steps]
    if first is None:
        return given
    end = steps if first == NO_ERROR else first
    made: list[int | None] = [StepLabel.RIGHT.value if index < end else None for index in range(steps)]
    if 0 <= first < steps:
        made[first] = StepLabel.WRONG.value
    return [label if own is None else own for own, label in zip(given, made, strict=True)]


def settled(said: Iterable[int]) -> int | None:
    """What more than half of the people say; ``None`` where they do not agree so far, so that nothing is learned from a coin toss."""
    counts = Counter(said)
    if not counts:
        return None
    step, votes = counts.most_common(1)[0]
    return step if 2 * votes > counts.total() else None


@dataclass(frozen=True, slots=True)
class StepReview:
    """One person's review of an answer with steps, that stands now, with what critics said of it then.

    ``said`` maps each critic that spoke to the first step it called wrong, -1 for none. ``labels`` has an entry per step (see
    ``complete``). ``suggested`` is the error type that the surest critic gave the step that the person found wrong, or empty.
    """

    review_id: int
    item_id: int
    output_id: int
    user_id: int
    at: datetime
    model: str
    verdict: Verdict
    first_error: int | None
    labels: tuple[int | None, ...]
    said: Mapping[str, int]
    blind: bool = False
    expert: bool = False
    error_type: str = ""
    suggested: str = ""
    user: str = ""
    external_id: str = ""


def by_output(reviews: Iterable[StepReview]) -> dict[int, list[StepReview]]:
    """The reviews that say which step is the first wrong one, by output: the last of each person, in order of people."""
    found: dict[int, dict[int, StepReview]] = {}
    for one in sorted(reviews, key=lambda review: review.review_id):
        if one.first_error is not None:
            found.setdefault(one.output_id, {})[one.user_id] = one
    return {output: [people[user] for user in sorted(people)] for output, people in found.items()}


def truth(reviews: Sequence[StepReview]) -> int | None:
    """The first wrong step that counts for one output: of experts who were asked because others could not tell, else of all."""
    experts = [one for one in reviews if one.expert]
    return settled(one.first_error for one in experts or reviews if one.first_error is not None)
