"""How the API says no: one shape for every refusal (RFC 9457), with a ``code`` for programs and a ``detail`` for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import trouble
from store.text import clean

MEDIA_TYPE = "application/problem+json"


class ProblemBody(BaseModel):
    """A refusal. ``errors`` names the places of a bad request, each with ``where`` and ``message``."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] = []


class Problem(Exception):
    """Raised by a handler to refuse; ``detail`` says what to do."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers


def answer(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body = ProblemBody(
        title=HTTPStatus(status).phrase, status=status, detail=clean(detail), code=code, errors=clean(errors or [])
    )
    return JSONResponse(body.model_dump(), status, media_type=MEDIA_TYPE, headers=headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=``: these refusals, besides those that every route has."""
    every = {400, 401, 403, 413, 422, 429, *statuses}
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(every)
    }


def _methods(request: Request) -> set[str]:
    """What this path takes, over all resources (``app.state.resources``)."""
    found = [route for route in request.app.state.resources if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in found for method in getattr(route, "methods", None) or ()}


def install(app: FastAPI) -> None:
    """Answer every refusal and failure of ``app`` as a problem."""

    @app.exception_handler(Problem)
    def refused(_: Request, problem: Problem) -> Response:
        return answer(problem.status, problem.code, problem.detail, headers=problem.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, problem: RequestValidationError) -> Response:
        # Without what was sent: it may be large, secret, or no text that JSON can carry.
        errors = [{"where": ".".join(map(str, e["loc"])), "message": str(e["msg"])} for e in problem.errors()[:50]]
        first = f" First: {errors[0]['where']}: {errors[0]['message']}." if errors else ""
        return answer(422, "invalid_request", f"The request does not fit the API's description.{first}", errors)

    @app.exception_handler(HTTPException)
    def http(request: Request, problem: HTTPException) -> Response:
        status = HTTPStatus(problem.status_code)
        detail = (
            problem.detail
            if problem.detail != status.phrase
            else f"{request.method} {request.url.path}: {status.phrase}."
        )
        headers = dict(problem.headers) if problem.headers else None
        if status is HTTPStatus.METHOD_NOT_ALLOWED:  # the router names the methods of the first route of that path only
            headers = {"allow": ", ".join(sorted(_methods(request)))}
        return answer(status, status.phrase.lower().replace(" ", "_"), detail, headers=headers)

    @app.exception_handler(LookupError)
    def unknown(_: Request, problem: LookupError) -> Response:
        return answer(404, "not_found", f"{str(problem)[:1].upper()}{str(problem)[1:]}.")

    @app.exception_handler(SQLAlchemyError)
    def database(_: Request, problem: SQLAlchemyError) -> Response:
        if not trouble.is_away(problem):
            raise problem
        return answer(503, "no_database", trouble.in_words(problem), headers={"retry-after": "5"})

    @app.exception_handler(ValueError)
    def unfit(_: Request, problem: ValueError) -> Response:
        return answer(422, "invalid_request", str(problem)[:2000])
