"""What a person has marked and typed for one answer, as the browser sends it: validated, and bounded in size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.error_types import ErrorType
from core.projects import StepProtocol
from core.types import Dependency, Scope, StepLabel, Verdict
from store.text import clean

MAX_TEXT = 20_000
MAX_REWRITE = 100_000
MAX_STEPS = 10_000
MAX_ALTERNATIVES = 200

Place = Annotated[int, Field(ge=0, lt=MAX_STEPS)]
Rating = Literal[-1, 0, 1]
Alternative = tuple[Place, Annotated[str, Field(max_length=MAX_TEXT)], Rating | None]


class ReviewForm(BaseModel):
    """The body of a draft and of a decision. Steps count from 0; ``rewrite`` is the whole answer as it should be.

    ``handled`` says that the person chose scope or dependency, so that no proposal may change them. ``fine`` and ``answers`` (of the
    search by halving, in order) are marks of ``first_error`` and ``bisect``, ``ratings`` by step those of ``per_step``, whose first
    wrong step is the first one rated -1. ``took`` is the critic whose finding was taken over. In adjudication ``reason`` is told to
    those whose reviews are decided over, and ``takes`` is the review that was taken. ``split`` are sub-tasks that an expert writes.
    """

    model_config = ConfigDict(extra="ignore")

    output: int = Field(0, ge=0)
    text: str = Field("", max_length=MAX_TEXT)
    error_type: str = Field("", max_length=60)
    scope: Scope = Scope.SKILL
    dependency: Dependency = Dependency.LAST
    handled: bool = False
    rewrite: str | None = Field(None, max_length=MAX_REWRITE)
    label: str = Field("", max_length=200)
    protocol: StepProtocol = "first_error"
    first_wrong_step: Place | None = None
    fine: list[Place] = Field(default_factory=list, max_length=MAX_STEPS)
    ratings: dict[Place, Rating] = Field(default_factory=dict, max_length=MAX_STEPS)
    answers: list[bool] = Field(default_factory=list, max_length=64)
    answer_right: bool | None = None
    alternatives: list[Alternative] = Field(default_factory=list, max_length=MAX_ALTERNATIVES)
    took: str = Field("", max_length=120)
    reason: str = Field("", max_length=2000)
    takes: int = Field(0, ge=0)
    split: str = Field("", max_length=8000)
    seconds: float = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _text_that_can_be_kept(cls, sent: Any) -> Any:
        return clean(sent)  # half an emoji, left by a cut, must not keep a draft from being saved

    @model_validator(mode="after")
    def _first_of_the_ratings(self) -> Self:
        if self.protocol == "per_step":
            wrong = [step for step, rating in self.ratings.items() if rating == -1]
            self.first_wrong_step = min(wrong, default=None)
        return self

    @property
    def words(self) -> str:
        return self.text.strip()

    @property
    def written(self) -> list[Alternative]:
        """The alternatives that have words; one that was only opened has none."""
        return [one for one in self.alternatives if one[1].strip()]

    def error_of(self, offered: Sequence[ErrorType]) -> str | None:
        """The kind of error, if the project offers it."""
        return self.error_type if any(kind.key == self.error_type for kind in offered) else None

    def rewritten(self, answer: str) -> str | None:
        """The rewrite, if it changes ``answer`` at all."""
        return self.rewrite if self.rewrite and self.rewrite.strip() and self.rewrite != answer else None

    def unrated(self, steps: int) -> list[int]:
        return [step for step in range(steps) if step not in self.ratings]

    def step_labels(self, steps: int, *, all_right: bool = False) -> list[int | None]:
        """One label per step, in PRM800K's coding.

        Where each step is rated, the ratings are the labels. Else the steps before the first bad one are right, and of what follows
        it nothing is said: it is masked. ``all_right`` is what accepting an answer says of the steps that nobody rated.
        """
        if self.protocol == "per_step":
            otherwise = StepLabel.RIGHT.value if all_right else None
            return [self.ratings.get(step, otherwise) for step in range(steps)]
        bad = None if all_right else self.first_wrong_step
        until = steps if bad is None else bad
        right = [all_right or bad is not None or step in self.fine for step in range(until)]
        labels: list[int | None] = [StepLabel.RIGHT.value if one else None for one in right]
        labels += [StepLabel.WRONG.value, *[None] * steps] if bad is not None else []
        return labels[:steps]


def of_review(review: Any, correction: Any) -> dict[str, Any]:
    """The form as it was when ``review`` was submitted, with the correction that belongs to it, if any."""
    each = review.protocol == "per_step"
    labels = dict(enumerate(review.step_labels)) if review.verdict == Verdict.FAULTY or each else {}
    form = ReviewForm(
        output=review.output_id,
        protocol=review.protocol,
        first_wrong_step=review.first_wrong_step,
        fine=[] if each else [step for step, label in labels.items() if label == StepLabel.RIGHT],
        ratings={step: label for step, label in labels.items() if label is not None} if each else {},
        answer_right=review.answer_right,
        alternatives=[tuple(one) for one in review.alternatives],
        took=str(review.shown.get("took", "")),
        error_type=review.error_type or "",
        seconds=review.seconds or 0,
        reason=review.reason or "",
    )
    if correction is not None:
        form.text, form.rewrite, form.handled = correction.text, correction.rewrite, True
        form.scope, form.dependency = Scope(correction.scope), Dependency(correction.dependency)
    return form.model_dump(mode="json")
