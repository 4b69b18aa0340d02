"""The quality gate in a real browser: the slider moves the histogram, and what is chosen stands with the export."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from core.types import Role
from store import exports, projects
from store.tables import Job
from tests.factories import build

ROWS = 60


def scored(site: Any) -> int:
    """A project whose rows a worker has scored: thirty bins of two rows."""
    ranked = {"counts": [2] * 30, "low": 0.0, "high": 1.0, "unknown": 0}
    result = {
        "rows": ROWS + 3,
        "left": ROWS,
        "dropped": {"<b>another</b> row says the same": 3},
        "gate": {"rule": "default"},
        "filters": {},
        "authors": [{"author": "m", "rows": ROWS + 3, "step_error": None}],
        "by_people": 0,
        "rules": {"default": ranked},
        "indicators": {"length": {"known": 0}},
        "fitted": None,
        "why_not": "there are no runs",
    }
    with site.db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text").id
        build(session, Job, kind="score_rows", project_id=project, state="done", result=result)
    return project


def test_the_best_are_seen_before_the_file_is_written(site: Any, page_for: Any) -> None:
    project = scored(site)
    page = page_for("ada", Role.ADMIN, viewport={"width": 1280, "height": 1000})
    page.goto("/admin/exports")
    page.get_by_role("button", name="Quality gate").click()
    page.locator("#gate-rule input").click()
    page.get_by_role("option", name="Response fits prompt").click()
    expect(page.locator("#gate-shown rect.in")).to_have_count(30)
    expect(page.locator("#gate-shown")).to_contain_text("<b>another</b> row says the same")
    page.locator("#gate-keep input[type=number]").fill("21")
    page.keyboard.press("Tab")
    expect(page.locator("#gate-shown")).to_contain_text("the best 21 go in")
    expect(page.locator("#gate-shown rect.in")).to_have_count(11)
    page.get_by_role("button", name="Write the export").click()
    expect(page.locator("#export-said")).to_contain_text("queued")
    with site.db.read() as session:
        (row,) = exports.list_all(session, project)
        assert row.filters == {"quality": {"rule": "default", "keep": 21}}
    expect(page.locator("#exports")).to_contain_text("rule default, keep 21")
    page.get_by_role("button", name="Record a training run").click()
    page.get_by_role("button", name="Record the run").click()
    expect(page.locator("#run-said")).to_contain_text("Choose an export")
