"""The self-correction page in a real browser: it fits, and Calibration leads there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.types import Role
from store import projects
from tests.app.test_self_correction_page import tries
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def seeded(site: Site) -> int:
    with site.db.write() as session:
        made = projects.create(session, slug="sums", name="Sums", item_type="reasoning").id
        for name in ("feedback", "self_examination", "self_supervision"):
            tries(session, made, name, "11 " * 8 + "10 " * 2 + "01 " * 4 + "00 " * 6, risks=True)
    return made


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_fits_and_calibration_leads_there(
    site: Site, page_for: Callable[..., Page], width: int, scheme: str
) -> None:
    project_id = seeded(site)
    page = page_for("eve", Role.EXPERT, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"/app/calibration?project={project_id}")
    page.get_by_role("link", name="Whether second answers are better").click()
    expect(page.locator("#self-correction-scorecard")).to_contain_text("+10 points")
    expect(page.locator("#self-correction-failures")).to_contain_text("Calculation error")
    expect(page.get_by_role("img", name="Confidence level and critique score")).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "nothing reaches beyond the page"
