"""Builds any row, with whatever rows it needs, and the few scenes that many tests start from."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from core import types
from store import items, outputs, projects, queue, reviews, tables, users
from store.clock import now

Row = TypeVar("Row", bound=tables.Base)
_numbers = itertools.count(1)

_DEFAULTS: dict[type[tables.Base], Callable[[int], dict[str, Any]]] = {
    tables.ApiToken: lambda n: {"name": f"program-{n}", "key": f"{n:012x}", "secret_sha256": "0" * 64},
    tables.Assignment: lambda n: {"slot": 0},
    tables.AuditEvent: lambda n: {"action": "test.made", "subject": "item", "subject_id": n, "new": {"n": n}},
    tables.Correction: lambda n: {"text": f"step {n} is wrong", "scope": "skill", "dependency": "last"},
    tables.CriticModel: lambda n: {"critic": "step_head", "version": f"v{n}", "state": {"w": [1.0]}},
    tables.Critique: lambda n: {"step_index": 0, "source": f"critic-{n}", "label": -1, "confidence": 0.9},
    tables.Decline: lambda n: {"reason": "not my subject"},
    tables.Draft: lambda n: {"body": {"text": f"half a thought {n}"}},
    tables.Embedding: lambda n: {
        "scope": "rule",
        "owner_kind": "lesson",
        "owner_id": n,
        "model": "test",
        "dim": 2,
        "vector": b"\x00\x3c\x00\x00",
    },
    tables.EvaluationSet: lambda n: {"sha256": f"{n:064x}", "name": f"held {n}", "count": 1, "texts": b"[]"},
    tables.Export: lambda n: {"format": "sft", "schema_version": 1},
    tables.IdempotencyKey: lambda n: {"key": f"request-{n}", "request_sha256": "0" * 64},
    tables.IndexFeed: lambda n: {"scope": "rule", "owner_id": n, "op": "add"},
    tables.Item: lambda n: {"external_id": f"item-{n}", "prompt": f"What is {n} + {n}?", "reference": str(2 * n)},
    tables.Job: lambda n: {"kind": "generate", "payload": {"item_ids": [n]}},
    tables.LabelDrivers: lambda n: {"report": {"n": n}, "scores": {"1": [1.0, 0.9]}, "in_force": True, "reviewed": n},
    tables.Lesson: lambda n: {"kind": "rule", "text": f"Check sum {n}.", "applicability": f"sums like {n}"},
    tables.LessonProbe: lambda n: {"lesson_revision": 1, "kind": "paraphrase", "text": f"And {n}?", "made": "reworded"},
    tables.LessonProbeRun: lambda n: {
        "lesson_revision": 1,
        "canonical": True,
        "probes": 2,
        "found": 1,
        "negatives": 1,
        "hits": 0,
        "embedder": "test",
    },
    tables.LessonProposal: lambda n: {"reason": "It breaks more than it fixes.", "evidence": n},
    tables.LessonMap: lambda n: {"embedder": "test", "points": [[n, 0.5, 0.5]], "kept": 0.9, "marks": "1:1"},
    tables.LessonRevision: lambda n: {"revision": n, "text": "t", "applicability": "a", "status": "proposed"},
    tables.LessonTrial: lambda n: {
        "text_without": "8",
        "text_with": "7",
        "right_without": False,
        "right_with": True,
        "judged_by": "reference",
        "seed": n,
        "model": "test",
    },
    tables.Lookup: lambda n: {"rounds": [{"query": f"sums {n}", "hits": []}], "stopped": "enough", "best": 0.9},
    tables.Output: lambda n: {"text": f"It is {n}.", "model": "test"},
    tables.Project: lambda n: {"slug": f"project-{n}", "name": f"Project {n}"},
    tables.ProjectMember: lambda n: {"role": "annotator"},
    tables.Queue: lambda n: {"kind": f"kind-{n}"},
    tables.Retraction: lambda n: {"why": f"reason {n}", "filter": {"lesson_ids": [n]}},
    tables.RetractionEntry: lambda n: {"kind": "export", "owner_id": n},
    tables.Retrieval: lambda n: {"slot": "rules", "rank": 0, "score": 0.5},
    tables.Review: lambda n: {"verdict": "faulty", "first_wrong_step": 0, "step_labels": [-1]},
    tables.ItemImage: lambda n: {
        "place": 0,
        "sha256": f"{n:064x}",
        "media_type": "image/png",
        "width": 1,
        "height": 1,
        "data": b"\x89PNG",
    },
    tables.Risk: lambda n: {"value": 0.25, "method": "test", "version": "1", "drivers": [["arithmetic", 1.5]]},
    tables.RiskModel: lambda n: {"version": f"v{n}", "method": "test", "state": {"w": [1.0]}},
    tables.Rollout: lambda n: {"text": "It is 4.", "sampler": "test", "seed": n},
    tables.RowScore: lambda n: {
        "key": f"{n:064x}",
        "loss": 2.0,
        "loss_alone": 2.5,
        "prompt_vector": b"\x00\x3c",
        "response_vector": b"\x00\x3c",
    },
    tables.Rule: lambda n: {"name": f"rule-{n}", "pattern": "cats?", "says": "faulty"},
    tables.Step: lambda n: {"index": 0, "text": "It", "start": 0, "end": 2},
    tables.Team: lambda n: {"name": f"team-{n}"},
    tables.TrainingRun: lambda n: {"loss": 1.5, "means": {"length": float(n)}},
    tables.User: lambda n: {"name": f"person-{n}"},
    tables.UserIdentity: lambda n: {"issuer": "https://sign-in.example", "subject": f"subject-{n}"},
    tables.UserSession: lambda n: {"token_sha256": f"{n:064x}", "expires_at": now() + timedelta(days=1)},
    tables.Vote: lambda n: {"source": f"signal-{n}", "verdict": "faulty"},
    tables.Webhook: lambda n: {
        "url": f"https://example.org/{n}",
        "secret": "whsec_c2VjcmV0",
        "events": ["review.submitted"],
    },
    tables.WebhookDelivery: lambda n: {"message_id": f"msg_{n}", "event": "review.submitted", "data": {"review_id": n}},
    tables.Worker: lambda n: {"id": f"worker-{n}", "host": "here", "pid": n},
}
ALL = tuple(cast(type[tables.Base], mapper.class_) for mapper in tables.Base.registry.mappers)


def build(session: Session, table: type[Row], **values: Any) -> Row:
    """A stored row of ``table``; what is not given gets a default, and rows that it must point at are built."""
    filled = {**_DEFAULTS.get(table, lambda n: {})(next(_numbers)), **values}
    if table is tables.Assignment and "output_id" not in filled:
        output = build(session, tables.Output, **({"item_id": filled["item_id"]} if "item_id" in filled else {}))
        filled |= {"output_id": output.id, "item_id": output.item_id}
    if table is tables.ProjectMember and not filled.keys() & {"user_id", "team_id"}:
        filled["user_id"] = build(session, tables.User).id
    for column in inspect(table).columns:
        if column.foreign_keys and not column.nullable and column.key not in filled:
            target = next(iter(column.foreign_keys)).column.table
            parent = next(cls for cls in ALL if cls.__table__ is target)
            filled[column.key] = build(session, parent).id  # type: ignore[attr-defined]
    row = table(**filled)
    session.add(row)
    session.flush()
    return row


ANSWER = "3 + 4 = 7.\nSo the answer is 8."
STEPS = (types.Step(0, "3 + 4 = 7.", 0, 10), types.Step(1, "So the answer is 8.", 11, 30))


@dataclass(slots=True)
class Scene:
    """A project whose items are answered and queued, and people to review them."""

    project_id: int
    users: list[int]
    items: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


def scene(session: Session, *, n_items: int = 3, n_users: int = 2, queued: bool = True, **queue_settings: Any) -> Scene:
    """Items in order of falling priority: the first is the most urgent. ``queue_settings``: overlap, skip_policy, ...

    No item is drawn for audit unless ``audit_share`` says so: the order would not be that of priority.
    """
    n = next(_numbers)
    project = projects.create(session, slug=f"scene-{n}", name="Scene", item_type="reasoning")
    projects.set_queue(session, project.id, "annotate", user_id=None, **{"audit_share": 0.0, **queue_settings})
    made = Scene(project.id, [users.create(session, f"person-{n}-{k}", "annotator").id for k in range(n_users)])
    rows = [items.NewItem(f"i{k}", f"What is 3 + 4, time {k}?", reference="7") for k in range(n_items)]
    made.items = items.add_many(session, project.id, rows).ids
    for k, item_id in enumerate(made.items):
        output = outputs.add(session, outputs.NewOutput(item_id, ANSWER, "test", steps=STEPS))
        made.outputs.append(output.id)
        if queued:
            queue.enqueue_output(session, project.id, output.id, priority=1.0 - k / 10_000)
    return made


def review_of(claim: queue.Claim, user_id: int, verdict: str = "faulty", **values: Any) -> reviews.NewReview:
    wrong = 1 if verdict == "faulty" else None
    return reviews.NewReview(
        claim.assignment_id, user_id, claim.output_id, verdict, **{"first_wrong_step": wrong, **values}
    )


def corrected(session: Session, made: Scene, item: int = 0, *, text: str = "7, not 8") -> int:
    """A correction by the scene's first person of that item's output."""
    new = reviews.NewCorrection(made.users[0], made.outputs[item], text, step_index=1)
    return reviews.add_correction(session, new).id
