"""A worker process for tests: the real runner with a generator that takes its time, told what to do by arguments.

    python -m tests.app.worker.slow_worker URL DATA_DIR SECONDS_PER_ANSWER [--die-after-effects]

Its generator answers "<prompt>: 7" word for word. With ``--die-after-effects`` the process kills itself with SIGKILL after the
first ``generate`` job's last effect was committed and before its row is closed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.settings import Settings
from app.worker import jobs
from app.worker.main import run_worker
from app.worker.models import Models
from core.generators.base import Capability, Generation, GenerationRequest, OnText, ScoreRequest, ShouldStop, Stopped
from core.types import TokenLogprob
from store.engine import Database
from tests.app.worker.fakes import FakeEmbedder


class FakeSlowGenerator:
    """Echoes the last message, one word every ``seconds`` / 3; notes each prompt in a file, so that tests can count calls."""

    name = "fake"
    capabilities = frozenset({Capability.GENERATE, Capability.LOGPROBS, Capability.SCORE})

    def __init__(self, seconds: float, calls: Path) -> None:
        self.seconds, self.calls = seconds, calls

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        with self.calls.open("a") as file:
            file.writelines(f"{request.messages[-1].content!r}\n" for request in requests)
        texts = [f"{request.messages[-1].content}: 7" for request in requests]
        for part in (1, 2, 3):
            time.sleep(self.seconds / 3)
            if should_stop and should_stop():
                raise Stopped("stopped")
            for index, text in enumerate(texts):
                if on_text:
                    on_text(index, text[: len(text) * part // 3])
        tokens = (TokenLogprob("7", -0.5),)
        return [Generation(text, tokens, "stop", 1, 1) for text in texts]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        time.sleep(self.seconds)
        return [[-float(len(candidate)) for candidate in request.candidates] for request in requests]


def settings_for(url: str, folder: Path, **more: Any) -> Settings:
    values = {"worker_threads": 2, "worker_heartbeat_seconds": 0.2, "worker_dead_seconds": 2.0, "batch_size": 2}
    return Settings(_env_file=None, data_dir=folder, database_url=url, **{**values, **more})


def main() -> None:
    url, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    if "--die-after-effects" in sys.argv:
        jobs.finish = dying(jobs.finish)
    settings = settings_for(url, folder)
    fake = FakeSlowGenerator(seconds, folder / "calls.txt")
    models = Models(settings, Database(url), make_generator=lambda _: fake, make_embedder=lambda _: FakeEmbedder())  # type: ignore[arg-type, return-value]
    run_worker(settings, models=models)


def dying(finish: Callable[..., bool]) -> Callable[..., bool]:
    """``finish`` that does not come back from a ``generate`` job."""

    def die(session: Any, job: Any, result: Any) -> bool:
        if job.kind == "generate":
            os.kill(os.getpid(), signal.SIGKILL)
        return finish(session, job, result)

    return die


if __name__ == "__main__":
    main()
