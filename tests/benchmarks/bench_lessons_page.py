"""Server time of the lessons page over 100,000 lessons on SQLite: facets, a page of the list, a chosen lesson, a search by words.

Run: python -m tests.benchmarks.bench_lessons_page [--lessons N]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from app.view import lessons as view
from core.types import LessonKind
from store import lesson_listing, migrate, projects
from store.engine import Database
from store.tables import Lesson

KEYS = ("distil:item:{n}:0", "lessons:1:{n}", None)


def fill(db: Database, n: int, seed: int = 0) -> int:
    """``n`` lessons of all kinds and statuses; one in fifty with a contradiction."""
    draw, kinds, statuses = (
        random.Random(seed),
        list(LessonKind),
        ("proposed", "active", "active", "active", "suspended", "rejected"),
    )
    with db.write() as session:
        project_id = projects.create(session, slug="p", name="P", item_type="text").id
        for start in range(0, n, 5000):
            rows = []
            for k in range(start, min(start + 5000, n)):
                key = KEYS[k % 3]
                rows.append(
                    {
                        "project_id": project_id,
                        "kind": draw.choice(kinds).value,
                        "status": draw.choice(statuses),
                        "text": f"When rule {k} holds, write {draw.random():.6f} out in full and check it again.",
                        "applicability": f"questions about topic {k % 977}",
                        "extra": {"related": [[1, "contradicts"]]} if k % 50 == 0 else {"case": {"prompt": "x" * 200}},
                        "effect_key": key.format(n=k) if key else None,
                    }
                )
            session.execute(insert(Lesson), rows)
    return project_id


def timed(what: str, act: Callable[[], object], times: int = 9) -> None:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - began))
    print(f"{what}: median {np.median(spent):.0f} ms, most {max(spent):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lessons", type=int, default=100_000)
    n = parser.parse_args().lessons
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'x.sqlite'}"
        migrate.upgrade(url, None)
        db = Database(url)
        project_id = fill(db, n)
        with db.read() as session:

            def listed(after: lesson_listing.Place | None = None, **choice: str) -> None:
                view.listing(session, view.Wanted(project_id, choice, None, after), None, total=n, may=True)

            timed("facets after a change", lambda: (view._known.clear(), view.facets(session, project_id, {}, None)), 5)
            timed("facets", lambda: view.facets(session, project_id, {}, None))
            timed("facets with words", lambda: view.facets(session, project_id, {}, "topic 500"))
            timed("first page", listed)
            timed("a page in the middle", lambda: listed(lesson_listing.Place(False, n // 2)))
            timed("contradictions only", lambda: listed(relations="contradicts", status="active"))
            timed("suspended exemplars", lambda: listed(status="suspended", kind="exemplar"))
            lesson = session.get_one(Lesson, n // 2)
            timed("a chosen lesson", lambda: view.detail(session, lesson, may=True))
        db.dispose()


if __name__ == "__main__":
    main()
