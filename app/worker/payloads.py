"""What each kind of job is given, validated where it enters and again where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.types import QueueKind

Ids = Annotated[list[int], Field(min_length=1, max_length=100_000)]


class Payload(BaseModel):
    """``asks_model``: whether the kind of job may need the language model, and so a worker that takes such."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks_model: ClassVar[bool] = False

    @classmethod
    def asks_of(cls, payload: Mapping[str, Any]) -> bool:
        """Whether a job with this payload may need it."""
        return cls.asks_model


class Generate(Payload):
    """Answer these items."""

    asks_model: ClassVar[bool] = True

    item_ids: Ids


class Analyse(Payload):
    """Judge these outputs and put them before people."""

    asks_model: ClassVar[bool] = True

    output_ids: Ids


class Revote(Payload):
    """Let the project's rules, and what people said, vote again on these judged outputs; on all of the project without them."""

    project_id: int
    output_ids: Ids | None = None


class Retry(Payload):
    """Let the model try again with a correction of its output."""

    asks_model: ClassVar[bool] = True

    output_id: int
    correction_id: int


class Reask(Payload):
    """Second tries at those of these outputs whose risk is above the project's threshold; ``assignment_id`` is who waits."""

    asks_model: ClassVar[bool] = True

    output_ids: Ids
    refiner: Literal["self_examination", "self_supervision", "entity_memory"]
    assignment_id: int | None = None


class Distil(Payload):
    """Propose lessons from the history of an item, in the name of a user."""

    asks_model: ClassVar[bool] = True

    item_id: int
    user_id: int | None = None


class Redistil(Payload):
    """Look what remains of the lessons that a retraction suspended, in the name of a user."""

    retraction_id: int
    user_id: int | None = None


class Unlearn(Payload):
    """Offer heads that did not learn from the reviews which a retraction holds."""

    project_id: int
    retraction_id: int


class Embed(Payload):
    """Embed the lessons and corrections of a project that have no vector yet."""

    project_id: int


class MapLessons(Payload):
    """Lay the active and proposed lessons of a project out on its map."""

    project_id: int


class Rollouts(Payload):
    """Find the first wrong step of these outputs by sampling from their prefixes, where a reference can be compared with."""

    asks_model: ClassVar[bool] = True

    output_ids: Ids


class FitRisk(Payload):
    """Fit the project's risk model to all votes and score every output again; without ``train``, only score again."""

    project_id: int
    train: bool = True


class OrderQueue(Payload):
    """Bring every waiting slot of a queue to what its settings say: its place by the order policy, and its turn."""

    project_id: int
    kind: QueueKind = QueueKind.ANNOTATE


class FitEvidence(Payload):
    """Learn from a project's reviews where to look in an answer, and renew the evidence of what waits."""

    project_id: int


class FitCritic(Payload):
    """Train a project's step head on its people's step labels; without ``train``, only let the one in force speak again."""

    project_id: int
    train: bool = True


class FitRelevance(Payload):
    """Fit the project's own relevance gate to its votes and to what came of its look-ups."""

    project_id: int


class FitSufficiency(Payload):
    """Fit the project's own sufficiency gate to the verdicts on answers whose lessons were looked up."""

    project_id: int


class ProbeLessons(Payload):
    """Make the edit suites of these lessons of a project, and run those of the active ones."""

    asks_model: ClassVar[bool] = True

    project_id: int
    lesson_ids: Ids


class TryLessons(Payload):
    """Answer a random draw of a project's decided items with and without lessons; size and seed are the project's and the job's."""

    asks_model: ClassVar[bool] = True

    project_id: int
    size: int | None = Field(None, ge=1, le=10_000)
    seed: int | None = None


class Retrieve(Payload):
    """Look lessons up for a prompt."""

    project_id: int
    prompt: str
    context: str = ""


class Import(Payload):
    """Read a file into a project. ``mapping`` is role -> column (``meta``: a list of columns); empty means "guess".

    ``export`` is the format of a file of exported rows, which bring their own reviews and corrections.
    """

    path: str
    project_id: int
    user_id: int | None = None
    format: Literal["jsonl", "json", "csv", "parquet"] | None = None
    mapping: dict[str, str | list[str] | None] = Field(default_factory=dict)
    export: str | None = None


class ImportLessons(Payload):
    """Read a knowledge base into a project: as proposals, or ``as_they_stand`` with the status that each lesson has in the file."""

    path: str
    project_id: int
    user_id: int | None = None
    as_they_stand: bool = False


class Export(Payload):
    """Write the file of an export row; ``container`` is the kind of file, ``scored``: models are asked about its rows."""

    export_id: int
    container: Literal["jsonl", "parquet", "csv", "dataset", "m2"] = "jsonl"
    scored: bool = False

    @classmethod
    def asks_of(cls, payload: Mapping[str, Any]) -> bool:
        return bool(payload.get("scored"))


class ScoreRows(Payload):
    """Look at the rows that an export with these filters would have, and what a quality gate would leave of them."""

    asks_model: ClassVar[bool] = True

    project_id: int
    filters: dict[str, str] = Field(default_factory=dict)
    gate: dict[str, str | int | float | None] = Field(default_factory=dict)


class FitDrivers(Payload):
    """Look at what drives a project's labels besides quality."""

    project_id: int


class Webhook(Payload):
    """Send what one address is to be told."""

    webhook_id: int


PAYLOADS: dict[str, type[Payload]] = {
    "generate": Generate,
    "analyse": Analyse,
    "revote": Revote,
    "retry": Retry,
    "reask": Reask,
    "distil": Distil,
    "redistil": Redistil,
    "unlearn": Unlearn,
    "embed": Embed,
    "map_lessons": MapLessons,
    "rollouts": Rollouts,
    "order_queue": OrderQueue,
    "fit_risk": FitRisk,
    "fit_evidence": FitEvidence,
    "fit_critic": FitCritic,
    "fit_relevance": FitRelevance,
    "fit_sufficiency": FitSufficiency,
    "probe_lessons": ProbeLessons,
    "try_lessons": TryLessons,
    "retrieve": Retrieve,
    "import": Import,
    "import_lessons": ImportLessons,
    "export": Export,
    "score_rows": ScoreRows,
    "fit_drivers": FitDrivers,
    "webhook": Webhook,
}
