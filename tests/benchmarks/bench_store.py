"""Claim-next and submit on SQLite with 10,000 items, against a bare one-row commit to the same kind of file in the same run."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core import steps
from core.types import ItemType, Role, Verdict
from store import items, migrate, outputs, projects, queue, reviews, users
from store.engine import Database
from store.reviews import NewCorrection

T = TypeVar("T")
ITEMS, ROUNDS = 10_000, 300
ANSWER = "1. There are 3 boxes of 4.\n2. 3 * 4 = 12.\nAnswer: 12"


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        migrate.upgrade(url, None)
        db = Database(url)
        try:
            project, user = fill(db)
            claims, submits = [], []
            for _ in range(ROUNDS):
                claim = timed(claims, lambda: _claim(db, user, project))
                timed(submits, lambda c=claim: _submit(db, user, c))
            plain: list[float] = []
            for n in range(ROUNDS):
                timed(plain, lambda n=n: one_row(db, n))
        finally:
            db.dispose()
    return {
        "items": ITEMS,
        "claim_ms": summary(claims),
        "submit_ms": summary(submits),
        "one_row_commit_ms": summary(plain),
    }


def fill(db: Database) -> tuple[int, int]:
    pieces = steps.split(ANSWER)
    with db.write() as session:
        user = users.create(session, "bench", Role.ANNOTATOR).id
        project = projects.create(session, slug="bench", name="Bench", item_type=ItemType.REASONING).id
        rows = [items.NewItem(f"i{n}", f"What is 3 times 4, asked for the {n}th time?") for n in range(ITEMS)]
        ids = items.add_many(session, project, rows).ids
    for start in range(0, ITEMS, 500):
        with db.write() as session:
            for n, item_id in enumerate(ids[start : start + 500], start):
                output = outputs.add(session, outputs.NewOutput(item_id, ANSWER, "bench", steps=pieces))
                queue.enqueue_output(session, project, output.id, priority=(n * 7919) % 1000 / 1000)
    return project, user


def _claim(db: Database, user: int, project: int) -> queue.Claim:
    with db.write() as session:
        claim = queue.claim_next(session, user, project)
    assert claim is not None
    return claim


def _submit(db: Database, user: int, claim: queue.Claim) -> None:
    review = reviews.NewReview(claim.assignment_id, user, claim.output_id, Verdict.FAULTY, first_wrong_step=1)
    said = NewCorrection(user, claim.output_id, "multiply, do not add", rewrite=ANSWER.replace("12", "13"))
    with db.write() as session:
        reviews.submit(session, review, said, claim.token)


def one_row(db: Database, n: int) -> None:
    with db.write() as session:
        users.create(session, f"plain-{n}", Role.ANNOTATOR)


def timed(into: list[float], do: Callable[[], T]) -> T:
    begun = time.perf_counter()
    result = do()
    into.append((time.perf_counter() - begun) * 1000)
    return result


def summary(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {"p50": round(statistics.median(ordered), 2), "p95": round(ordered[int(len(ordered) * 0.95)], 2)}
