"""The calibration page and its slider in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.projects import ProjectSettings
from core.types import Role
from store import projects, queue
from tests.browser.conftest import Site
from tests.calibration_rows import judged_project

pytestmark = pytest.mark.browser


def seeded(site: Site, **more: object) -> int:
    with site.db.write() as session:
        return judged_project(session, **{"answers": 300, "reviewed": 150, **more})  # type: ignore[arg-type]


def shown(page: Page, project_id: int) -> None:
    page.goto(f"/app/calibration?project={project_id}")
    expect(page.locator("#calibration-figures")).to_contain_text("In brackets: 95 % intervals", timeout=20_000)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_the_page_fits_and_its_plots_can_be_read(
    site: Site, page_for: Callable[..., Page], width: int, scheme: str
) -> None:
    project_id = seeded(site)
    page = page_for("ada", Role.ADMIN, viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown(page, project_id)
    assert page.locator(".plot svg").count() == 4
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "nothing reaches beyond the page"
    sizes = page.evaluate(
        "[...document.querySelectorAll('.plot')].map(plot => plot.querySelector('svg').getBoundingClientRect().width / 340 * 12)"
    )
    assert min(sizes) > 9.5, "the plots' words are large enough to read"
    ink, ground = page.evaluate(
        """() => [getComputedStyle(document.querySelector('.plot .axis')).fill,
                  getComputedStyle(document.querySelector('#calibration-charts .card')).backgroundColor]"""
    )
    bright = [sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) > 380 for colour in (ink, ground)]
    assert bright == ([False, True] if scheme == "light" else [True, False]), (ink, ground)


def test_the_slider_says_what_it_would_do_and_then_does_it(site: Site, page: Page) -> None:
    project_id = seeded(site)
    shown(page, project_id)
    number = page.locator("#threshold input[type=number]")
    number.fill("0.3")
    number.press("Tab")
    expect(page.locator("#threshold-says")).to_contain_text("have a risk of at least 30 %")
    expect(page.locator("#threshold-says")).to_contain_text("every answer goes to people")
    with site.db.read() as session:
        assert ProjectSettings.model_validate(projects.get(session, project_id).settings).risk_threshold == 0.5
    page.get_by_label("Only answers with at least this risk").check()
    page.get_by_role("button", name="Set the threshold").click()
    expect(page.locator("#threshold-said")).to_contain_text("waiting answers changed sides")
    expect(page.locator("#threshold-says")).to_contain_text("answers with a risk below 30 % need nobody")
    with site.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
        assert (options.risk_threshold, options.only_risky) == (0.3, True)
        assert queue.lane_counts(session, project_id)["passed"] > 0
    page.reload()
    expect(number).to_have_value("0.3")


def test_an_expert_reads_and_does_not_set_and_an_annotator_does_not_see_it(
    site: Site, page_for: Callable[..., Page]
) -> None:
    project_id = seeded(site)
    expert = page_for("eve", Role.EXPERT)
    menu = expert.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="Calibration")).to_be_visible()
    shown(expert, project_id)
    expert.get_by_role("button", name="Set the threshold").click()
    expect(expert.locator("#threshold-said")).to_contain_text("Only a lead")
    annotator = page_for("bob", Role.ANNOTATOR)
    expect(annotator.get_by_role("link", name="Review", exact=True)).to_be_visible()
    expect(annotator.get_by_role("link", name="Calibration")).to_have_count(0)
