"""The settings of one project, validated where they enter: what answers, what judges, and how its queue works."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.error_types import ErrorType, checked
from core.patterns import compile_pattern

ANNOTATORS = "annotators"  # the source that is known only once people have judged
StepProtocol = Literal["first_error", "per_step", "bisect"]  # how people review steps; kept with each review
STEP_PROTOCOLS: tuple[StepProtocol, ...] = get_args(StepProtocol)
SIGNALS = ("arithmetic", "provenance", "agreement", "logprob", "critics", "lesson", ANNOTATORS)


class GeneratorSettings(BaseModel):
    """How answers are made. ``samples`` further answers are drawn per output for the agreement signal; 0 switches it off."""

    model_config = ConfigDict(extra="forbid")

    max_new_tokens: int = Field(256, ge=1, le=4096)
    temperature: float = Field(0.0, ge=0, le=2)
    samples: int = Field(2, ge=0, le=16)
    sample_temperature: float = Field(0.8, gt=0, le=2)


class GatewaySettings(BaseModel):
    """What the gateway keeps of the answers that pass through it: a share of them, without what the RE2 patterns find."""

    model_config = ConfigDict(extra="forbid")

    sample_rate: float = Field(1.0, ge=0, le=1)
    redact: list[str] = Field(default_factory=list, max_length=100)

    @field_validator("redact")
    @classmethod
    def readable(cls, patterns: list[str]) -> list[str]:
        for number, pattern in enumerate(patterns, start=1):
            try:
                compile_pattern(pattern)
            except ValueError as problem:
                raise ValueError(f"pattern {number}, {pattern[:40]!r}: {problem}") from None
        return patterns


class RolloutSettings(BaseModel):
    """Of the critic ``rollouts_reference``: ``samples`` continuations per prefix; ``searches`` of wrong ones, the answer first."""

    model_config = ConfigDict(extra="forbid")

    samples: int = Field(8, ge=2, le=64)
    searches: int = Field(1, ge=1, le=100)
    most: int = Field(400, ge=1, le=100_000)  # continuations of one answer in all


class ProjectSettings(BaseModel):
    """``ProjectSettings.model_validate(project.settings)`` is how every reader gets them; unknown keys raise."""

    model_config = ConfigDict(extra="forbid")

    generator: GeneratorSettings = Field(default_factory=GeneratorSettings)
    signals: list[str] = Field(default_factory=lambda: list(SIGNALS))
    critics: list[str] = Field(default_factory=lambda: ["arithmetic", "model_steps"])
    risk: str = "polar"
    harmonizer: Literal["lr", "mlp", "encoder"] = (
        "lr"  # what POLAR fits to the votes; encoder: fine-tuned, for a GPU worker
    )
    scalarizer: Literal["linear", "square", "2-norm", "max"] = "linear"
    risk_threshold: float = Field(0.5, ge=0, le=1)
    only_risky: bool = False  # answers whose calibrated risk is below the threshold need nobody
    reask: Literal["off", "self_examination", "self_supervision", "entity_memory"] = (
        "off"  # second try of new answers above the threshold
    )
    lesson_tokens: int = Field(400, ge=0, le=8000)  # budget of the three prompt slots together
    lesson_floor: float = Field(0.3, ge=-1, le=1)  # cosine below which no lesson is retrieved
    lessons_per_slot: int = Field(3, ge=0, le=20)
    trial_size: int = Field(20, ge=0, le=10_000)  # decided items that a run answers with and without lessons; 0 is off
    paraphrases: Literal["rules", "model"] = "rules"  # model: of edit suites, its rewordings beside those of the rules
    distiller: Literal["deterministic", "model"] = "deterministic"  # model: its proposals beside the others
    splitter: Literal["auto", "numbered", "lines", "sentences"] = "auto"
    step_protocol: StepProtocol = "first_error"  # what the review page starts with; people may switch
    blind_share: float = Field(0.1, ge=0, le=1)  # of the items are reviewed without seeing what machines say
    error_types: list[ErrorType] = Field(default_factory=list, max_length=50)  # beside the built-in ones
    rollouts: RolloutSettings = Field(default_factory=RolloutSettings)
    unsure: Literal["off", "experts"] = (
        "off"  # answers for which no search for lessons found enough, though something came near
    )
    disputes: Literal["off", "experts"] = "experts"  # answers on which generous and strict critics disagree
    disagreements: Literal["off", "experts", "adjudication"] = "experts"  # answers that people judge differently
    expert_risk: float | None = Field(None, ge=0, le=1)  # calibrated risk from which an answer goes to experts too
    contradictions: Literal["off", "experts"] = "off"  # verdicts that a sure calibrated risk speaks against
    jobs_at_once: int | None = Field(None, ge=1, le=1000)  # jobs of this project that run at the same time, if limited
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)

    @field_validator("error_types")
    @classmethod
    def named_once(cls, own: list[ErrorType]) -> list[ErrorType]:
        return list(checked(own))

    def is_above(self, risk: float) -> bool:
        """Whether an answer is risky enough to be asked about again (dynamic prompting, paper 1)."""
        return risk > self.risk_threshold
