"""Whether the web process lives and reaches its database. Says nothing else, because anyone may ask."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.sign_in import state_of

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    try:
        with state_of(request).db.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"status": "no database"}, 503)
    return JSONResponse({"status": "ok"})
