"""Web and worker side by side on one machine: the worker is a process of its own that is started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import structlog

from app.cli.setup import ready
from app.settings import Settings

LOG = structlog.get_logger(__name__)
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between a worker's death and its next start


class WorkerProcess:
    """A worker as a child process. ``with`` starts it, keeps it running, and ends it."""

    def __init__(self, settings: Settings) -> None:
        self._environment = os.environ | {f"CORRIGENDA_{k.upper()}": v for k, v in _plain(settings)}
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="worker keeper", daemon=True)

    def __enter__(self) -> WorkerProcess:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._process and self._process.poll() is None:
            self._process.terminate()
        self._keeper.join(timeout=20)
        if self._process and self._process.poll() is None:
            self._process.kill()

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                [sys.executable, "-m", "app.cli.main", "worker", "--parent", str(os.getpid())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
            )
            code = self._process.wait()
            if not self._stopping.is_set():
                LOG.warning("the worker ended and is started again", exit_code=code, wait_seconds=wait)
            self._stopping.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)


def _plain(settings: Settings) -> Iterator[tuple[str, str]]:
    """What the child must be told: the settings that the command line may have changed."""
    yield "data_dir", str(settings.data_dir.resolve())
    if settings.database_url:
        yield "database_url", settings.database_url
    yield "generator", settings.generator
    yield "model", settings.model


def end_with(parent: int) -> None:
    """Ask this process to end when its parent is gone, so that a killed ``up`` leaves no worker behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


@contextmanager
def worker_beside(settings: Settings) -> Iterator[None]:
    """A worker for as long as the block lasts."""
    with WorkerProcess(settings):
        yield


def run_together(settings: Settings) -> None:
    """Web in this process, worker beside it, until Ctrl-C."""
    from app.web import serve

    ready(settings)
    with worker_beside(settings):
        serve(settings)
