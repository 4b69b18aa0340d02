"""Run every ``bench_*.py`` beside this file, or those named on the command line, and print one JSON line each."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def machine() -> str:
    """What it ran on, in words."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}, {platform.system()}"


def main(wanted: list[str]) -> None:
    print(json.dumps({"machine": machine(), "date": time.strftime("%Y-%m-%d")}), flush=True)
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        figures = importlib.import_module(f"tests.benchmarks.{path.stem}").run()
        print(json.dumps({name: figures}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
