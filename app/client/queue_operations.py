"""Operations of a program that runs queues or decides about reviews; as ``app.client.operations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.client.admin_operations import every
from app.client.admin_values import Claim, Decided
from app.client.operations import Call, Operation, post
from app.client.queue_values import Case, DecidedReview, Opinion, QueueMember, QueueProgress
from app.client.values import read


def progress(project_id: int, queue: str) -> Operation[QueueProgress]:
    body = yield Call("GET", f"/projects/{project_id}/queues/{queue}/progress")
    return read(QueueProgress, body, people=[read(QueueMember, one) for one in body["people"]])


def assign(
    project_id: int, people: Sequence[int], queue: str, words: str, least_risk: float | None, limit: int
) -> Operation[int]:
    body = {"people": list(people), "words": words, "least_risk": least_risk, "limit": limit}
    done = yield post(f"/projects/{project_id}/queues/{queue}/assign", body)
    return int(done["slots"])


def force_release(assignment_id: int) -> Operation[int]:
    done = yield post(f"/assignments/{assignment_id}/release")
    return int(done["holder_id"])


def add_gold(project_id: int, output_id: int, verdict: str, queue: str, first_wrong_step: int | None) -> Operation[int]:
    body = {"output_id": output_id, "verdict": verdict, "first_wrong_step": first_wrong_step}
    done = yield post(f"/projects/{project_id}/queues/{queue}/gold", body)
    return int(done["gold"])


def split(held: Claim, prompts: Sequence[str]) -> Operation[list[int]]:
    body = {"token": held.token, "prompts": list(prompts)}
    done = yield post(f"/claims/{held.assignment_id}/split", body)
    return list(done["item_ids"])


def cases(project_id: int) -> Operation[list[Case]]:
    return every(Case, f"/projects/{project_id}/adjudication")


def case(assignment_id: int) -> Operation[Case]:
    body = yield Call("GET", f"/adjudication/{assignment_id}")
    return read(Case, body, reviews=[read(Opinion, one) for one in body["reviews"]])


def decide(
    assignment_id: int, reason: str, takes: int | None, action: str, form: Mapping[str, Any]
) -> Operation[Decided]:
    body: dict[str, Any] = {"reason": reason, "takes": takes, "action": action, "form": dict(form)}
    return read(Decided, (yield post(f"/adjudication/{assignment_id}/decide", body)))


def decisions(unseen: bool) -> Operation[list[DecidedReview]]:
    return every(DecidedReview, "/decisions", unseen=unseen)


def mark_seen(ids: Sequence[int] | None) -> Operation[int]:
    done = yield post("/decisions/seen", {"ids": None if ids is None else list(ids)})
    return int(done["seen"])
