"""Server time until the review page's first item is rendered, with 10,000 items, against a bare one-row commit in the same run.

Besides an answer of 60 steps, each with what three critics say of it, heat, and twenty votes: all that a page can hold.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from app import auth
from app.pages import review
from app.pages.review_reply import Wanted
from app.settings import Settings
from app.state import AppState
from core import steps
from core.types import Critique, RiskEstimate, Role, StepLabel, Verdict, Vote
from store import items, judgements, migrate, outputs, projects, queue, users
from store.engine import Database
from tests.benchmarks.bench_store import ITEMS, ROUNDS, fill, one_row, summary, timed

STEPS = 60


def long_answer(db: Database) -> int:
    """An item of a project of its own whose answer has 60 judged steps; returns its id."""
    text = "\n".join(
        f"{n}. After box {n} there are {n} * 4 = {4 * n} apples on the table." for n in range(1, STEPS + 1)
    )
    with db.write() as session:
        settings = {"blind_share": 0.0}  # a blind page shows less
        project = projects.create(session, slug="long", name="Long", item_type="reasoning", settings=settings).id
        (item,) = items.add_many(session, project, [items.NewItem("long", "How many apples?")]).ids
        output = outputs.add(session, outputs.NewOutput(item, text, "bench", steps=steps.split(text)))
        if len(output.steps) != STEPS:
            raise RuntimeError(f"the answer has {len(output.steps)} steps")
        said = [
            Critique(step, critic, StepLabel(1 - 2 * (step == 40)), f"{critic} says so of step {step + 1}.", 0.9)
            for step in range(STEPS)
            for critic in ("arithmetic", "model_steps", "step_head")
        ]
        votes = [Vote(f"signal-{n}", Verdict.FAULTY, evidence="It seems wrong.") for n in range(20)]
        heat = {"heat": [1 / STEPS] * STEPS}
        risk = RiskEstimate(0.7, "polar", "1", True, 64, 0.5, 0.8, (), 0.7, heat)
        judgements.save(session, output.id, votes=votes, critiques=said, risk=risk)
        queue.enqueue_output(session, project, output.id, priority=1.0)
    return item


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        migrate.upgrade(settings.url, None)
        db = Database(settings.url)
        try:
            fill(db)
            with db.write() as session:
                person = auth.Person(users.create(session, "reader", Role.ANNOTATOR).id, "reader", Role.ANNOTATOR)
            state = AppState(settings, db)
            begun = time.perf_counter()
            shown = review._open(state, Wanted("bench"), person)
            first = (time.perf_counter() - begun) * 1000
            if "3 * 4 = 12" not in str(shown.values()):
                raise RuntimeError("the page showed no item")
            long = Wanted("long", item=long_answer(db))
            begun = time.perf_counter()
            shown = review._open(state, long, person)
            first_long = (time.perf_counter() - begun) * 1000
            if "Critics: step 41" not in shown["answer"] or shown["answer"].count('class="rv-step ') != STEPS:
                raise RuntimeError("the page does not show the 60 steps and the critics' finding")
            again: list[float] = []
            sixty: list[float] = []
            plain: list[float] = []
            for n in range(ROUNDS):
                timed(again, lambda: review._open(state, Wanted("bench"), person))
                timed(sixty, lambda: review._open(state, long, person))
                timed(plain, lambda n=n: one_row(db, n))
        finally:
            db.dispose()
    return {
        "items": ITEMS,
        "first_item_cold_ms": round(first, 1),
        "first_item_ms": summary(again),
        "sixty_steps_first_ms": round(first_long, 1),
        "sixty_steps_ms": summary(sixty),
        "one_row_commit_ms": summary(plain),
    }
