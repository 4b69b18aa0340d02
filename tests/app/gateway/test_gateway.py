"""The gateway through the official package: lessons in, answers on and kept, and nothing of ours in the way when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.gateway import planning
from app.gateway.prompting import asked_in, with_lessons
from app.gateway.reading import Heard, marked
from app.settings import Settings
from app.worker import client as worker_client
from app.worker.models import Models
from app.worker.secret import shared_secret
from app.worker.service import ServiceThread, create_service
from app.worker.texts import PartialTexts
from core.types import LessonDraft, LessonKind, RiskEstimate
from store import judgements, lessons, projects, vectors, workers
from store.tables import Item, Lookup, Output, Retrieval
from tests.app.programs import Api
from tests.app.worker.fakes import FakeEmbedder, FakeGenerator

ASKED = "What is three plus four?"


@dataclass
class ModelServer:
    """An OpenAI-compatible server that answers "seven" and keeps what it was sent."""

    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": "echo", "object": "model", "created": 1, "owned_by": "me"}]}

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> Response:
            body = await request.json()
            self.seen.append(body)
            self.keys.append(request.headers.get("authorization", ""))
            if body["model"] == "none":
                return JSONResponse({"error": {"message": "no such model", "code": "model_not_found"}}, 404)
            head = {"id": "c1", "created": 1, "model": "echo"}
            if body.get("stream"):
                words = ["It ", "is ", "seven."]
                deltas = [{"delta": {"content": word}, "index": 0, "finish_reason": None} for word in words]
                deltas.append({"delta": {}, "index": 0, "finish_reason": "stop"})

                def events() -> Iterator[bytes]:
                    import json

                    for delta in deltas:
                        chunk = {**head, "object": "chat.completion.chunk", "choices": [delta]}
                        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
                    yield b"data: [DONE]\n\n"

                return StreamingResponse(events(), media_type="text/event-stream")
            message = {"role": "assistant", "content": "It is seven. Write to ann@example.org"}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
            return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": usage})

        return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@dataclass
class Gate:
    api: Api
    server: ModelServer
    url: str
    opened: list[openai.OpenAI] = field(default_factory=list)

    def client(self, project: str | None = "maths", key: str = "", **headers: str) -> openai.OpenAI:
        named = {"x-corrigenda-project": project} if project else {}
        client = openai.OpenAI(
            base_url=f"{self.url}/v1",
            api_key=key or self.api.token("gateway"),
            default_headers={**named, **headers},
            max_retries=0,
        )
        self.opened.append(client)
        return client

    def stored(self, at_least: int = 0) -> int:
        """Outputs in the database; waits for those that are stored after the answer was sent."""
        limit = time.monotonic() + 10
        while True:
            with self.api.web.db.read() as session:
                found = session.scalar(select(func.count()).select_from(Output)) or 0
            if found >= at_least or time.monotonic() > limit:
                return found
            time.sleep(0.05)


@pytest.fixture
def gate(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    server = ModelServer()
    with served(server.app()) as upstream, served(api.web.app) as url:
        changed = {"generator": "openai_http", "model_url": f"{upstream}/v1", "model_api_key": "upstream-key"}
        settings = Settings(data_dir=api.web.settings.data_dir, gateway_lookup_seconds=10, **changed)  # type: ignore[arg-type]
        object.__setattr__(api.web.state, "settings", settings)
        gate = Gate(api, server, url)
        yield gate
        for client in gate.opened:
            client.close()


@pytest.fixture
def worker(api: Api) -> Iterator[FakeGenerator]:
    """A worker's local service with a fake model and encoder, and one lesson."""
    fake, embedder = FakeGenerator(), FakeEmbedder()
    settings = Settings(data_dir=api.web.settings.data_dir)
    models = Models(settings, api.web.db, lambda _: fake, lambda _: embedder)  # type: ignore[arg-type, return-value]
    thread = ServiceThread("127.0.0.1", 0)
    assert models.embedder is embedder
    thread.start(create_service(api.web.db, models, PartialTexts(), shared_secret(settings)))
    with api.web.db.write() as session:
        draft = LessonDraft(LessonKind.RULE, "Say numbers as digits.", ASKED, ())
        lesson = lessons.propose(session, api.project, [draft], author_id=api.admin)[0]
        lessons.accept(session, lesson, api.admin)
        vectors.put(
            session,
            project_id=api.project,
            scope="rule",
            owner_kind="lesson",
            owner_id=lesson,
            model=embedder.model_id,
            vector=embedder.embed([ASKED])[0],
        )
        workers.beat(session, "w", host="here", pid=1, url=thread.url)
    yield fake
    thread.stop()
    models.stop()
    worker_client._http().close()
    worker_client._http.cache_clear()


def ask(client: openai.OpenAI, text: str = ASKED, **more: Any) -> Any:
    return client.chat.completions.create(model="echo", messages=[{"role": "user", "content": text}], **more)


