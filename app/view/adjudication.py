"""Several reviews of one answer side by side: what each marked, said and would write, and where they differ.

Nobody is named: an expert decides about the answer, not about people. Reviews go by letters, in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.view.languages import N_, _, ngettext
from app.view.review_form import of_review
from core.edits import Op, step_diff, word_diff
from core.error_types import ErrorType
from core.types import StepLabel, Verdict

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SAYS = {
    Verdict.ACCEPTABLE: N_("acceptable"),
    Verdict.FAULTY: N_("faulty"),
    Verdict.CANNOT_JUDGE: N_("cannot judge"),
}
MARKS = {
    StepLabel.WRONG: ("✗", N_("wrong")),
    StepLabel.NEUTRAL: ("–", N_("neutral")),
    StepLabel.RIGHT: ("✓", N_("right")),
}
UNSAID = ("·", N_("not said"))
FINAL = {True: N_("The final answer is right."), False: N_("The final answer is wrong."), None: ""}


@dataclass(frozen=True, slots=True)
class OpinionView:
    """One review. ``form`` is what it takes to say the same again; ``changes`` its rewrite against the answer, word by word."""

    review_id: int
    letter: str
    verdict: str  # acceptable, faulty, cannot_judge: the colour
    says: str
    first_wrong: int | None  # from 1
    error: str
    final: str  # what it says of the final answer alone, a sentence
    words: str
    span: str
    changes: tuple[tuple[Op, str], ...]
    alternatives: tuple[tuple[int, str], ...]
    label: str
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepRow:
    """What each review says of a step, as (sign, words), and whether that differs."""

    number: int
    marks: tuple[tuple[str, str], ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class PairRow:
    """A step of one rewrite beside the step of the other that it became; an empty side has no such step."""

    op: str
    left: str
    right: str
    changes: tuple[tuple[Op, str], ...]


@dataclass(frozen=True, slots=True)
class CompareView:
    opinions: tuple[OpinionView, ...]
    steps: tuple[StepRow, ...]
    differ_in: tuple[str, ...]
    pair: tuple[str, str] = ("", "")  # letters of the two whose texts differ
    texts: tuple[PairRow, ...] = ()


def compare_view(
    answer: str,
    n_steps: int,
    said: Sequence[tuple[Any, Any]],
    kinds: Sequence[ErrorType],
    split: Any,
    *,
    labels: bool = False,
) -> CompareView:
    """``said`` are ``store.reviews.compared``; ``split`` cuts a text into steps; ``labels``: the rewrite is the right label."""
    titles = {kind.key: _(kind.title) for kind in kinds}
    pairs = list(zip(LETTERS, said, strict=False))
    opinions = tuple(_opinion(letter, one, answer, titles, labels) for letter, one in pairs)
    steps = tuple(
        _step_row(n, [review for review, _ in said[: len(opinions)]]) for n in range(0 if labels else n_steps)
    )
    texts = [(letter, _text(answer, one[1])) for letter, one in pairs if not labels and _judged(one[0])]
    first = next(((a, b) for k, a in enumerate(texts) for b in texts[k + 1 :] if a[1] != b[1]), None)
    rows = _pair_rows(split(first[0][1]), split(first[1][1])) if first else ()
    letters = (first[0][0], first[1][0]) if first else ("", "")
    return CompareView(opinions, steps, _differ_in(opinions, steps, bool(first)), letters, rows)


def _opinion(letter: str, one: tuple[Any, Any], answer: str, titles: Mapping[str, str], labels: bool) -> OpinionView:
    review, correction = one
    rewrite = correction.rewrite if correction is not None else None
    form = of_review(review, correction)
    if labels:
        form |= {"label": rewrite or "", "rewrite": None}
    changed = rewrite is not None and not labels and rewrite != answer
    return OpinionView(
        review.id,
        letter,
        review.verdict,
        _(SAYS[Verdict(review.verdict)]),
        None if review.first_wrong_step is None else review.first_wrong_step + 1,
        titles.get(review.error_type or "", ""),
        _(FINAL[review.answer_right]),
        correction.text if correction is not None else "",
        _span(answer, correction),
        tuple(word_diff(answer, rewrite)) if changed and rewrite is not None else (),
        tuple((step + 1, text) for step, text, _ in review.alternatives),
        (rewrite or "") if labels else "",
        form,
    )


def _span(answer: str, correction: Any) -> str:
    if correction is None or correction.span_start is None:
        return ""
    return answer[correction.span_start : correction.span_end]


def _judged(review: Any) -> bool:
    return bool(review.verdict != Verdict.CANNOT_JUDGE)


def _text(answer: str, correction: Any) -> str:
    """The answer as the review would have it."""
    return answer if correction is None or correction.rewrite is None else str(correction.rewrite)


def _step_row(index: int, reviews: Sequence[Any]) -> StepRow:
    marks = tuple(_mark(review, index) for review in reviews)
    spoken = {mark for mark in marks if mark != UNSAID}
    return StepRow(index + 1, tuple((sign, _(says)) for sign, says in marks), len(spoken) > 1)


def _mark(review: Any, index: int) -> tuple[str, str]:
    labels = review.step_labels
    label = labels[index] if index < len(labels) else None
    return UNSAID if label is None else MARKS[StepLabel(label)]


def _pair_rows(left: Sequence[str], right: Sequence[str]) -> tuple[PairRow, ...]:
    rows = []
    for change in step_diff(left, right):
        old = "" if change.old is None else left[change.old]
        new = "" if change.new is None else right[change.new]
        rows.append(PairRow(change.op, old, new, tuple(word_diff(old, new)) if change.op == "change" else ()))
    return tuple(rows)


def _differ_in(opinions: Sequence[OpinionView], steps: Sequence[StepRow], texts: bool) -> tuple[str, ...]:
    """In what they differ, in words: what an expert should look at."""
    judged = [one for one in opinions if one.verdict != Verdict.CANNOT_JUDGE]
    found = []
    if len({one.verdict for one in judged}) > 1:
        found.append(_("the verdict"))
    if len({one.first_wrong for one in judged}) > 1:
        found.append(_("the first wrong step"))
    numbers = [str(row.number) for row in steps if row.differs]
    if numbers:
        said = ngettext("step {numbers}", "{n} steps ({numbers})", len(numbers))
        found.append(said.format(n=len(numbers), numbers=", ".join(numbers)))
    if len({one.label for one in judged}) > 1:
        found.append(_("the label"))
    if len({one.span for one in judged}) > 1:
        found.append(_("the words that are marked"))
    if texts:
        found.append(_("the text"))
    return tuple(found)
