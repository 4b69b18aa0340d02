"""What the review page shows, as plain values for its templates: made from ``core`` values, without a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.view.adjudication import CompareView
from app.view.languages import N_, _, of_error
from app.view.review_steps import Finding, StepView, percent
from app.view.transcript import TranscriptView
from app.view.words import figure, words
from core.edits import word_diff
from core.error_types import ERROR_TYPES, ErrorType
from core.projects import StepProtocol
from core.types import RiskEstimate, Verdict, Vote


@dataclass(frozen=True, slots=True)
class RiskView:
    """``percent`` is ``None`` before the answer was analysed; ``missing`` then says why."""

    percent: int | None
    level: str  # low, middle, high, unknown
    method: str = ""
    version: str = ""
    calibrated: bool = False
    reviewed: int = 0
    needed: int = 0
    low: int | None = None
    high: int | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class VoteView:
    side: str  # against, for, abstains, failed
    says: str
    source: str
    evidence: str
    step: int | None
    weight: float | None
    chips: tuple[tuple[str, str], ...] = ()  # what the audit of a judge found, and what that means
    orders: str = ""  # what a judge said in both orders


@dataclass(frozen=True, slots=True)
class PastView:
    """A past answer that resembles this one, with what people say of it now."""

    item: str
    prompt: str
    text: str
    verdict: str
    says: str  # wrong, right: the colour
    percent: int


@dataclass(frozen=True, slots=True)
class LabelView:
    name: str
    percent: int | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Before:
    """The attempt before the one on screen, the correction between them, and how they differ word by word."""

    number: int
    correction: str
    diff: tuple[tuple[str, str], ...]

    @property
    def same(self) -> bool:
        return all(op == "equal" for op, _ in self.diff)


@dataclass(frozen=True, slots=True)
class ChipView:
    retrieval_id: int
    lesson_id: int
    kind: str
    text: str
    percent: int
    revision: int
    vote: str | None
    gone: str  # the status of a lesson that is no longer active


@dataclass(frozen=True, slots=True)
class LookupHitView:
    text: str
    percent: int
    accepted: bool
    why: str


@dataclass(frozen=True, slots=True)
class LookupRoundView:
    how: str
    query: str
    hits: tuple[LookupHitView, ...]


@dataclass(frozen=True, slots=True)
class LookupView:
    """The rounds in which the lessons of an answer were looked up, and why the search ended."""

    says: str
    rounds: tuple[LookupRoundView, ...]
    came: str = ""


@dataclass(frozen=True, slots=True)
class SimilarView:
    text: str
    item: str
    author: str
    created_at: datetime
    percent: int


@dataclass(frozen=True, slots=True)
class KeptView:
    assignment_id: int
    text: str
    rewrite: str
    item: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture of the item; width and height are in pixels, so that the page keeps its place before it is there."""

    url: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PieceView:
    """A sub-task with its newest answer; ``verdict`` is what people say of it, or empty."""

    external_id: str
    prompt: str
    answer: str
    verdict: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """What was asked, and what a reviewer should know of it."""

    id: int
    project_id: int
    project: str
    slug: str
    external_id: str
    prompt: str
    context: str
    guidelines: str
    reference: str
    expert: bool  # it is seen in a queue of the experts
    flag_reason: str  # what a person said when they flagged it
    reason: str  # why a program queued it
    flagged: int  # items that wait for an expert, when the person is one
    disputed: int  # and for adjudication
    pictures: tuple[PictureView, ...] = ()
    pieces: tuple[PieceView, ...] = ()
    may_split: bool = False
    whole: str = ""  # the prompt that this item is a sub-task of


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer with all that was said of it. Label items have labels, all others steps.

    Of a ``blind`` answer nothing is here that a machine said about it.
    """

    output_id: int
    attempt: int
    before: Before | None
    model: str
    text: str
    cut_short: bool
    labels: tuple[LabelView, ...]
    steps: tuple[StepView, ...]
    risk: RiskView
    votes: tuple[VoteView, ...]
    chips: tuple[ChipView, ...]
    lookup: LookupView | None = None
    past: tuple[PastView, ...] = ()
    may_reask: bool = False  # its risk is above the project's threshold
    finding: Finding | None = None
    blind: bool = False
    transcript: TranscriptView | None = None

    @property
    def heated(self) -> bool:
        return any(step.heat for step in self.steps)

    @property
    def awaits_risk(self) -> bool:
        return self.risk.percent is None and not self.blind


@dataclass(frozen=True, slots=True)
class Board:
    """A claimed item in a person's hands. ``draft`` is {revision, body} of what they had typed, or ``None``."""

    item: ItemView
    answer: AnswerView
    assignment_id: int
    token: str
    user_id: int
    lease_seconds: int
    heartbeat_seconds: int = 60
    compare: CompareView | None = None  # of an adjudication: what people said
    protocol: StepProtocol = "first_error"
    error_types: tuple[ErrorType, ...] = ERROR_TYPES
    draft: dict[str, Any] | None = None
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing to review: why, and what to do."""

    title: str
    advice: str
    causes: tuple[str, ...] = ()
    may_reopen: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """An attempt that is being made."""

    title: str
    says: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LessonView:
    id: int
    kind: str
    kind_title: str
    text: str
    applicability: str
    why: str
    status: str
    says: str
    tone: str
    settled: bool


@dataclass(frozen=True, slots=True)
class LessonsCard:
    """Proposed lessons of one item; ``decides`` is false for annotators, whose word goes to an expert."""

    item: str
    says: str
    decides: bool
    lessons: tuple[LessonView, ...] = field(default=())


PAST_LENGTH = 4000  # characters of a past answer that the page shows
HISTORY = "history"  # the driver that is no vote: the correctness history of the risk's stack
SIDES = {True: ("against", N_("against it")), False: ("for", N_("for it"))}
MEANS = {
    "position-sensitive": N_("It chose the same place, and so another answer, when the two were swapped."),
    "length-driven": N_("It chose the longer answer. That may be right, and it is a known habit of judges."),
    "followed-majority": N_("It chose what it was told that most people prefer."),
    "tone-driven": N_("It chose the answer in kinder words."),
}
CHIPS = {
    "position-sensitive": N_("position sensitive"),
    "length-driven": N_("length driven"),
    "followed-majority": N_("followed majority"),
    "tone-driven": N_("tone driven"),
}
STOPPED = {
    "enough": N_("the search found enough"),
    "nothing_near": N_("nothing came near"),
    "unsure": N_("no search found enough, a person may know"),
}


def lookup_view(
    rounds: Sequence[Mapping[str, Any]], stopped: str, texts: Mapping[int, str], came: str = ""
) -> LookupView:
    """``texts`` are those of the lessons that are active now; of others only the number is shown. ``came``: what came of it."""
    return LookupView(
        _(STOPPED.get(stopped, stopped)),
        tuple(
            LookupRoundView(
                _(one["how"]),
                one["query"],
                tuple(
                    LookupHitView(
                        texts.get(hit["lesson"]) or _("lesson {n}, not active now").format(n=hit["lesson"]),
                        percent(hit["chance"]),
                        hit["accepted"],
                        _(hit["why"]),
                    )
                    for hit in one["hits"]
                ),
            )
            for one in rounds
        ),
        came,
    )


def risk_view(risk: RiskEstimate | None, threshold: float, needed: int, missing: str) -> RiskView:
    if risk is None:
        return RiskView(None, "unknown", missing=missing)
    level = "high" if risk.value >= threshold else "middle" if risk.value >= threshold / 2 else "low"
    low, high = (None if bound is None else percent(bound) for bound in (risk.low, risk.high))
    if low is None or high is None:
        low = high = None
    return RiskView(
        percent(risk.value), level, words(risk.method), risk.version, risk.calibrated, risk.reviewed, needed, low, high
    )


def vote_views(votes: Sequence[Vote], label: str | None, risk: RiskEstimate | None) -> tuple[VoteView, ...]:
    """Votes against the answer, then for it, then those that say nothing; within a side the weightiest first."""
    weights = dict(risk.drivers) if risk else {}
    views = [_vote(vote, label, weights.get(vote.source)) for vote in votes]
    if past := weights.get(HISTORY):
        side, says = SIDES[past > 0]
        said = _("What people said of answers like this one.")
        views.append(VoteView(side, _(says), _("past verdicts"), said, None, past))
    order = ("against", "for", "abstains", "failed")
    return tuple(sorted(views, key=lambda view: (order.index(view.side), -abs(view.weight or 0), view.source)))


def _vote(vote: Vote, label: str | None, weight: float | None) -> VoteView:
    step = None if vote.step_index is None else vote.step_index + 1
    chips, orders = _audited(vote)
    if vote.error:
        return VoteView("failed", _("failed"), words(vote.source), of_error(vote.error), step, None)
    if vote.label is not None:
        side = "for" if vote.label == label else "against"
        says = _("says {label}").format(label=vote.label)
    elif vote.verdict is Verdict.FAULTY:
        side, says = "against", _("against it")
    elif vote.verdict is Verdict.ACCEPTABLE:
        side, says = "for", _("for it")
    else:
        side, says, weight = "abstains", _("says nothing"), None
    return VoteView(side, says, words(vote.source), of_error(vote.evidence), step, weight, chips, orders)


def _audited(vote: Vote) -> tuple[tuple[tuple[str, str], ...], str]:
    """Chips of a judge's audit with what they mean, and its verdicts in both orders, from the vote's details."""
    chips = vote.details.get("chips")
    found = tuple(chip_words(name) for name in chips if name in MEANS) if chips else ()
    orders = vote.details.get("orders")
    if not isinstance(orders, list | tuple) or len(orders) != 2:
        return found, ""
    chose = {"1": _("this answer"), "2": _("the other")}
    first, second = (chose.get(one, _("nothing that can be read")) for one in orders)
    said = _("With this answer first it chose {first}; with it second, {second}.")
    return found, said.format(first=first, second=second)


def chip_words(name: str) -> tuple[str, str]:
    """What the audit of a judge found, and what that means, in the current language."""
    return _(CHIPS.get(name, name.replace("-", " "))), _(MEANS.get(name, ""))


def past_view(past: Any, similarity: float) -> PastView:
    """``past`` is a ``store.evidence.PastAnswer`` that has a verdict."""
    wrong = past.verdict is Verdict.FAULTY
    return PastView(
        past.external_id,
        past.prompt,
        past.text[:PAST_LENGTH],
        _("found faulty") if wrong else _("found acceptable"),
        "wrong" if wrong else "right",
        percent(similarity),
    )


def label_views(labels: Sequence[str], scores: Mapping[str, float], chosen: str | None) -> tuple[LabelView, ...]:
    """The project's labels in their own order, so that the number keys stay where they are."""
    return tuple(
        LabelView(label, percent(scores[label]) if label in scores else None, label == chosen) for label in labels
    )


