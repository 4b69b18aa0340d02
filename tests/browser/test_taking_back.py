"""Taking back in a real browser: the preview, suspects, the reason, what it says afterwards, and the way back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.types import LessonDraft, LessonKind, Role
from store import critic_models, lessons, tables
from tests.browser.conftest import Site
from tests.factories import build, corrected, scene

pytestmark = pytest.mark.browser


def seeded(site: Site) -> tuple[int, int]:
    """A project with a lesson from one correction, and another correction by the same person; returns project and lesson."""
    with site.db.write() as session:
        made = scene(session, n_items=3)
        first, _ = (
            corrected(session, made, 0, text="<b>add</b> the tip"),
            corrected(session, made, 1, text="say the unit"),
        )
        draft = LessonDraft(LessonKind.RULE, "Add the <i>tip</i>.", "bills", (first,))
        (lesson,) = lessons.propose(session, made.project_id, [draft], author_id=None)
        lessons.accept(session, lesson, made.users[0])
        other = lessons.propose(
            session, made.project_id, [LessonDraft(LessonKind.RULE, "Old.", "x", ())], author_id=None
        )[0]
        row, _ = lessons.retract_many(
            session, made.project_id, lessons.Filter(lesson_ids=(other,)), made.users[0], "of another time"
        )
        build(session, tables.RetractionEntry, retraction_id=row.id, kind="review", owner_id=999)
        side = {"before": {"seen": 0.1, "unseen": 0.2}, "after": {"seen": 0.3, "unseen": 0.25}, "n": 10, "flagged": 10}
        judged = {"fixed": False, "says": "Not fixed: the affected answers are still judged worse than the others."}
        figures = {
            "retraction": row.id,
            "method": "ssd",
            "options": {"alpha": 10.0},
            "corrected": side,
            "judged": judged,
        }
        figures["retained"] = {"before": 0.8, "after": 0.79, "n": 60}
        critic_models.save(
            session,
            made.project_id,
            "step_head",
            version="step_head-9-ssd",
            state={},
            figures=figures,
            labels=60,
            current=False,
        )
    return made.project_id, lesson


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_preview_suspects_reason_and_the_way_back(
    site: Site, page_for: Callable[..., Page], width: int, scheme: str
) -> None:
    project_id, lesson = seeded(site)
    page = page_for("eve", Role.EXPERT, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"/app/taking-back?project={project_id}&lesson={lesson}")
    expect(page.locator("#taking-past")).to_contain_text("of another time")
    expect(page.locator("#taking-past")).to_contain_text("not fixed")
    expect(page.get_by_label("Lessons by number")).to_have_value(str(lesson))
    page.locator("#taking-look").click()
    preview = page.locator("#taking-preview")
    expect(preview).to_contain_text("What this reaches")
    expect(preview).to_contain_text("Add the <i>tip</i>.")
    suspect = page.locator("#taking-suspects").get_by_role("checkbox")
    expect(suspect).to_have_count(1)
    expect(page.locator("#taking-suspects")).to_contain_text("say the unit")
    page.locator("#taking-act").click()
    expect(page.locator("#taking-said")).to_contain_text("Say in a few words why")
    assert status(site, lesson) == "active"
    suspect.check()
    page.locator("#taking-why textarea").fill("The guideline was wrong.")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "nothing reaches beyond the page"
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=str(Path(folder) / f"taking-{width}-{scheme}.png"), full_page=True)
    page.locator("#taking-act").click()
    expect(page.locator("#taking-said")).to_contain_text("Taken back")
    expect(page.locator("#taking-past")).to_contain_text("The guideline was wrong.")
    assert status(site, lesson) == "retracted"
    page.locator("#taking-why textarea").fill("It was right after all.")
    page.get_by_role("button", name="Roll back").first.click()
    expect(page.locator("#taking-said")).to_contain_text("as they were: 1;")
    expect(page.locator("#taking-past")).to_contain_text("It was right after all.")
    assert status(site, lesson) == "active"
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "nothing reaches beyond the page"
    if folder:
        page.screenshot(path=str(Path(folder) / f"taken-{width}-{scheme}.png"), full_page=True)


def status(site: Site, lesson: int) -> str:
    with site.db.read() as session:
        return lessons.get(session, lesson).status


def test_it_is_for_experts(site: Site, page_for: Callable[..., Page]) -> None:
    project_id, _ = seeded(site)
    page = page_for("ann")
    expect(page.get_by_role("link", name="Review", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Taking back")).to_have_count(0)
    answer = page.request.get(f"/app/taking-back?project={project_id}")
    assert answer.status == 403 or "of another time" not in answer.text()
