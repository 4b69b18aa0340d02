"""People of one process who claim, now and then give back, and submit, until nothing is left for them.

python -m tests.concurrency.claiming_process URL PROJECT < ids of the people on one line, then "go" once all processes are "ready"

The last line is one JSON object: ``given`` and ``submitted`` are [assignment, item, person], ``claim_ms`` how long each claim took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from store import queue
from store.engine import Database

GIVE_BACK = 20  # every so many claims of a person are given back


@dataclass(slots=True)
class Claimed:
    """What happened in all processes."""

    given: list[list[int]] = field(default_factory=list)
    submitted: list[list[int]] = field(default_factory=list)
    claim_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0


def in_processes(url: str, project_id: int, groups: Sequence[Sequence[int]], timeout: float = 300) -> Claimed:
    """Each group of people in a process of its own, each person in a thread; all set off together."""
    processes = []
    for people in groups:
        command = [sys.executable, "-m", "tests.concurrency.claiming_process", url, str(project_id)]
        one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert one.stdin is not None
        one.stdin.write(" ".join(map(str, people)) + "\n")
        one.stdin.flush()
        processes.append(one)
    try:
        for one in processes:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        begun, found = time.perf_counter(), Claimed()
        for one in processes:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in processes:
            said = json.loads(one.communicate(timeout=timeout)[0])
            assert one.returncode == 0
            found.given += said["given"]
            found.submitted += said["submitted"]
            found.claim_ms += said["claim_ms"]
        found.seconds = time.perf_counter() - begun
        return found
    finally:
        for one in processes:
            one.kill()
            one.wait()


class People:
    def __init__(self, db: Database, project_id: int) -> None:
        self.db, self.project_id = db, project_id
        self.said: dict[str, list[Any]] = {"given": [], "submitted": [], "claim_ms": []}
        self.problems: list[BaseException] = []

    def work(self, user: int) -> None:
        try:
            for count in range(1, 10**9):
                begun = time.perf_counter()
                with self.db.write() as session:
                    held = queue.claim_next(session, user, self.project_id)
                if held is None:
                    return
                self.said["claim_ms"].append(round((time.perf_counter() - begun) * 1000, 2))
                self.said["given"].append([held.assignment_id, held.item_id, user])
                back = count % GIVE_BACK == 0
                with self.db.write() as session:
                    (queue.release if back else queue.submit)(session, held.assignment_id, held.token)
                if not back:
                    self.said["submitted"].append([held.assignment_id, held.item_id, user])
        except BaseException as problem:
            self.problems.append(problem)


def main() -> None:
    db = Database(sys.argv[1])
    people = People(db, int(sys.argv[2]))
    threads = [threading.Thread(target=people.work, args=(int(user),)) for user in sys.stdin.readline().split()]
    print("ready", flush=True)
    assert sys.stdin.readline() == "go\n"
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if people.problems:
        raise people.problems[0]
    print(json.dumps(people.said), flush=True)


if __name__ == "__main__":
    main()
