"""The API for programs as one application below ``/api/v1``: its resources, its refusals, and its own description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from app.api import (
    account_tokens,
    adjudication,
    audit_search,
    claims,
    exports,
    images,
    imports,
    items,
    jobs,
    lesson_decisions,
    lesson_effect,
    lessons,
    outputs,
    people,
    problems,
    projects,
    queues,
    reports,
    retractions,
    reviews,
    rules,
    teams,
    versions,
    waiting,
    webhooks,
)
from app.state import AppState
from core.exporters import REGISTRY as EXPORTERS

RESOURCES = (
    projects,
    items,
    imports,
    images,
    outputs,
    queues,
    claims,
    waiting,
    adjudication,
    reviews,
    lesson_effect,  # before the routes that have an id where it has a word
    lessons,
    lesson_decisions,
    retractions,
    rules,
    versions,
    reports,
    exports,
    jobs,
    webhooks,
    people,
    teams,
    account_tokens,
    audit_search,
)
SAYS = """Push items and outputs, wait for what people decide, retrieve lessons, and fetch training data.

Send a token as `Authorization: Bearer`. Lists are pages: give `next_cursor` back as `cursor`. A POST with an `Idempotency-Key`
may be sent again within a week. Every refusal is `application/problem+json` with a `code` and a `detail` that says what to do."""


def create_api(state: AppState) -> FastAPI:
    """To be mounted at ``/api/v1``, after the routes that belong to pages."""
    api = FastAPI(
        title="Corrigenda",
        version="1",
        description=SAYS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    api.state.corrigenda = state
    problems.install(api)
    for module in RESOURCES:
        api.include_router(module.router)
    api.state.resources = [route for module in RESOURCES for route in module.router.routes]
    kept: dict[str, Any] = {}

    @api.get("/openapi.json", include_in_schema=False)
    def openapi(_: Request) -> Response:
        """Open to everyone: it says what the public source code says."""
        if not kept:
            kept.update(described(api))
        return JSONResponse(kept)

    return api


def described(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    document = get_openapi(
        title=api.title, version=api.version, description=SAYS, routes=api.routes, servers=[{"url": "/api/v1"}]
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemBody"] = problems.ProblemBody.model_json_schema()
    schemas["NewExport"]["properties"]["format"]["enum"] = [member.name for member in EXPORTERS]
    schemas["NewProject"]["properties"]["labels"]["uniqueItems"] = True
    ways = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
        for name in ("item_id", "external_id", "item")
    ]
    schemas["OutputIn"]["oneOf"] = ways
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own shape, which is never sent
        schemas.pop(name, None)
    return document
