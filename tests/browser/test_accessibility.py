"""Every page under axe: no finding that is serious or worse, in light and in dark, wide and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from app.web import _pages
from core.types import Role
from tests.browser import seeding
from tests.browser.conftest import Site
from tests.browser.reviewing import open_review
from tests.browser.shell_rows import fill
from tests.browser.test_shell import settled

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
LOOKS = [("light", 1440), ("dark", 390)]


def serious_findings(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_page_has_a_serious_finding(site: Site, page_for: Callable[..., Page], scheme: str, width: int) -> None:
    rows = fill(site.db, "Halve before adding")
    page = page_for("ada", Role.ADMIN, viewport={"width": width, "height": 900}, color_scheme=scheme)
    wrong: list[str] = []
    for one in _pages():
        page.goto(one.url if one.path != "lessons" else f"{one.url}?lesson={rows.lessons[0]}")
        settled(page)
        wrong += [f"{one.title}: {line}" for line in serious_findings(page)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_an_answer_under_review_has_no_serious_finding(
    site: Site, page_for: Callable[..., Page], scheme: str, width: int
) -> None:
    seeded = seeding.project(site.db, slug="p")
    page = page_for("ada", Role.ADMIN, viewport={"width": width, "height": 900}, color_scheme=scheme)
    open_review(page, "p")
    assert seeded and not (wrong := serious_findings(page)), "\n".join(wrong)


def test_signing_in_has_no_serious_finding(site: Site, page_for: Callable[..., Page]) -> None:
    page = page_for("ada", Role.ADMIN)
    page.context.clear_cookies()
    page.goto("/login")
    assert not (wrong := serious_findings(page)), "\n".join(wrong)
