"""The web process: FastAPI with our routes, and the Gradio applications of ``app.mounts``.

No model work happens here, and no model library is imported.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError

from app import language_choice, security, trouble
from app.api import account, audit, health, images, metrics, oidc, sign_in, tokens, v1
from app.gateway import create_gateway
from app.listening import in_address, listener
from app.mounts import Mounts
from app.settings import Settings
from app.state import AppState
from app.view import theme
from app.view.languages import N_
from app.view.render import ASSETS
from core.types import Role
from store.engine import Database

if TYPE_CHECKING:
    from app.pages.layout import Page


def create_app(settings: Settings, db: Database | None = None) -> FastAPI:
    """The whole web application on a migrated database; the caller owns ``db`` when it passes one."""
    state = AppState(settings, db or Database(settings.url))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with mounts.running():
            yield
        await gateway.state.models.close()
        if db is None:
            state.db.dispose()

    app = FastAPI(title="Corrigenda", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.corrigenda = state
    pages = _pages()
    mounts = Mounts(state, pages)
    security.protect(app, state, frozenset(page.url.rstrip("/") for page in pages))
    for module in (health, sign_in, oidc, account, tokens, audit, metrics, language_choice):
        app.include_router(module.router)
    app.include_router(images.for_browsers)
    app.mount("/api/v1", v1.create_api(state))
    gateway = create_gateway(state)
    app.mount("/v1", gateway)
    for folder in ("css", "js"):
        app.mount(f"/static/{folder}", StaticFiles(directory=ASSETS / folder), name=folder)

    @app.exception_handler(SQLAlchemyError)
    def database(_: Request, problem: SQLAlchemyError) -> Response:
        if not trouble.is_away(problem):
            raise problem
        return JSONResponse({"detail": trouble.in_words(problem)}, 503, headers={"retry-after": "5"})

    @app.get("/style.css")
    def style() -> Response:
        return Response(theme.stylesheet(), media_type="text/css", headers={"cache-control": "no-cache"})

    @app.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(ASSETS / "css" / "icon.svg", media_type="image/svg+xml")

    @app.get("/manifest.json")  # Gradio's page asks for it
    def manifest() -> dict[str, Any]:
        icon = {"src": "/favicon.ico", "type": "image/svg+xml", "sizes": "any"}
        return {"name": "Corrigenda", "start_url": "/app/", "display": "browser", "icons": [icon]}

    @app.get("/")
    def first_page() -> Response:
        return RedirectResponse("/app/", 303)

    mounts.add_to(app)
    return app


def serve(settings: Settings, db: Database | None = None) -> None:
    """Run until interrupted. Prints the address once the socket is bound, so that port 0 shows the port it got."""
    import uvicorn

    app = create_app(settings, db)
    gc.freeze()
    sock = listener(settings.host, settings.port)
    sock.listen()  # before the address is printed: who reads it may connect at once
    print(f"Corrigenda is at http://{in_address(settings.host)}:{sock.getsockname()[1]}/", flush=True)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        forwarded_allow_ips=settings.trusted_proxies,
    )
    uvicorn.Server(config).run(sockets=[sock])


def _pages() -> tuple[Page, ...]:
    from app.pages import (
        audit,
        calibration,
        critics,
        exports,
        home,
        jobs,
        lessons,
        people,
        projects,
        quality,
        queue,
        review,
        self_correction,
        settings,
        taking_back,
        webhooks,
    )
    from app.pages.layout import Page

    return (
        Page(N_("Home"), "/app", "", home.build),
        Page(N_("Review"), "/app", "review", review.build),
        Page(N_("Lessons"), "/app", "lessons", lessons.build),
        Page(N_("Taking back"), "/app", "taking-back", taking_back.build, Role.EXPERT),
        Page(N_("Calibration"), "/app", "calibration", calibration.build, Role.EXPERT),
        Page(N_("Quality"), "/app", "quality", quality.build, Role.EXPERT),
        Page(N_("Critics"), "/app", "critics", critics.build, Role.EXPERT),
        Page(N_("Self-correction"), "/app", "self-correction", self_correction.build, Role.EXPERT, listed=False),
        Page(N_("Projects"), "/admin", "", projects.build, Role.LEAD),
        Page(N_("Exports"), "/admin", "exports", exports.build, Role.LEAD),
        Page(N_("People"), "/admin", "people", people.build, Role.ADMIN),
        Page(N_("Jobs"), "/admin", "jobs", jobs.build, Role.ADMIN, listed=False),
        Page(N_("Queues"), "/admin", "queues", queue.build, Role.LEAD, listed=False),
        Page(N_("Audit log"), "/admin", "audit", audit.build, Role.ADMIN, listed=False),
        Page(N_("Webhooks"), "/admin", "webhooks", webhooks.build, Role.ADMIN, listed=False),
        Page(N_("Settings"), "/admin", "settings", settings.build, Role.ADMIN),
    )
