"""The critics page in a real browser: it fits, its filters filter, and admins go back to an earlier version."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from app.worker.heads import CRITIC
from core.projects import ProjectSettings
from core.types import Role
from store import critic_models, projects
from store.tables import Job
from tests.browser.conftest import Site
from tests.browser.test_shell import settled, to_tab
from tests.critic_rows import reviewed_steps

pytestmark = pytest.mark.browser

FIGURES = {
    "before": {"f1": 0.28, "error_accuracy": 0.2, "clean_accuracy": 0.6},
    "after": {"f1": 0.38, "error_accuracy": 0.3, "clean_accuracy": 0.61},
    "replayed": {"n": 31, "after": 0.55},
    "planted": {"unit_error": 3},
    "better": True,
}


def seeded(site: Site) -> int:
    with site.db.write() as session:
        project_id, _ = reviewed_steps(session)
        for version, current in (("step_head-12", False), ("step_head-19", True)):
            critic_models.save(
                session, project_id, CRITIC, version=version, state={}, figures=FIGURES, labels=40, current=current
            )
    return project_id


def opened(page: Page, project_id: int) -> None:
    page.goto(f"/app/critics?project={project_id}")
    expect(page.locator("#critics-influence")).to_contain_text("Do people follow")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_fits(site: Site, page_for: Callable[..., Page], width: int, scheme: str) -> None:
    project_id = seeded(site)
    page = page_for("ada", Role.ADMIN, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened(page, project_id)
    for summary in page.locator("#critics-mistakes details > summary").all()[:2]:
        summary.click()
    expect(page.locator("#critics-mistakes .critic-steps").first).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "nothing reaches beyond the page"
    ink, ground = page.evaluate(
        """() => [getComputedStyle(document.querySelector('#critics-summary h2')).color,
                  getComputedStyle(document.querySelector('#critics-summary .card')).backgroundColor]"""
    )
    bright = [sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) > 380 for colour in (ink, ground)]
    assert bright == ([False, True] if scheme == "light" else [True, False])


def test_filters_of_the_notebook_and_a_link_to_the_item(site: Site, page: Page) -> None:
    project_id = seeded(site)
    opened(page, project_id)
    notes = page.locator("#critics-mistakes .critic-note")
    week = notes.count()
    assert 0 < week < 30
    choose(page, "Critic", "step head")
    expect(page.locator("#critics-mistakes .critic-note strong").filter(has_text="arithmetic")).to_have_count(0)
    choose(page, "Time", "All")
    expect(page.locator("#critics-mistakes")).to_contain_text("The newest 30 are shown")
    link = notes.first.get_by_role("link")
    assert f"/app/review?project={project_id}&item=" in (link.get_attribute("href") or "")


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_training_that_could_make_nothing_is_not_queued(site: Site, page: Page) -> None:
    with site.db.write() as session:
        project_id = projects.create(session, slug="new", name="New", item_type="reasoning").id
    opened(page, project_id)
    page.locator("#critics-retrain").click()
    expect(page.locator("#critics-said")).to_contain_text("Too few answers to learn from yet")
    with site.db.read() as session:
        assert not session.scalars(select(Job)).all()


def test_an_admin_goes_back_to_an_earlier_version_and_trains(site: Site, page: Page) -> None:
    project_id = seeded(site)
    opened(page, project_id)
    versions = page.locator("#critics-versions")
    expect(versions.get_by_role("row", name="step_head-19")).to_contain_text("in force")
    expect(versions.get_by_role("row", name="step_head-19")).to_contain_text("0.28 → 0.38")
    versions.get_by_role("button", name="Use step_head-12").click()
    expect(page.locator("#critics-said")).to_contain_text("In force.")
    expect(versions.get_by_role("row", name="step_head-12")).to_contain_text("in force")
    page.get_by_role("button", name="Train the step critic now").click()
    expect(page.locator("#critics-said")).to_contain_text("Queued for the worker")
    expect(versions).to_contain_text("Waiting for the worker")
    with site.db.read() as session:
        kept = critic_models.current(session, project_id, CRITIC)
        assert kept is not None and kept.version == "step_head-12"
        trains = sorted(job.payload["train"] for job in session.scalars(select(Job).where(Job.kind == "fit_critic")))
        assert trains == [False, True]


def test_an_expert_reads_and_does_not_change_and_an_annotator_does_not_see_it(
    site: Site, page_for: Callable[..., Page]
) -> None:
    project_id = seeded(site)
    expert = page_for("eve", Role.EXPERT)
    expect(expert.get_by_role("navigation", name="Main").get_by_role("link", name="Critics")).to_be_visible()
    opened(expert, project_id)
    expect(expert.locator("#critics-versions").get_by_role("button")).to_have_count(0)
    expert.get_by_role("button", name="Train the step critic now").click()
    expect(expert.locator("#critics-said")).to_contain_text("Only a lead")
    with site.db.read() as session:
        assert session.scalar(select(Job.id).where(Job.kind == "fit_critic")) is None
    annotator = page_for("bob", Role.ANNOTATOR)
    expect(annotator.get_by_role("link", name="Review", exact=True)).to_be_visible()
    expect(annotator.get_by_role("link", name="Critics")).to_have_count(0)
    answer = annotator.request.get(f"/app/critics?project={project_id}")
    assert answer.status == 403 or "How critics do" not in answer.text()


def test_kinds_of_errors_of_the_project_are_set_and_offered(site: Site, page: Page) -> None:
    with site.db.write() as session:
        project_id = projects.create(session, slug="tone", name="Tone", item_type="reasoning").id
        rude = {"key": "rude", "title": "Rude", "definition": "The step is rude."}
        projects.update(session, project_id, user_id=None, settings={"error_types": [rude]})
    page.goto(f"/admin/?project={project_id}")
    settled(page)
    to_tab(page, "Settings")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Tone")
    page.get_by_role("button", name="How people review").click()
    field = page.get_by_label("Kinds of errors of this project, one per line")
    expect(field).to_have_value("rude | Rude | The step is rude.")  # a fold that opens is filled after it is drawn
    field.fill("calculation_error | Sums | A sum is wrong.")
    page.locator("#settings-save").click()
    expect(page.locator("#settings-said")).to_contain_text("is there already")
    field.fill("wrong_tone | Wrong tone | The step is rude.")
    page.locator("#settings-save").click()
    expect(page.locator("#settings-said")).to_contain_text("Saved.")
    with site.db.read() as session:
        kept = ProjectSettings.model_validate(projects.get(session, project_id).settings).error_types
    assert [(kind.key, kind.title) for kind in kept] == [("wrong_tone", "Wrong tone")]


def test_a_filter_chosen_while_another_is_answered_is_not_lost(site: Site, page: Page) -> None:
    project_id = seeded(site)
    opened(page, project_id)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/queue/join**", hold)
    choose(page, "Critic", "step head")
    choose(page, "Time", "All")
    page.unroute("**/queue/join**")  # what was held goes on to the server
    expect(page.locator("#critics-mistakes")).to_contain_text("The newest 30 are shown")
    assert held
