"""A real site and a real browser for each test: fresh data directory, migrated database, uvicorn on a free loopback port.

A test fails on any console error, page error, failed request, answer of 400 and above, or request to another host. Expected
ones are announced: ``page.watch.expect("401")`` lets complaints that contain the text pass.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app import auth
from app.cli.setup import ready
from app.settings import Settings
from app.state import AppState
from app.web import create_app
from core.types import Role
from store.engine import Database
from tests.conftest import missing

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"
expect.set_options(timeout=20_000)  # five seconds are too few where other work has the processors
# A page that is left, reloaded or closed gives up what it was still loading; the browser has this name for that and nothing else.
LEFT = "net::ERR_ABORTED"
# Gradio's streams are cut off whenever a page is left, and its client says so.
STREAMS = ("/gradio_api/queue/", "/gradio_api/heartbeat/", "/gradio_api/upload_progress")
CUT_OFF = ("Connection errored out", "signal is aborted without reason")


@dataclass
class Site:
    """A running web process with its database at hand."""

    url: str
    settings: Settings
    db: Database

    def user(self, name: str, role: Role = Role.ANNOTATOR) -> int:
        """Add a person with ``PASSWORD``; returns the id."""
        return auth.make_user(self.db, name, PASSWORD, role)


@dataclass
class Watch:
    """What a page complained of."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, text: str) -> None:
        self.expected.append(text)

    def unexpected(self) -> list[str]:
        return [line for line in self.complaints if not any(text in line for text in self.expected)]

    def attach(self, page: Page) -> None:
        def failed(request) -> None:  # type: ignore[no-untyped-def]
            if request.failure != LEFT and not any(part in request.url for part in STREAMS):
                self.complaints.append(f"request failed: {request.url} {request.failure}")

        def asked(request) -> None:  # type: ignore[no-untyped-def]
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob", "about") and parts.hostname not in ("127.0.0.1", "localhost"):
                self.complaints.append(f"foreign host: {request.url}")

        def said(message) -> None:  # type: ignore[no-untyped-def]
            if message.type == "error" and not any(part in message.text for part in CUT_OFF):
                self.complaints.append(f"console: {message.text}")

        def answered(response) -> None:  # type: ignore[no-untyped-def]
            if response.status >= 400:
                self.complaints.append(f"status {response.status}: {response.url}")

        page.on("requestfailed", failed)
        page.on("request", asked)
        page.on("console", said)
        page.on("response", answered)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))


# One a module, not one a session: Playwright keeps an event loop running in this thread, in which the job engine's own calls refuse
# to work, and tests run in random order.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing("browser tests need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield launched
        launched.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as made:
        yield made


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A site with its data below ``folder``. A module of many tests may keep one for all and give each its own project."""
    settings = Settings(data_dir=folder / "data", host="127.0.0.1", port=0)
    with ThreadPoolExecutor(1) as apart:  # Playwright keeps an event loop running in this thread
        apart.submit(ready, settings).result()
        db = Database(settings.url)
        app = apart.submit(create_app, settings, db).result()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the web process did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(f"http://127.0.0.1:{port}", settings, db)
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
        db.dispose()


@pytest.fixture
def page_for(site: Site, browser: Browser) -> Iterator[Callable[..., Page]]:
    """``page_for("bob", Role.EXPERT)``: a page of its own context, signed in as a new person of that role.

    Further arguments go to ``browser.new_context`` (viewport, color_scheme ...). ``page.watch`` collects complaints.
    """
    opened: list[tuple[BrowserContext, Watch]] = []

    def make(name: str, role: Role = Role.ANNOTATOR, **options: object) -> Page:
        with site.db.read() as session:
            from store import users

            known = users.by_name(session, name)
        user_id = known.id if known is not None else site.user(name, role)
        context = browser.new_context(base_url=site.url, **options)  # type: ignore[arg-type]
        page = context.new_page()
        watch = Watch()
        watch.attach(page)
        page.watch = watch  # type: ignore[attr-defined]
        opened.append((context, watch))
        token = auth.open_session(AppState(site.settings, site.db), user_id)
        context.add_cookies([{"name": auth.COOKIE, "value": token, "url": site.url}])
        page.goto("/app/")
        page.wait_for_selector(".site-header")
        return page

    yield make
    for context, _ in opened:
        context.close()
    complaints = [line for _, watch in opened for line in watch.unexpected()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def page(page_for: Callable[..., Page]) -> Page:
    """A page signed in as the admin "ada", standing on Home."""
    return page_for("ada", Role.ADMIN)
