"""Server time of the calibration page with 100,000 judged answers and 2,000 reviews, and of claims and a threshold change there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from app.cli.setup import ready
from app.pages.calibration import _page, set_threshold
from app.settings import Settings
from app.view import calibration as view
from core.types import Role
from store import queue, users
from store.engine import Database
from tests.benchmarks.bench_store import one_row, summary, timed
from tests.calibration_rows import judged_project

ANSWERS, REVIEWED, CLAIMS = 100_000, 2_000, 200
T = TypeVar("T")


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        ready(settings)
        db = Database(settings.url)
        try:
            return measure(db)
        finally:
            db.dispose()


def measure(db: Database) -> dict[str, object]:
    with db.write() as session:
        project = judged_project(session, answers=ANSWERS, reviewed=REVIEWED)
        person = users.create(session, "claimer", Role.ANNOTATOR).id
    found: dict[str, object] = {}

    def once(name: str, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        made = work()
        found[name] = round((time.perf_counter() - begun) * 1000, 1)
        return made

    def page() -> None:
        with db.read() as session:
            _page(session, project)

    def slower() -> None:
        with db.read() as session:
            history = view.read(session, project)
            view.tables(session, history)
        view.figures_table(history, intervals=True)

    def home() -> None:
        with db.read() as session:
            view.home_line(session, project)

    once("page_first_ms", page)
    view._known.clear()
    once("page_after_a_change_ms", page)
    once("page_again_ms", page)
    once("tables_and_intervals_first_ms", slower)
    once("tables_and_intervals_again_ms", slower)
    once("home_line_ms", home)
    for threshold in (0.4, 0.3):
        with db.write() as session:
            moved = once(
                f"set_threshold_{threshold}_ms",
                lambda t=threshold, s=session: set_threshold(s, project, t, True, person),
            )
        found[f"moved_{threshold}"] = moved
    claims: list[float] = []
    plain: list[float] = []
    for n in range(CLAIMS):
        timed(claims, lambda: claim(db, project, person))
        timed(plain, lambda n=n: one_row(db, n))
    return {**found, "claim": summary(claims), "one_row": summary(plain)}


def claim(db: Database, project: int, person: int) -> None:
    with db.write() as session:
        held = queue.claim_next(session, person, project)
        if held is None:
            raise RuntimeError("nothing was claimed")
        queue.submit(session, held.assignment_id, held.token)
