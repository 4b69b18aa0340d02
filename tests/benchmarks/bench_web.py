"""How soon the web process answers, against a bare ``import gradio`` in the same run, and how much memory it takes."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROUNDS = 3


def run() -> dict[str, object]:
    bare, ready, memory = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "app.cli.main", "db", "upgrade", "--data-dir", folder], check=True)
        for _ in range(ROUNDS):
            bare.append(_bare_import())
            seconds, megabytes = _until_ready(Path(folder))
            ready.append(seconds)
            memory.append(megabytes)
    ratio = statistics.median(ready) / statistics.median(bare)
    return {
        "bare_import_gradio_s": round(statistics.median(bare), 2),
        "web_ready_s": round(statistics.median(ready), 2),
        "ratio": round(ratio, 2),
        "web_rss_mb": round(max(memory)),
        "rounds": ROUNDS,
    }


def _bare_import() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    return time.perf_counter() - begun


def _until_ready(folder: Path) -> tuple[float, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.perf_counter()
    command = [sys.executable, "-m", "app.cli.main", "web", "--data-dir", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
                    answer.read()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError("the web process ended before it answered") from None
                time.sleep(0.02)
        return time.perf_counter() - begun, _rss(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
