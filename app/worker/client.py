"""How the web process asks a worker for what cannot wait for a job. Without a reachable worker the answer is ``None``, soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from app.settings import Settings
from app.worker.secret import shared_secret
from store import jobs, workers
from store.engine import Database

MAX_TEXT = 100_000  # characters; the encoder reads far fewer
TIMEOUT = httpx.Timeout(5.0, connect=0.5)


@dataclass(frozen=True, slots=True)
class Found:
    """A lesson or correction near the text that was searched for; ``score`` is the cosine."""

    owner_id: int
    scope: str
    score: float


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Id and score of lessons, in slot order, and how they were found: rounds, stopped, best; ``None`` where nothing was looked up."""

    scores: tuple[tuple[int, float], ...] = ()
    log: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> LookedUp:
        """What a worker said, over its service or as the result of a job."""
        scores = tuple((int(lesson_id), float(score)) for lesson_id, score in answer["lessons"])
        return cls(scores, answer.get("lookup"))


def partial_text(db: Database, settings: Settings, job_id: int) -> str | None:
    """What the model has written so far for a job; ``None`` before its first word and when its worker is not reachable."""
    with db.read() as session:
        worker_id = jobs.get(session, job_id).worker_id
        alive = workers.alive(session, settings.worker_dead_seconds)
    url = next((worker.url for worker in alive if worker.id == worker_id), None)
    answer = _ask(settings, "GET", url, f"/jobs/{job_id}/text")
    return answer["text"] if answer is not None else None


def search(
    db: Database, settings: Settings, project_id: int, scopes: Sequence[str], text: str, k: int = 5
) -> list[Found] | None:
    """Lessons (by kind) and corrections near ``text``, best first; ``None`` when no worker is reachable."""
    body = {"project_id": project_id, "scopes": list(scopes), "text": text, "k": k}
    with db.read() as session:
        urls = [worker.url for worker in workers.alive(session, settings.worker_dead_seconds)]
    for url in urls:
        if (answer := _ask(settings, "POST", url, "/search", body)) is not None:
            return [Found(**hit) for hit in answer]
    return None


def retrieve(db: Database, settings: Settings, project_id: int, prompt: str, context: str = "") -> LookedUp | None:
    """The lessons that apply to a prompt, in slot order; ``None`` when no worker is reachable."""
    body = {"project_id": project_id, "prompt": prompt[:MAX_TEXT], "context": context[:MAX_TEXT]}
    with db.read() as session:
        urls = [worker.url for worker in workers.alive(session, settings.worker_dead_seconds)]
    for url in urls:
        if (answer := _ask(settings, "POST", url, "/retrieve", body)) is not None:
            return LookedUp.of(answer)
    return None


def embed(db: Database, settings: Settings, texts: Sequence[str]) -> list[NDArray[np.float32]] | None:
    """The sentence encoder's vectors (dim,) of at most 256 texts; ``None`` when no worker is reachable."""
    with db.read() as session:
        urls = [worker.url for worker in workers.alive(session, settings.worker_dead_seconds)]
    for url in urls:
        if (
            answer := _ask(settings, "POST", url, "/embed", {"texts": [text[:MAX_TEXT] for text in texts]})
        ) is not None:
            return [np.array(vector, np.float32) for vector in answer["vectors"]]
    return None


@lru_cache
def _http() -> httpx.Client:
    """One for the process, with connections that are kept: making one costs more than most answers."""
    return httpx.Client(timeout=TIMEOUT, trust_env=False)


def _ask(settings: Settings, method: str, url: str | None, path: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON answer, or ``None`` for anything but success. Proxies of the environment are never used: the secret stays here."""
    if url is None:
        return None
    headers = {"authorization": f"Bearer {shared_secret(settings)}"}
    try:
        answer = _http().request(method, url + path, headers=headers, json=body)
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == httpx.codes.OK else None
