"""A worker for tests: it has the index in memory, takes lessons back, and kills itself with SIGKILL before or after that is true.

python -m tests.concurrency.retracting_process URL DATA_DIR PROJECT USER before|after < lesson ids, one a line
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from app.worker.models import Models
from store import lessons
from store.engine import Database
from store.lessons import Filter
from tests.app.worker.fakes import FakeEmbedder
from tests.app.worker.slow_worker import settings_for


def main() -> None:
    url, folder, project, user, when = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    ids = tuple(int(line) for line in sys.stdin)
    db = Database(url)
    models = Models(settings_for(url, folder), db, make_embedder=lambda _: FakeEmbedder())  # type: ignore[arg-type, return-value]
    found = models.search(project, ["rule", "correction"], models.embedder.embed(["anything"])[0], 5)
    assert len(found) == 10, "its index holds everything"
    with db.write() as session:
        lessons.retract_many(session, project, Filter(lesson_ids=ids), user, "the guideline was wrong")
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)  # the rows say so, and the index of this process never heard of it


if __name__ == "__main__":
    main()
