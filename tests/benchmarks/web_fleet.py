"""Web processes before one database, each on a port of its own and with a data directory of its own, and people who use their API."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 180  # on a machine that does much else


class Webs:
    """``with`` starts them and waits until each answers; ``kill`` and ``start`` are for single ones."""

    def __init__(self, url: str, folder: Path, count: int) -> None:
        self.url, self.folder = url, folder
        self.ports = [free_port() for _ in range(count)]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Webs:
        for port in self.ports:
            self.start(port)
            until(lambda port=port: self._is_up(port), START_SECONDS)
        return self

    def _is_up(self, port: int) -> bool:
        if self.processes[port].poll() is not None:
            raise RuntimeError(f"a web process ended before it answered: see {self.folder / f'web-{port}' / 'log'}")
        return answers(port)

    def __exit__(self, *problem: object) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def start(self, port: int) -> None:
        own = self.folder / f"web-{port}"
        own.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "app.cli.main", "web", "--data-dir", str(own), "--port", str(port)]
        with (own / "log").open("ab") as log:
            self.processes[port] = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | {"CORRIGENDA_DATABASE_URL": self.url}
            )

    def kill(self, port: int) -> None:
        self.processes[port].send_signal(signal.SIGKILL)
        self.processes[port].wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/login")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it did not come true in time")
        time.sleep(0.05)


def decision(held: dict[str, Any], words: str) -> dict[str, Any]:
    """What a person sends who says that the first step of what they hold is wrong."""
    output = held["output"]["id"]
    return {
        "token": held["token"],
        "output_id": output,
        "form": {"output": output, "text": words, "first_wrong_step": 0},
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


class Program:
    """Calls the API with a token over one kept connection; where that fails it goes on to the next web process, as a proxy would."""

    def __init__(self, ports: list[int], token: str, first: int = 0, timeout: float = 30) -> None:
        self.ports, self.token, self.at, self.timeout = ports, token, first % len(ports), timeout
        self.connection: http.client.HTTPConnection | None = None

    def once(self, path: str, body: Any, key: str | None = None) -> Answer:
        """A POST below /api/v1; raises ``OSError`` or ``http.client.HTTPException`` where no answer comes."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = key
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.ports[self.at], timeout=self.timeout)
                self.connection.connect()
                assert self.connection.sock is not None
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
            found = self.connection.getresponse()
            said = found.read()
        except (OSError, http.client.HTTPException):
            self.close()
            self.at = (self.at + 1) % len(self.ports)
            raise
        return Answer(found.status, json.loads(said) if said else None)

    def until_it_answers(
        self, path: str, body: Any, key: str | None = None, seconds: float = 120
    ) -> tuple[Answer, int]:
        """The same request again and again until a web process answers it with less than 500; how often it was sent again."""
        end, again = time.monotonic() + seconds, 0
        while True:
            try:
                found = self.once(path, body, key)
                if found.status < 500:
                    return found, again
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > end:
                raise TimeoutError(f"no answer to {path} in {seconds} s")
            again += 1
            time.sleep(0.5)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None
