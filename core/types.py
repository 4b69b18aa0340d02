"""The words of the product as plain values: what every family takes and returns.

Tables in ``store.tables`` hold the same words as rows; a family in ``core`` never sees a row, only these.
Steps are numbered from 0 here and in the database, and from 1 where a person or a prompt reads them.
Three judgements stay apart: a step is *legal* (``StepLabel``), the goal is still *reachable*, and the goal is *likely with
this model*. Nothing in this module carries a reference answer: those that may see one take it as an argument of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class Role(StrEnum):
    """What a person may do; each role includes the ones before it. All but the last may be held in one project alone."""

    ANNOTATOR = "annotator"
    EXPERT = "expert"
    LEAD = "lead"
    ADMIN = "admin"


class ItemType(StrEnum):
    """How an item is answered and judged."""

    LABEL = "label"
    REASONING = "reasoning"
    TEXT = "text"
    ASR_TRANSCRIPT = "asr_transcript"


class Verdict(StrEnum):
    """What a person or a signal says of a whole output."""

    ACCEPTABLE = "acceptable"
    FAULTY = "faulty"
    CANNOT_JUDGE = "cannot_judge"


class StepLabel(IntEnum):
    """Whether one step is right, in PRM800K's coding."""

    WRONG = -1
    NEUTRAL = 0
    RIGHT = 1


class StepKind(StrEnum):
    """What a step is made of."""

    REASONING = "reasoning"
    ANSWER = "answer"


class Scope(StrEnum):
    """How far a correction reaches (DROC): the whole approach, or one step of it."""

    PLAN = "plan"
    SKILL = "skill"


class Dependency(StrEnum):
    """Which history the model needs to act on a correction (DROC's four classes)."""

    LAST = "last"  # the last attempt
    INITIAL = "initial"  # the plan as first given: carry on, no model call
    RESTART = "restart"  # begin again without the attempt
    NONE = "none"  # stands by itself


class LessonKind(StrEnum):
    RULE = "rule"
    PARAMETER = "parameter"
    EXEMPLAR = "exemplar"
    TEMPLATE = "template"
    MISSING_STEP = "missing_step"
    ENTITY = "entity"  # a name or word that people put right (paper 31)


class LessonStatus(StrEnum):
    """Only ``ACTIVE`` lessons are ever retrieved."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    RETRACTED = "retracted"


class PromptSlot(StrEnum):
    """The three places of a prompt that lessons may fill."""

    RULES = "rules"
    EXEMPLARS = "exemplars"
    VALUES = "values"


class QueueKind(StrEnum):
    ANNOTATE = "annotate"
    EXPERT = "expert"
    ADJUDICATE = "adjudicate"  # answers that people judged differently, decided by one expert who sees what each said
    AUDIT = "audit"  # a share of what was reviewed, reviewed again by somebody who does not see the first review

    @property
    def role(self) -> Role:
        """Who works on it."""
        return Role.ANNOTATOR if self is QueueKind.ANNOTATE else Role.EXPERT


class AssignmentState(StrEnum):
    """State of one (item, slot) of a queue; it never sits on the item."""

    OPEN = "open"
    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    SET_ASIDE = "set_aside"  # skipped with the policy "set aside"
    PASSED = "passed"  # its risk is below the project's threshold: it needs nobody


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # attempts used up: the dead letters
    CANCELLED = "cancelled"


class JobPriority(IntEnum):
    """Lower runs first; 0 is left out because the job engine reads it as 'no priority'."""

    PERSON_WAITING = 1
    NORMAL = 50
    BATCH = 100


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked: an item without its reference answer. ``item_id``: of the item whose pictures belong to it;
    ``hypotheses``: a transcript's N best, the best first; ``domain``: what it is about."""

    prompt: str
    context: str = ""
    guidelines: str = ""
    item_type: ItemType = ItemType.REASONING
    labels: tuple[str, ...] = ()
    item_id: int | None = None
    hypotheses: tuple[str, ...] = ()
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered piece of an output; ``output.text[start:end] == text`` always holds."""

    index: int
    text: str
    start: int
    end: int
    kind: StepKind = StepKind.REASONING


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token with its natural-log probability and, where the backend gives it, the entropy in nats."""

    text: str
    logprob: float
    entropy: float | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """What one signal says about one output: ``label`` for label items, ``verdict`` otherwise; both ``None`` is an abstention.

    ``error`` is set when the signal failed: a failure is an abstention that people can see.
    ``details`` are JSON values that were measured.
    """

    source: str
    verdict: Verdict | None = None
    label: str | None = None
    evidence: str = ""
    step_index: int | None = None
    error: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def abstains(self) -> bool:
        return self.verdict is None and self.label is None


@dataclass(frozen=True, slots=True)
class Critique:
    """A judgement of one step by one source; ``confidence`` is in [0, 1] and says how sure the source is of ``label``."""

    step_index: int
    source: str
    label: StepLabel
    explanation: str
    confidence: float
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """The probability that an output is wrong, with where it came from.

    ``calibrated`` is false until enough outputs were reviewed; pages then say "uncalibrated".
    ``drivers`` are the sources that moved the estimate, strongest first, as (source, signed contribution in log-odds of faulty).
    ``raw`` is the risk before calibration. ``evidence`` holds JSON values: "similar" past verdicts and the "heat" of the steps.
    """

    value: float
    method: str
    version: str
    calibrated: bool = False
    reviewed: int = 0
    low: float | None = None
    high: float | None = None
    drivers: tuple[tuple[str, float], ...] = ()
    raw: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer in the history of an item, with the correction that followed it, if any."""

    number: int
    text: str
    steps: tuple[Step, ...]
    correction: CorrectionText | None = None


@dataclass(frozen=True, slots=True)
class CorrectionText:
    """What a person said is wrong, in words, with where and how far it reaches."""

    id: int
    text: str
    scope: Scope = Scope.SKILL
    dependency: Dependency = Dependency.LAST
    step_index: int | None = None
    error_type: str | None = None
    rewrite: str | None = None


@dataclass(frozen=True, slots=True)
class LessonText:
    """A lesson as a prompt needs it. ``text`` is what the model reads; ``applicability`` says when, and is what is embedded."""

    id: int
    kind: LessonKind
    text: str
    applicability: str
    score: float = 0.0
    name: str | None = None  # of a parameter


@dataclass(frozen=True, slots=True)
class LessonDraft:
    """A lesson that a distiller proposes; a person accepts, edits or rejects it."""

    kind: LessonKind
    text: str
    applicability: str
    source_corrections: tuple[int, ...]
    name: str | None = None
    why: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
