"""The Gradio applications: one per mount and language. English is built at the start, another language when it is first opened.

``/app`` is for everyone who is signed in, ``/admin`` for leads and admins: separate Blocks, because Gradio hands the layout of all
pages of one Blocks to whoever may open it.
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
from jinja2 import BaseLoader, Environment
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from app import auth
from app.state import AppState
from app.view import languages, theme
from app.view.languages import ENGLISH
from app.view.render import ASSETS
from core.types import Role

if TYPE_CHECKING:
    from app.pages.layout import Page

ROLES = {"/app": Role.ANNOTATOR, "/admin": Role.LEAD}


class Mounts:
    """All mounts of a process. ``running`` is the lifespan of those that are built after the start."""

    def __init__(self, state: AppState, pages: tuple[Page, ...]) -> None:
        self.state = state
        self.pages = pages
        self.later = [
            Later(self, mount, language)
            for language in state.settings.languages
            if language != ENGLISH
            for mount in ROLES
        ]

    def add_to(self, app: FastAPI) -> None:
        """English, which every process has, and the places of the other languages."""
        for one in self.later:
            app.mount(f"/{one.language}{one.mount}", one)
        with no_collection(), languages.using(ENGLISH, self.state.settings.languages):
            for mount in ROLES:
                in_a_loop(self.build, app, mount)

    def build(self, app: FastAPI, mount: str) -> ASGIApp:
        """The Blocks of a mount in the current language, as an application that is mounted in ``app``; returns it."""
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        # After every event Gradio counts its last 10,000 events anew with pandas, for a page that we do not show.
        os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**12)
        os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
        os.environ["GRADIO_TEMP_DIR"] = str(self.state.settings.uploads_dir.resolve() / "incoming")
        import gradio as gr

        from app.pages.layout import build_mount

        _let_pages_say_their_language()
        language = languages.current()
        path = mount if language == ENGLISH else f"/{language}{mount}"
        blocks = build_mount(self.state, self.pages, mount)
        with warnings.catch_warnings():
            # Gradio says this of every mount with several pages, although we ask for no server-side rendering.
            warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
            gr.mount_gradio_app(
                app,
                blocks,
                path=path,
                auth_dependency=_guard(self.state, ROLES[mount]),
                theme=theme.make_theme(),
                head=head(language),
                ssr_mode=False,
                run_history=False,
                show_error=False,
                footer_links=[],
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                allowed_paths=[],
                max_file_size=f"{self.state.settings.max_upload_mb}mb",
                app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
            )
        mounted: Any = next(route.app for route in app.routes if isinstance(route, Mount) and route.path == path)
        blocks.app = mounted
        application: ASGIApp = mounted
        return application

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for one in self.later:
            await one.begin()
        try:
            yield
        finally:
            for one in self.later:
                await one.end()


class Later:
    """A mount that is built at its first request: its readers wait for it once, the start of the process does not.

    Its queue runs in a task of its own, in which the language is current for every event.
    """

    def __init__(self, mounts: Mounts, mount: str, language: str) -> None:
        self.mounts = mounts
        self.mount = mount
        self.language = language
        self._app: ASGIApp | None = None
        self._holder = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        self._holder.add_middleware(CORSMiddleware)  # as in the whole application: Gradio's own stands aside
        self._building = asyncio.Lock()
        self._ended: asyncio.Event | None = None  # there while the process's lifespan is, in which the mount's must be
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app or await self._ready()
        await app(scope, receive, send)

    async def _ready(self) -> ASGIApp:
        async with self._building:
            if self._app is None:
                with languages.using(self.language, self.mounts.state.settings.languages):
                    app = await to_thread.run_sync(self._build)
                    await self._begin()
                self._app = app
            return self._app

    def _build(self) -> ASGIApp:
        with no_collection():
            return in_a_loop(self.mounts.build, self._holder, self.mount)

    async def begin(self) -> None:
        """With the lifespan of the process."""
        self._ended = asyncio.Event()
        if self._app is not None:  # built under a lifespan before this one
            with languages.using(self.language, self.mounts.state.settings.languages):
                await self._begin()

    async def _begin(self) -> None:
        if self._ended is not None:
            started = asyncio.Event()
            self._task = asyncio.create_task(self._live(started, self._ended))
            waiting = asyncio.create_task(started.wait())
            await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not started.is_set():  # it ended before it began: say why, and let the next request try anew
                waiting.cancel()
                task, self._task = self._task, None
                await task

    async def _live(self, started: asyncio.Event, ended: asyncio.Event) -> None:
        async with self._holder.router.lifespan_context(self._holder):
            started.set()
            await ended.wait()

    async def end(self) -> None:
        if self._ended is not None:
            self._ended.set()
        if self._task is not None:
            await self._task
        self._ended = self._task = None


def head(language: str) -> str:
    """Our stylesheet as a link (Gradio rewrites the selectors of its own ``css=``), then the scripts, ``shell.js`` first.

    Before them what our scripts say in the page's language.
    """
    names = sorted((path.name for path in (ASSETS / "js").glob("*.js")), key=lambda name: (name != "shell.js", name))
    scripts = "".join(f'<script src="/static/js/{name}" defer></script>' for name in names if name != "actions.js")
    speaks = f"<script>window.corrigendaTexts={languages.script_texts(language)};</script>"
    return f'{speaks}<link rel="stylesheet" href="/style.css">{scripts}'


class _Speaking(BaseLoader):
    """Gradio's page template, which says that every page is English, with the language of the page; Gradio's own words follow it."""

    def __init__(self, theirs: BaseLoader) -> None:
        self.theirs = theirs

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, name, uptodate = self.theirs.get_source(environment, template)
        source = source.replace('lang="en"', 'lang="{{ corrigenda_language() }}"', 1)
        return source.replace("<head>", "<head>{{ corrigenda_language_script() | safe }}", 1), name, uptodate


def _language_script() -> str:
    language = languages.current()
    return (
        f'<script>for(const [name,value] of [["language","{language}"],["languages",["{language}"]]])'
        "Object.defineProperty(navigator,name,{get:()=>value});</script>"
    )


def _let_pages_say_their_language() -> None:
    import gradio.routes

    env: Any = gradio.routes.templates.env
    if not isinstance(env.loader, _Speaking):
        env.loader = _Speaking(env.loader)
        env.globals.update(corrigenda_language=languages.current, corrigenda_language_script=_language_script)


def in_a_loop(build: Callable[..., ASGIApp], *args: Any) -> ASGIApp:
    """Gradio opens an event loop for every lock that it makes outside one, and leaves it open."""

    async def inside() -> ASGIApp:
        return build(*args)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(inside())
    return build(*args)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Gradio and its pages make half a million objects that stay: looking for garbage among them takes a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _guard(state: AppState, role: Role) -> Callable[[Request], Awaitable[str | None]]:
    async def name(request: Request) -> str | None:
        person = await to_thread.run_sync(auth.person_of, state, request)
        return person.name if person is not None and person.may_somewhere(role) else None

    return name
