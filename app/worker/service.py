"""The worker's own small HTTP service: what a person waits for and cannot wait a job for (streamed text, search, vectors).

Loopback by default; every request carries the shared secret. Answers are JSON; nothing here writes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from secrets import compare_digest
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.listening import in_address, listener
from app.worker.chatting import answered
from app.worker.models import Models
from app.worker.retrieval import find_for
from app.worker.texts import PartialTexts
from core.types import LessonKind
from store import jobs, lessons
from store.engine import Database

if TYPE_CHECKING:
    from core.embedding import Embedder

MAX_BODY = 1_000_000  # bytes
OVERFETCH = 3  # the database may strike out some of what the index proposes
Text = Annotated[str, Field(max_length=100_000)]


class Search(BaseModel):
    """``scopes`` are lesson kinds or ``correction``."""

    model_config = ConfigDict(extra="forbid")

    project_id: int
    scopes: Annotated[list[str], Field(min_length=1, max_length=10)]
    text: Text
    k: int = Field(5, ge=1, le=100)


class Retrieve(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project_id: int
    prompt: Text
    context: Text = ""


class ChatMessage(BaseModel):
    role: Annotated[str, Field(max_length=40)]
    content: Text


class Chat(BaseModel):
    """A conversation for the model of this worker."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=500)]
    max_new_tokens: int = Field(256, ge=1, le=4096)
    temperature: float = Field(0.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int | None = None


class Embed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    texts: Annotated[list[Text], Field(max_length=256)]


def create_service(db: Database, models: Models, texts: PartialTexts, secret: str, *, chats: bool = True) -> FastAPI:
    """The application; without the right ``Authorization: Bearer`` every path answers 401.

    ``chats``: whether its model may be asked.
    """
    app = FastAPI(title="Corrigenda worker", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), f"Bearer {secret}".encode()):
            return JSONResponse({"detail": "the worker's secret is missing or wrong"}, 401)
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > MAX_BODY:
            return JSONResponse({"detail": f"a request has at most {MAX_BODY} bytes and says how many"}, 413)
        return await call_next(request)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"state": "ok", "note": models.note}

    @app.get("/jobs/{job_id}/text")
    def text(job_id: int) -> dict[str, str]:
        """What the model has written so far; 404 when this worker has not heard of the job lately."""
        so_far = texts.get(job_id)
        if so_far is None:
            raise HTTPException(404, "nothing has been written for this job here")
        with db.read() as session:
            return {"text": so_far, "state": jobs.get(session, job_id).state}

    def ready_embedder() -> Embedder:
        if not models.embedder_ready():
            raise HTTPException(503, "the sentence encoder is loading; ask again in a moment")
        return models.embedder

    @app.post("/search")
    def search(wanted: Search) -> list[dict[str, Any]]:
        """The nearest lessons and corrections, best first; lessons only as far as they are active now. 503 while the encoder loads."""
        vector = ready_embedder().embed([wanted.text])[0]
        hits = models.search(wanted.project_id, wanted.scopes, vector, wanted.k * OVERFETCH)
        kinds = set(LessonKind)
        with db.read() as session:
            active = lessons.active_texts(session, [hit.owner_id for hit in hits if hit.scope in kinds])
        standing = [hit for hit in hits if hit.scope not in kinds or hit.owner_id in active]
        return [{"owner_id": hit.owner_id, "scope": hit.scope, "score": hit.score} for hit in standing[: wanted.k]]

    @app.post("/retrieve")
    def retrieve(wanted: Retrieve) -> dict[str, Any]:
        """``lessons`` as id and score that apply to a prompt, as its project's settings have it, and ``lookup``: how they were found.

        404, and 503 while loading.
        """
        ready_embedder()
        try:
            kept, found = find_for(db, models, wanted.project_id, wanted.prompt, wanted.context)
        except LookupError as problem:
            raise HTTPException(404, str(problem)) from None
        return {"lessons": [(lesson.id, lesson.score) for lesson in kept], "lookup": found.log()}

    @app.post("/chat")
    def chat(wanted: Chat) -> Response:
        """The model's answer as lines of JSON while it is written: ``{"text": so far}``, at last with ``finish_reason``."""
        if not chats:
            raise HTTPException(503, "this worker leaves what asks the model to others")
        return StreamingResponse(answered(models, wanted), media_type="application/x-ndjson")

    @app.post("/embed")
    def embed(wanted: Embed) -> dict[str, Any]:
        embedder = ready_embedder()
        return {"model": embedder.model_id, "vectors": embedder.embed(wanted.texts).tolist()}

    return app


class ServiceThread:
    """The service on a thread of its own; ``url`` is known before it starts, so that the first heartbeat can carry it."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = listener(host, port)
        self.url = f"http://{reachable(in_address(host))}:{self._socket.getsockname()[1]}"

    def start(self, app: FastAPI) -> None:
        import uvicorn

        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False)
        self._server = uvicorn.Server(config)
        run: Callable[[Sequence[socket.socket]], None] = self._server.run  # type: ignore[assignment]
        self._thread = threading.Thread(target=run, args=([self._socket],), name="service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()


def reachable(host: str) -> str:
    """The address that others use for a service that listens on every address: this machine's name."""
    return socket.gethostname() if host in ("0.0.0.0", "[::]") else host  # noqa: S104
