"""The routes of the gateway: ``/v1/chat/completions`` and ``/v1/models``, as the OpenAI API has them.

A token with the scope ``gateway`` is asked for. Its project, or the one that ``X-Corrigenda-Project`` names, gives the lessons and
gets the answers. Refusals have OpenAI's shape, because its clients read them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import structlog
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app.api.access import Caller, allowed, authorise, bearer_of, from_holder, guard_of
from app.api.problems import Problem
from app.gateway import keeping, planning, reading
from app.gateway.models import ModelAnswer, ModelError, Models
from app.gateway.planning import Plan
from app.state import AppState
from core.scopes import Scope

LOG = structlog.get_logger("gateway")
KNOWN_SECONDS = 600.0  # how long a token that was good counts while the database is away


def create_gateway(state: AppState, models: Models | None = None) -> FastAPI:
    """To be mounted at ``/v1``."""
    gateway = FastAPI(title="Corrigenda gateway", docs_url=None, redoc_url=None, openapi_url=None)
    gateway.state.corrigenda = state
    gateway.state.models = models or Models(state)

    @gateway.exception_handler(Problem)
    def refused(_: Request, problem: Problem) -> Response:
        return refusal(problem.status, problem.code, problem.detail)

    @gateway.exception_handler(ModelError)
    def unreachable(_: Request, problem: ModelError) -> Response:
        return refusal(problem.status, "model_error", str(problem))

    @gateway.get("/models")
    async def list_models(request: Request) -> Response:
        await to_thread.run_sync(caller_of, request)
        status, body = await models_of(request).names()
        return JSONResponse(body, status)

    @gateway.post("/chat/completions")
    async def complete(request: Request) -> Response:
        caller = await to_thread.run_sync(caller_of, request)
        body = await conversation(request)
        plan = await planning.plan(state_of(request), caller, request.headers, body)
        sent = {**body, "messages": plan.messages}
        asking = models_of(request).ask(sent)
        answer = await asking.__aenter__()
        if body.get("stream"):
            return _streamed(request, plan, caller, asking, answer)
        try:
            raw = b"".join([chunk async for chunk in answer.chunks])
        finally:
            await asking.__aexit__(None, None, None)
        return await _whole(request, plan, caller, answer, raw)

    return gateway


def refusal(status: int, code: str, message: str) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "code": code, "param": None}
    return JSONResponse({"error": error}, status)


def state_of(request: Request) -> AppState:
    state: AppState = request.app.state.corrigenda
    return state


def models_of(request: Request) -> Models:
    models: Models = request.app.state.models
    return models


def caller_of(request: Request) -> Caller:
    """Who asks. While the database is away a token that was good lately still reaches the model. Raises ``Problem``."""
    try:
        return authorise(request, Scope.GATEWAY)
    except SQLAlchemyError as problem:
        LOG.error("the database could not be asked who calls", why=type(problem).__name__)
        text = bearer_of(request.headers.get("authorization", ""))
        holder = guard_of(request).recall(text, KNOWN_SECONDS)
        if holder is None:
            raise Problem(503, "no_database", "Who calls cannot be told now. Try again soon.") from None
        return allowed(from_holder(holder), Scope.GATEWAY)


async def conversation(request: Request) -> dict[str, Any]:
    """The body as far as the gateway must understand it; the model server judges the rest. Raises ``Problem``."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Problem(400, "bad_json", "The body is no JSON.") from None
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise Problem(400, "bad_messages", "Send messages: a list of objects with role and content.")
    result: dict[str, Any] = body
    return result


async def _whole(request: Request, plan: Plan, caller: Caller, answer: ModelAnswer, raw: bytes) -> Response:
    """The answer with one more field; as it came where it is no JSON object or no success."""
    found = reading.whole(raw) if answer.status == 200 else None
    if found is None:
        task = _keeping(request, plan, caller, [], "")
        return Response(raw, answer.status, headers={**answer.headers, **plan.headers()}, background=task)
    body, answers = found
    risk = None
    if plan.kept is not None and answers:
        risk = await planning.harmless(
            keeping.known_risk, state_of(request).db, plan.kept, answers[0], reading.model(body)
        )
    headers = {**answer.headers, **plan.headers(risk)}
    task = _keeping(request, plan, caller, answers, reading.model(body))
    raw = json.dumps({**body, "corrigenda": plan.told(risk)}).encode()
    return Response(raw, answer.status, headers=headers, background=task)


def _streamed(request: Request, plan: Plan, caller: Caller, asking: Any, answer: ModelAnswer) -> Response:
    """The events as they come, the first with one more field; what they spell is kept when the last was sent."""
    heard = reading.Heard()

    async def events() -> AsyncIterator[bytes]:
        try:
            async for event in reading.marked(answer.chunks, heard, plan.told()):
                yield event
        except ModelError as problem:
            error = {"error": {"message": str(problem), "type": "server_error", "code": "model_error", "param": None}}
            yield b"data: " + json.dumps(error).encode() + b"\n\n"
        finally:
            await asking.__aexit__(None, None, None)

    async def keep() -> None:
        whole = answer.status == 200 and heard.finished
        task = _keeping(request, plan, caller, heard.answers() if whole else [], heard.model)
        if task is not None:
            await task()

    headers = {"cache-control": "no-cache", **answer.headers, **plan.headers()}
    return StreamingResponse(events(), answer.status, headers=headers, background=BackgroundTask(keep))


def _keeping(
    request: Request, plan: Plan, caller: Caller, answers: list[keeping.Answer], model: str
) -> BackgroundTask | None:
    """What runs after the answer was sent; of one that is not kept only that lessons were looked up."""
    if plan.kept is None or not answers:
        if plan.looked_up is None:
            return None
        return BackgroundTask(planning.harmless, keeping.note, state_of(request).db, plan.looked_up)
    return BackgroundTask(
        planning.harmless, keeping.keep, state_of(request).db, plan.kept, answers, model, caller.person.id
    )
