"""The web process is killed while somebody types: the text stays, the mark says so, and the work goes on afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.cli.setup import ready
from app.settings import Settings
from store.engine import Database
from store.tables import Correction
from tests.browser import seeding
from tests.browser.conftest import Site
from tests.browser.reviewing import fresh_slug, open_review, reviews

pytestmark = pytest.mark.browser


class WebProcess:
    """``corrigenda web`` on a fixed port."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "app.cli.main", "web", "--data-dir", str(self.settings.data_dir)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.settings.port)], env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )
        for _ in range(600):
            assert self.process.poll() is None, "the web process ended"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.settings.port}/health", timeout=0.2)
                return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        self.kill()
        raise AssertionError("the web process did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[WebProcess]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(data_dir=tmp_path / "data", port=port)
    ready(settings)
    made = WebProcess(settings)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def site(process: WebProcess) -> Iterator[Site]:
    db = Database(process.settings.url)
    yield Site(f"http://127.0.0.1:{process.settings.port}", process.settings, db)
    db.dispose()


def test_a_killed_server_costs_nothing(page_for: Callable[..., Page], site: Site, process: WebProcess) -> None:
    seeded = seeding.project(site.db, [seeding.ANSWER] * 2, slug=fresh_slug())
    page = page_for("bob")
    open_review(page, seeded.slug)
    for noise in ("ERR_", "request failed", "console:", "page error", "404", "status 4"):
        page.watch.expect(noise)  # type: ignore[attr-defined]
    page.keyboard.press("3")
    page.keyboard.press("x")
    page.click("#rv-text")
    page.keyboard.type("typed before, ")
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)
    process.kill()
    page.keyboard.type("typed while it was away")
    expect(page.locator("#rv-saved")).to_have_text("offline, kept here", timeout=15_000)
    process.start()
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=60_000)
    expect(page.locator("#rv-text")).to_have_value("typed before, typed while it was away")
    expect(page.locator(".rv-step[data-state=bad]")).to_have_attribute("data-step", "2")
    page.wait_for_function("window.Corrigenda?.review?.item?.keeper")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens", timeout=30_000)
    (review,) = reviews(site.db, seeded)
    assert review.first_wrong_step == 2


@pytest.mark.parametrize("after_ms", [0, 40, 150])
def test_a_server_killed_while_submitting_has_the_review_once(
    page_for: Callable[..., Page], site: Site, process: WebProcess, after_ms: int
) -> None:
    """Whether it was killed before, in or after the transaction: the page keeps the text, and sending it again counts once."""
    seeded = seeding.project(site.db, [seeding.ANSWER] * 2, slug=fresh_slug())
    page = page_for("bob")
    open_review(page, seeded.slug)
    for noise in ("ERR_", "request failed", "console:", "page error", "404", "status 4", "status 5"):
        page.watch.expect(noise)  # type: ignore[attr-defined]
    page.keyboard.press("3")
    page.keyboard.press("x")
    page.click("#rv-text")
    page.keyboard.type("20 - 17 is 3, not 4.")
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(after_ms)
    process.kill()
    process.start()
    page.reload()  # what a person does whose page no longer answers
    page.wait_for_function("window.Corrigenda?.review?.item?.keeper")
    if not reviews(site.db, seeded):
        expect(page.locator("#rv-text")).to_have_value("20 - 17 is 3, not 4.")
        page.keyboard.press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens", timeout=30_000)
    (review,) = reviews(site.db, seeded)
    assert review.first_wrong_step == 2
    with site.db.read() as session:
        (correction,) = session.scalars(select(Correction).where(Correction.assignment_id == review.assignment_id))
        assert correction.text == "20 - 17 is 3, not 4."
