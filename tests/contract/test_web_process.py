"""The web process stays light: building the whole app loads no model library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROBE = """
import sys
from pathlib import Path
from app.settings import Settings
from app.web import create_app
from store import migrate

folder = Path(sys.argv[1])
settings = Settings(data_dir=folder)
migrate.upgrade(settings.url, folder)
create_app(settings)
from app.worker import client, jobs  # what handlers call
heavy = {"torch", "transformers", "sentence_transformers", "faiss", "sklearn"} & set(sys.modules)
print("loaded:", sorted(heavy))
sys.exit(bool(heavy))
"""


def test_web_process_loads_no_model_library(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
