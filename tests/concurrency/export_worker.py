"""A worker process that writes exports and, told so, kills itself with SIGKILL at the first checkpoint from so many rows on.

python -m tests.concurrency.export_worker URL DATA_DIR [KILL_AT_ROWS]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from app.worker import export_journal
from app.worker.main import run_worker
from app.worker.models import Models
from core.exporters.lines import Checkpoint
from store.engine import Database
from tests.app.worker.fakes import FakeEmbedder
from tests.app.worker.slow_worker import FakeSlowGenerator, settings_for


def die_at(rows: int) -> None:
    """Checkpoints are kept at every chance, and the process dies after the first that has ``rows`` rows or more."""
    keep = export_journal.Journal.keep

    def keep_and_die(self: export_journal.Journal, make: Callable[[], Checkpoint]) -> None:
        keep(self, make)
        if self.file.rows >= rows:
            os.kill(os.getpid(), signal.SIGKILL)

    export_journal.EVERY_SECONDS = 0.0
    export_journal.Journal.keep = keep_and_die  # type: ignore[method-assign]


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2])
    if len(sys.argv) > 3:
        die_at(int(sys.argv[3]))
    settings = settings_for(url, folder)
    fake = FakeSlowGenerator(0.0, folder / "calls.txt")
    models = Models(settings, Database(url), make_generator=lambda _: fake, make_embedder=lambda _: FakeEmbedder())  # type: ignore[arg-type, return-value]
    run_worker(settings, models=models)


if __name__ == "__main__":
    main()