def before(number: int, correction: str, old: str, new: str) -> Before:
    return Before(number, correction, tuple(word_diff(old, new)))


EMPTY_CAUSES = {
    "held_by_others": N_("{n} with somebody else right now"),
    "held_by_you": N_("{n} open in another window of yours"),
    "yours_already": N_("{n} of which you have reviewed, or hold, another copy"),
    "declined_by_you": N_("{n} that you skipped or flagged"),
    "assigned_to_others": N_("{n} assigned to somebody else"),
    "assigned_to_nobody": N_("{n} that an admin has not assigned to anybody yet"),
    "paused": N_(
        "{n} that wait, but you are paused: too many of the items whose verdict is known were judged otherwise"
    ),
    "reviewed_by_you": N_("{n} of which you wrote a review, so that somebody else decides"),
    "submitted": N_("{n} reviewed"),
    "set_aside": N_("{n} set aside, or flagged for an expert"),
    "below_threshold": N_("{n} whose risk is below the threshold, so that they need nobody"),
    "not_queued": N_("{n} answered, and not judged by the worker yet"),
    "unanswered": N_("{n} not answered by the model yet"),
}


def empty_view(causes: Mapping[str, int], *, worker: str, may_reopen: bool) -> Empty:
    """Why there is nothing, from ``store.queue.why_empty``; ``worker`` says why nothing new comes, or is empty."""
    lines = tuple(_(says).format(n=figure(causes[name])) for name, says in EMPTY_CAUSES.items() if causes.get(name))
    if not lines:
        advice = _("Import some on the Projects page, or ask an admin to.")
        return Empty(_("This project has no items yet."), advice, (), may_reopen)
    coming = causes.get("not_queued", 0) + causes.get("unanswered", 0)
    if coming and worker:
        advice = _("{worker} More comes as soon as one runs: start it with “corrigenda worker”.").format(worker=worker)
    elif coming:
        advice = _("The worker is on it. Look again in a minute.")
    elif causes.get("paused"):
        advice = _("Talk to an admin: they let you go on, on the page Queues.")
    elif causes.get("assigned_to_nobody"):
        advice = _("Ask an admin to assign some to you, on the page Queues.")
    elif causes.get("held_by_others"):
        advice = _("Look again later: what others leave comes back when their time runs out.")
    else:
        advice = _("All done here. Import more items, or let an admin raise the number of reviews per item.")
    return Empty(_("Nothing waits for you."), advice, lines, may_reopen)
