"""What the gateway adds to a chat completion: 10,000 lessons, 20 requests a second, an echo server in the model's place.

Web, worker and echo server are processes of their own. 200 lessons have real vectors, so that prompts find some; the others' are
random, which costs the search as much. Direct and through the gateway are measured in turns, whole and up to the first streamed token.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from app.settings import Settings
from store import lessons, projects, tokens, users, vectors
from store.engine import Database

LESSONS, REAL, RATE, SECONDS = 10_000, 200, 20, 15
THINGS = ("apples", "trains", "triangles", "wages", "tickets", "litres", "metres", "marbles", "pages", "hours")


def echo() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:
        body = await request.json()
        text = body["messages"][-1]["content"]
        head = {"id": "c", "created": 1, "model": "echo"}
        if body.get("stream"):
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
            chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            parts = [f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n"]
            return StreamingResponse(iter(parts), media_type="text/event-stream")
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice]})

    return app


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        token = _seed(Path(folder))
        ports = {"echo": 18471, "web": 18472}
        env = {
            **os.environ,
            "CORRIGENDA_DATA_DIR": folder,
            "CORRIGENDA_GENERATOR": "openai_http",
            "CORRIGENDA_MODEL": "echo",
            "CORRIGENDA_MODEL_URL": f"http://127.0.0.1:{ports['echo']}/v1",
            "OMP_NUM_THREADS": "1",
        }
        commands = (
            [sys.executable, "-m", "tests.benchmarks.bench_gateway", str(ports["echo"])],
            [sys.executable, "-m", "app.cli.main", "worker"],
            [sys.executable, "-m", "app.cli.main", "web", "--port", str(ports["web"])],
        )
        started = [subprocess.Popen(c, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
        try:
            return asyncio.run(_measure(ports, token))
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=30)


def _seed(folder: Path) -> str:
    from app.cli.setup import ready
    from core.embedding import Embedder
    from core.types import LessonDraft, LessonKind

    settings = Settings(_env_file=None, data_dir=folder)
    ready(settings)
    db, embedder = Database(settings.url), Embedder()
    texts = [f"questions about {THINGS[n % 10]} in case {n}" for n in range(LESSONS)]
    found = np.random.default_rng(0).normal(size=(LESSONS, embedder.dim)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    found[:REAL] = embedder.embed(texts[:REAL])
    with db.write() as session:
        ada = users.create(session, "ada", "admin").id
        # Nothing is kept: judging the answers would be other work at the same time.
        quiet = {"gateway": {"sample_rate": 0.0}}
        project = projects.create(session, slug="p", name="P", item_type="text", settings=quiet).id
        for text, vector in zip(texts, found, strict=True):
            draft = LessonDraft(LessonKind.RULE, f"Mind {text}.", text, ())
            lesson = lessons.propose(session, project, [draft], author_id=ada)[0]
            lessons.accept(session, lesson, ada)
            vectors.put(
                session,
                project_id=project,
                scope="rule",
                owner_kind="lesson",
                owner_id=lesson,
                model=embedder.model_id,
                vector=vector,
            )
        _, token = tokens.create(session, ada, "bench", ["gateway"], project_id=project)
    db.dispose()
    return token


async def _measure(ports: dict[str, int], token: str) -> dict[str, object]:
    urls = {name: f"http://127.0.0.1:{port}/v1/chat/completions" for name, port in ports.items()}
    headers = {"authorization": f"Bearer {token}"}
    figures: dict[str, Any] = {"lessons": LESSONS, "per_second": RATE, "seconds": SECONDS}
    async with httpx.AsyncClient(timeout=60, headers=headers, trust_env=False) as http:
        await _until_lessons(http, urls["web"])
        for stream in (False, True):
            kind = "first_token" if stream else "whole"
            direct = await _load(http, urls["echo"], stream)
            through = await _load(http, urls["web"], stream)
            figures[kind] = {
                "direct_p50_ms": _ms(statistics.median(direct)),
                "direct_p95_ms": _ms(_p95(direct)),
                "gateway_p50_ms": _ms(statistics.median(through)),
                "gateway_p95_ms": _ms(_p95(through)),
                "overhead_p50_ms": _ms(statistics.median(through) - statistics.median(direct)),
                "overhead_p95_ms": _ms(_p95(through) - _p95(direct)),
            }
    figures["load_average"] = round(os.getloadavg()[0], 1)
    return figures


async def _until_lessons(http: httpx.AsyncClient, url: str) -> None:
    """Until everything is up and the index is loaded."""
    limit = time.monotonic() + 180
    while time.monotonic() < limit:
        try:
            answer = await http.post(url, json=_body(0, False))
            if answer.status_code == 200 and answer.json()["corrigenda"]["lessons"]:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.5)
    raise RuntimeError("the gateway found no lessons")


def _body(n: int, stream: bool) -> dict[str, Any]:
    text = f"A question about {THINGS[n % 10]}, number {n}: how many are there in all?"
    return {"model": "echo", "messages": [{"role": "user", "content": text}], "stream": stream}


async def _load(http: httpx.AsyncClient, url: str, stream: bool) -> list[float]:
    """Seconds of each request, sent on the beat whether or not those before it are done."""

    async def one(n: int) -> float:
        begun = time.perf_counter()
        async with http.stream("POST", url, json=_body(n, stream)) as answer:
            async for _ in answer.aiter_bytes():
                if stream:
                    break
        return time.perf_counter() - begun

    begun, tasks = time.perf_counter(), []
    for n in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, begun + n / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(one(n)))
    return list(await asyncio.gather(*tasks))


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    uvicorn.run(echo(), port=int(sys.argv[1]), log_level="warning")
