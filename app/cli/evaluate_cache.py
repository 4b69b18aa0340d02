"""What models make of texts, kept for the next run of ``corrigenda eval``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.settings import Settings
from app.worker.models import make_embedder

Say = Callable[[str], None]


def embedded(settings: Settings, texts: Sequence[str], say: Say) -> NDArray[np.float32]:
    """Unit vectors (n, d)."""
    from core.embedding import model_id_of

    path = kept(settings, "vectors", [model_id_of(settings.embedder), *texts])
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    say(f"embedding {len(texts):,} texts")
    found = make_embedder(settings).embed(texts)
    keep(path, found)
    return found


def kept(settings: Settings, kind: str, parts: Sequence[str]) -> Path:
    """Where a model's answers to exactly these inputs are kept."""
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    return settings.data_dir / "cache" / "eval" / f"{kind}-{digest}.npy"


def keep(path: Path, values: NDArray[Any]) -> None:
    with _whole(path) as aside, aside.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def keep_text(path: Path, text: str) -> None:
    with _whole(path) as aside:
        aside.write_text(text, "utf-8")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path to write aside; it is moved into place at the end, so that a run that is cut off leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    yield aside
    aside.replace(path)
