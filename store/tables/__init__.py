"""The tables, one class per word of the product. Import as ``from store import tables`` and write ``tables.Output``."""

from store.tables.api import ApiToken, IdempotencyKey
from store.tables.base import Base
from store.tables.effect import LessonProbe, LessonProbeRun, LessonProposal, LessonTrial
from store.tables.evidence import EvidenceMap
from store.tables.images import ItemImage
from store.tables.lessons import (
    Embedding,
    IndexFeed,
    Lesson,
    LessonMap,
    LessonParent,
    LessonRevision,
    LessonSource,
    Retraction,
    RetractionEntry,
    Retrieval,
)
from store.tables.quality import EvaluationSet, LabelDrivers, RowScore, TrainingRun
from store.tables.retrieval import Lookup
from store.tables.review import (
    Assignment,
    Correction,
    DecidedReview,
    Decline,
    Draft,
    GoldItem,
    Queue,
    QueueMember,
    Review,
)
from store.tables.system import AuditEvent, Export, Job, User, UserSession, Worker
from store.tables.teams import ProjectMember, Team, TeamMember, UserIdentity
from store.tables.webhooks import Webhook, WebhookDelivery
from store.tables.work import CriticModel, Critique, Item, Output, Project, Risk, RiskModel, Rollout, Rule, Step, Vote

__all__ = [
    "ApiToken",
    "Assignment",
    "AuditEvent",
    "Base",
    "Correction",
    "CriticModel",
    "Critique",
    "DecidedReview",
    "Decline",
    "Draft",
    "Embedding",
    "EvaluationSet",
    "EvidenceMap",
    "Export",
    "GoldItem",
    "IdempotencyKey",
    "IndexFeed",
    "Item",
    "ItemImage",
    "Job",
    "LabelDrivers",
    "Lesson",
    "LessonMap",
    "LessonParent",
    "LessonProbe",
    "LessonProbeRun",
    "LessonProposal",
    "LessonRevision",
    "LessonSource",
    "LessonTrial",
    "Lookup",
    "Output",
    "Project",
    "ProjectMember",
    "Queue",
    "QueueMember",
    "Retraction",
    "RetractionEntry",
    "Retrieval",
    "Review",
    "Risk",
    "RiskModel",
    "Rollout",
    "RowScore",
    "Rule",
    "Step",
    "Team",
    "TeamMember",
    "TrainingRun",
    "User",
    "UserIdentity",
    "UserSession",
    "Vote",
    "Webhook",
    "WebhookDelivery",
    "Worker",
]