def test_lessons_go_in_and_the_answer_comes_out_in_shape_and_is_kept(gate: Gate, worker: FakeGenerator) -> None:
    client = gate.client()
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=[{"role": "user", "content": ASKED}])
    answer = raw.parse()
    assert answer.choices[0].message.content.startswith("It is seven.") and answer.usage.total_tokens == 6
    [sent] = gate.server.seen
    assert sent["messages"][0]["role"] == "system" and "Say numbers as digits." in sent["messages"][0]["content"]
    assert sent["messages"][1:] == [{"role": "user", "content": ASKED}] and gate.server.keys == ["Bearer upstream-key"]
    assert raw.headers["x-corrigenda-lessons"] == "1" and answer.model_extra["corrigenda"]["lessons"] == [1]
    assert gate.stored(1) == 1
    with gate.api.web.db.read() as session:
        output = session.scalars(select(Output)).one()
        item = session.get_one(Item, output.item_id)
        used = session.scalars(select(Retrieval)).one()
        looked_up = session.scalars(select(Lookup)).one()
    assert (looked_up.output_id, looked_up.asked_by, looked_up.stopped) == (output.id, "gateway", "enough")
    assert looked_up.rounds[0]["query"] == ASKED
    assert (item.prompt, item.external_id) == (ASKED, raw.headers["x-corrigenda-item"])
    assert (used.lesson_id, used.slot, output.model) == (1, "rules", "echo")
    assert [model.id for model in client.models.list()] == ["echo"]


def test_a_look_up_without_a_kept_answer_is_logged_without_words_unless_the_program_opted_out(
    gate: Gate, worker: FakeGenerator
) -> None:
    with gate.api.web.db.write() as session:
        projects.update(session, gate.api.project, user_id=None, settings={"gateway": {"sample_rate": 0}})
    ask(gate.client(**{"x-corrigenda-store": "no"}))
    ask(gate.client())
    limit = time.monotonic() + 10
    rows: list[Lookup] = []
    while not rows and time.monotonic() < limit:
        with gate.api.web.db.read() as session:
            rows = list(session.scalars(select(Lookup)))
    (row,) = rows
    assert (row.output_id, row.asked_by) == (None, "gateway") and row.rounds[0]["hits"][0]["lesson"] == 1
    assert ASKED not in str(row.rounds) and gate.stored() == 0


