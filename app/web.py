"""The web process: FastAPI with our routes, and two Gradio applications mounted in it.

``/app`` is for everyone who is signed in, ``/admin`` for leads and admins: separate Blocks, because Gradio hands the layout of all
pages of one Blocks to whoever may open it. No model work happens here, and no model library is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Mount

from app import auth, security, trouble
from app.api import account, audit, health, images, metrics, oidc, sign_in, tokens, v1
from app.gateway import create_gateway
from app.listening import in_address, listener
from app.settings import Settings
from app.state import AppState
from app.view import theme
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
        yield
        await gateway.state.models.close()
        if db is None:
            state.db.dispose()

    app = FastAPI(title="Corrigenda", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.corrigenda = state
    security.protect(app, state)
    for module in (health, sign_in, oidc, account, tokens, audit, metrics):
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

    with _no_collection():
        _in_a_loop(_mount_pages, app, state)
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


def _in_a_loop(build: Callable[..., None], *args: Any) -> None:
    """Gradio opens an event loop for every lock that it makes outside one, and leaves it open."""

    async def inside() -> None:
        build(*args)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(inside())
    else:
        build(*args)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Gradio and its pages make half a million objects that stay: looking for garbage among them takes a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _mount_pages(app: FastAPI, state: AppState) -> None:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # After every event Gradio counts its last 10,000 events anew with pandas, for a page that we do not show.
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**12)
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(state.settings.uploads_dir.resolve() / "incoming")
    import gradio as gr

    from app.pages.layout import build_mount

    pages = _pages()
    look = theme.make_theme()
    for mount, role in (("/app", Role.ANNOTATOR), ("/admin", Role.LEAD)):
        blocks = build_mount(state, pages, mount)
        with warnings.catch_warnings():
            # Gradio says this of every mount with several pages, although we ask for no server-side rendering.
            warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
            gr.mount_gradio_app(
                app,
                blocks,
                path=mount,
                auth_dependency=_guard(state, role),
                theme=look,
                head=_head(),
                ssr_mode=False,
                run_history=False,
                show_error=False,
                footer_links=[],
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                allowed_paths=[],
                max_file_size=f"{state.settings.max_upload_mb}mb",
                app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
            )
        mounted: Any = next(route.app for route in app.routes if isinstance(route, Mount) and route.path == mount)
        blocks.app = mounted


def _guard(state: AppState, role: Role) -> Callable[[Request], Awaitable[str | None]]:
    async def name(request: Request) -> str | None:
        person = await to_thread.run_sync(auth.person_of, state, request)
        return person.name if person is not None and person.may_somewhere(role) else None

    return name


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
        Page("Home", "/app", "", home.build),
        Page("Review", "/app", "review", review.build),
        Page("Lessons", "/app", "lessons", lessons.build),
        Page("Taking back", "/app", "taking-back", taking_back.build, Role.EXPERT),
        Page("Calibration", "/app", "calibration", calibration.build, Role.EXPERT),
        Page("Quality", "/app", "quality", quality.build, Role.EXPERT),
        Page("Critics", "/app", "critics", critics.build, Role.EXPERT),
        Page("Self-correction", "/app", "self-correction", self_correction.build, Role.EXPERT, listed=False),
        Page("Projects", "/admin", "", projects.build, Role.LEAD),
        Page("Exports", "/admin", "exports", exports.build, Role.LEAD),
        Page("People", "/admin", "people", people.build, Role.ADMIN),
        Page("Jobs", "/admin", "jobs", jobs.build, Role.ADMIN, listed=False),
        Page("Queues", "/admin", "queues", queue.build, Role.LEAD, listed=False),
        Page("Audit", "/admin", "audit", audit.build, Role.ADMIN, listed=False),
        Page("Webhooks", "/admin", "webhooks", webhooks.build, Role.ADMIN, listed=False),
        Page("Settings", "/admin", "settings", settings.build, Role.ADMIN),
    )


def _head() -> str:
    """Our stylesheet as a link (Gradio rewrites the selectors of its own ``css=``), then the scripts, ``shell.js`` first."""
    names = sorted((path.name for path in (ASSETS / "js").glob("*.js")), key=lambda name: (name != "shell.js", name))
    scripts = "".join(f'<script src="/static/js/{name}" defer></script>' for name in names if name != "actions.js")
    return f'<link rel="stylesheet" href="/style.css">{scripts}'
