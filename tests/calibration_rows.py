"""Projects whose answers have risks, votes and reviews, written straight into the tables so that many are quick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.types import QueueKind
from store import projects, tables
from store.clock import now
from store.queue import lanes


def judged_project(
    session: Session,
    *,
    answers: int = 300,
    reviewed: int = 150,
    calibrated: bool = True,
    shift: float = 0.0,
    seed: int = 0,
    slug: str = "judged",
    votes: bool = True,
    user_id: int | None = None,
) -> int:
    """``reviewed`` of the answers have a verdict: wrong with the chance that their risk says, plus ``shift``. Returns the project's id.

    The raw risk is too sure of itself. A fifth of the items are random draws; as many of the reviewed ones are.
    """
    rng = np.random.default_rng(seed)
    project = projects.create(session, slug=slug, name=f"Project {slug}", item_type="reasoning", user_id=user_id)
    queue = projects.set_queue(session, project.id, QueueKind.ANNOTATE, user_id=None, audit_share=0.2)
    reader = user_id or _user(session, slug)
    first = _next(session, tables.Item), _next(session, tables.Output)
    items, ids = range(first[0], first[0] + answers), range(first[1], first[1] + answers)
    risks = rng.beta(1.2, 2, answers)
    raw = risks**2 / (risks**2 + (1 - risks) ** 2)
    wrong = rng.random(answers) < np.clip(risks + shift, 0, 1)
    audit = [lanes.is_audit(queue, item) for item in items]
    seen = set(rng.permutation(answers)[:reviewed].tolist())
    _put(session, tables.Item, [_item(project.id, item) for item in items])
    _put(session, tables.Output, [_output(o, i, k) for k, (o, i) in enumerate(zip(ids, items, strict=True))])
    names = (
        "output_id",
        "value",
        "raw",
        "method",
        "version",
        "calibrated",
        "reviewed",
        "drivers",
        "evidence",
        "created_at",
    )
    values = [
        (o, float(risks[k]), float(raw[k]), "polar", "polar-7", calibrated, reviewed, [], {}, now())
        for k, o in enumerate(ids)
    ]
    _put(session, tables.Risk, [dict(zip(names, row, strict=True)) for row in values])
    slots = [
        _slot(queue.id, i, o, audit[k], float(risks[k]), k in seen, reader)
        for k, (i, o) in enumerate(zip(items, ids, strict=True))
    ]
    place = _next(session, tables.Assignment)
    _put(session, tables.Assignment, slots)
    shown = [
        {"risk": {"value": float(risks[k]), "raw": float(raw[k]), "calibrated": calibrated}} for k in range(answers)
    ]
    rows = [_review(ids[k], place + k, reader, bool(wrong[k]), shown[k], n) for n, k in enumerate(sorted(seen))]
    _put(session, tables.Review, rows)
    if votes:
        _put(session, tables.Vote, _votes(ids, wrong, rng))
    figures = {"ece": 0.031, "auroc": 0.78, "n": reviewed}
    session.add(
        tables.RiskModel(
            project_id=project.id,
            version="polar-7",
            method="polar",
            state={},
            rows=answers,
            reviewed=reviewed,
            figures=figures,
        )
    )
    session.flush()
    return project.id


def _user(session: Session, slug: str) -> int:
    from store import users

    return users.create(session, f"reader-{slug}", "annotator").id


def _next(session: Session, table: Any) -> int:
    from sqlalchemy import func, select

    return (session.scalar(select(func.max(table.id))) or 0) + 1


def _put(session: Session, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), 5000):
        session.execute(insert(table), list(rows[start : start + 5000]))


def _item(project_id: int, item: int) -> dict[str, Any]:
    return {
        "id": item,
        "project_id": project_id,
        "external_id": f"i{item}",
        "prompt": f"What is {item} + 1?",
        "created_at": now(),
    }


def _output(output: int, item: int, k: int) -> dict[str, Any]:
    model = "small-model" if k % 3 else "large-model"
    return {"id": output, "item_id": item, "text": f"It is {item}.", "model": model, "created_at": now()}


def _slot(queue: int, item: int, output: int, audit: bool, risk: float, done: bool, user: int) -> dict[str, Any]:
    priority = lanes.urgency(queue, item, audit=audit, priority=risk)
    held = {"state": "submitted", "holder_id": user} if done else {"state": "open", "holder_id": None}
    return {"queue_id": queue, "item_id": item, "output_id": output, "audit": audit, "priority": priority, **held}


def _review(output: int, slot: int, user: int, wrong: bool, shown: dict[str, Any], n: int) -> dict[str, Any]:
    verdict = "faulty" if wrong else "acceptable"
    moment = now() - timedelta(minutes=10_000 - n % 10_000)
    return {
        "output_id": output,
        "assignment_id": slot,
        "user_id": user,
        "verdict": verdict,
        "shown": shown,
        "created_at": moment,
    }


def _votes(outputs: Sequence[int], wrong: Any, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A good source that seldom abstains, and a poor one that often does."""
    found = []
    for k, output in enumerate(outputs):
        for source, right, covers in (("arithmetic", 0.9, 0.8), ("logprob", 0.6, 0.4)):
            says = bool(wrong[k]) if rng.random() < right else not wrong[k]
            verdict = ("faulty" if says else "acceptable") if rng.random() < covers else None
            found.append({"output_id": output, "source": source, "verdict": verdict, "created_at": now()})
    return found