def test_a_stream_is_passed_on_and_kept_whole(gate: Gate, worker: FakeGenerator) -> None:
    chunks = list(ask(gate.client(), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It is seven."
    assert chunks[0].model_extra["corrigenda"]["lessons"] == [1] and not chunks[1].model_extra
    assert gate.stored(1) == 1
    with gate.api.web.db.read() as session:
        assert session.scalars(select(Output.text)).one() == "It is seven."


def test_a_risk_that_is_known_comes_with_the_same_answer(gate: Gate) -> None:
    client = gate.client()
    assert ask(client).model_extra["corrigenda"]["risk"] is None
    assert gate.stored(1) == 1
    with gate.api.web.db.write() as session:
        output = session.scalars(select(Output.id)).one()
        judgements.save(session, output, critiques=[], risk=RiskEstimate(0.25, "test", "1"))
    assert ask(client).model_extra["corrigenda"]["risk"] == {"value": 0.25, "calibrated": False}
    assert gate.stored() == 1, "the same answer is one output"


@pytest.mark.parametrize("how", ["header", "store", "rate", "stream"])
def test_nothing_is_stored_when_opted_out(gate: Gate, how: str) -> None:
    if how == "rate":
        with gate.api.web.db.write() as session:
            projects.update(session, gate.api.project, user_id=None, settings={"gateway": {"sample_rate": 0}})
    client = gate.client(**({"x-corrigenda-store": "no"} if how in ("header", "stream") else {}))
    given: dict[str, Any] = {"stream": True} if how == "stream" else {"store": False} if how == "store" else {}
    answer = ask(client, **given)
    if how == "stream":
        assert list(answer)
    ask(gate.client(), "Something else?") if how != "rate" else time.sleep(0.5)
    assert gate.stored(0 if how == "rate" else 1) == (0 if how == "rate" else 1)
    with gate.api.web.db.read() as session:
        assert ASKED not in session.scalars(select(Item.prompt)).all()


def test_what_the_patterns_find_is_not_stored(gate: Gate) -> None:
    with gate.api.web.db.write() as session:
        settings = {"gateway": {"redact": [r"\S+@\S+"]}}
        projects.update(session, gate.api.project, user_id=None, settings=settings)
    assert "ann@example.org" in (ask(gate.client(), "I am bob@example.org. Who are you?").choices[0].message.content)
    assert gate.stored(1) == 1
    with gate.api.web.db.read() as session:
        output = session.scalars(select(Output)).one()
        item = session.get_one(Item, output.item_id)
    assert item.prompt == "I am [redacted] Who are you?" and output.text == "It is seven. Write to [redacted]"
    assert "example.org" not in str(output.messages)
    assert gate.server.seen[0]["messages"][0]["content"] == "I am bob@example.org. Who are you?"


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken on purpose")


def no_database(*_: Any, **__: Any) -> Any:
    raise OperationalError("SELECT", {}, Exception("gone"))


@pytest.mark.parametrize("part", ["lookup", "preparing", "keeping", "slow", "database"])
def test_the_request_reaches_the_model_whatever_of_ours_fails(
    gate: Gate, worker: FakeGenerator, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    client = gate.client()
    assert ask(client, "First?").choices[0].message.content
    hold = threading.Event()
    breaks: dict[str, Callable[[], None]] = {
        "lookup": lambda: monkeypatch.setattr(planning.client, "retrieve", broken),
        "preparing": lambda: monkeypatch.setattr(planning.keeping, "prepared", broken),
        "keeping": lambda: monkeypatch.setattr(planning.keeping, "push", broken),
        "slow": lambda: monkeypatch.setattr(planning.client, "retrieve", lambda *_: hold.wait(60)),
        "database": lambda: monkeypatch.setattr(type(gate.api.web.db), "read", no_database),
    }
    object.__setattr__(gate.api.web.state.settings, "gateway_lookup_seconds", 0.5 if part == "slow" else 10)
    breaks[part]()
    answer = ask(client)
    assert answer.choices[0].message.content.startswith("It is seven.")
    assert not hold.is_set()
    assert answer.model_extra["corrigenda"]["lessons"] == ([1] if part == "keeping" else [])
    hold.set()
    monkeypatch.undo()


def test_refusals_have_the_shape_that_the_package_reads(gate: Gate) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(gate.client(key="wrong"))
    with pytest.raises(openai.BadRequestError, match="Name the project"):
        ask(gate.client(project=None))
    with pytest.raises(openai.NotFoundError, match="no project"):
        ask(gate.client(project="none"))
    with pytest.raises(openai.NotFoundError, match="no such model"):
        gate.client().chat.completions.create(model="none", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.PermissionDeniedError):
        ask(gate.client(key=gate.api.token("items:read")))
    object.__setattr__(gate.api.web.state.settings, "model_url", "http://127.0.0.1:9/v1")
    with pytest.raises(openai.InternalServerError, match="cannot be reached"):
        ask(gate.client())
    headers = {"authorization": f"Bearer {gate.api.token('gateway')}"}
    for bad in (b"{", b"[]", b'{"messages": []}', b'{"messages": [1]}'):
        assert httpx.post(f"{gate.url}/v1/chat/completions", content=bad, headers=headers).status_code == 400


def test_the_local_model_answers_through_the_worker(gate: Gate, worker: FakeGenerator) -> None:
    object.__setattr__(gate.api.web.state.settings, "generator", "transformers")
    name = gate.api.web.state.settings.model
    client = gate.client()
    asked: Any = [{"role": "user", "content": ASKED}]
    whole = client.chat.completions.create(model=name, messages=asked, max_tokens=7)
    said = whole.choices[0].message.content
    assert said and whole.usage is not None and whole.choices[0].finish_reason == "stop"
    assert worker.requests[-1].max_new_tokens == 7 and "digits" in worker.requests[-1].messages[0].content
    chunks = list(client.chat.completions.create(model=name, messages=asked, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == said
    assert [model.id for model in client.models.list()] == [name]
    with pytest.raises(openai.NotFoundError):
        ask(client)


def test_where_lessons_stand_and_what_is_asked() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]
    talk: list[dict[str, Any]] = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert with_lessons(talk, "L")[0]["content"] == "Be brief.\n\nL" and talk[0]["content"] == "Be brief."
    assert with_lessons(talk[1:], "L")[0] == {"role": "system", "content": "L"} and with_lessons(talk, "") == talk
    listed = with_lessons([{"role": "system", "content": parts}], "L")
    assert listed[0]["content"] == [*parts, {"type": "text", "text": "L"}]
    asked = asked_in([*talk, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}])
    assert (
        asked is not None and asked.prompt == "c" and asked.context == "developer: Be brief.\n\nuser: a\n\nassistant: b"
    )
    assert asked_in([{"role": "user", "content": [parts[1]]}]) is None


def test_events_may_be_cut_anywhere() -> None:
    import asyncio

    raw = b': hello\r\n\r\ndata: {"choices": [{"index": 0, "delta": {"content": "\xc3\xa9"}}]}\r\n\r\ndata: [DONE]\n\nrest'

    async def run(size: int) -> tuple[bytes, Heard]:
        async def chunks() -> Any:
            for at in range(0, len(raw), size):
                yield raw[at : at + size]

        heard = Heard()
        return b"".join([event async for event in marked(chunks(), heard, {"lessons": []})]), heard

    for size in (1, 2, 7, 1000):
        out, heard = asyncio.run(run(size))
        assert heard.texts == {0: "é"} and out.startswith(b": hello\r\n\r\n") and out.endswith(b"data: [DONE]\n\nrest")
        assert b'"corrigenda": {"lessons": []}' in out
