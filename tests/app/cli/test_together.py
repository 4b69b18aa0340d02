"""The worker beside the web process: started again when it dies, gone when its parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.settings import Settings
from store import workers
from store.engine import Database

PARENT = """
import sys, time
from pathlib import Path
from app.cli.setup import ready
from app.cli.together import worker_beside
from app.settings import Settings

settings = Settings(data_dir=Path(sys.argv[1]))
ready(settings)
with worker_beside(settings):
    print("up", flush=True)
    time.sleep(300)
"""


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]


def heard_of(data_dir: Path) -> set[int]:
    db = Database(Settings(data_dir=data_dir).url)
    try:
        with db.read() as session:
            return {worker.pid for worker in workers.alive(session, 60)}
    finally:
        db.dispose()


def soon(what: Callable[[], bool], seconds: float = 60) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if what():
            return True
        time.sleep(0.2)
    return False


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_worker_is_started_again_and_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None and parent.stdout.readline() == "up\n"
        assert soon(lambda: len(children(parent.pid)) == 1)
        [first] = children(parent.pid)
        os.kill(first, signal.SIGKILL)
        assert soon(lambda: children(parent.pid) not in ([], [first]))
        [second] = children(parent.pid)
        # a kill before the new one watches its parent would prove nothing; it does so before its first heartbeat
        assert soon(lambda: second in heard_of(tmp_path))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close() if parent.stdout else None
    assert soon(lambda: not running(second)), "the worker outlived its killed parent"
