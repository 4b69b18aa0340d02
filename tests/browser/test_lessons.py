"""The lessons page in a browser: filters that count, merging by hand and undoing it, a dot of the map, a knowledge base in."""

from __future__ import annotations

from pathlib import Path

import orjson
from playwright.sync_api import Page, expect

from core.types import LessonDraft, LessonKind
from store import jobs, lesson_maps, lessons, projects
from tests.browser.conftest import Site


def seed(site: Site) -> tuple[int, list[int]]:
    with site.db.write() as session:
        project = projects.create(session, slug="p", name="Prices", item_type="text").id
        drafts = [
            LessonDraft(LessonKind.RULE, text, "prices", ()) for text in ("Round to cents.", "Name the currency.")
        ]
        drafts += [
            LessonDraft(LessonKind.EXEMPLAR, "1.005 is 1.01", "prices", (), extra={"related": [[1, "contradicts"]]})
        ]
        ids = lessons.propose(session, project, drafts, author_id=None)
        points = [(id_, 0.2 + 0.3 * n, 0.5) for n, id_ in enumerate(ids)]
        marks = lesson_maps.marks(session, project)
        lesson_maps.save(session, project, embedder="x", points=points, kept=1.0, marks=marks)
    return project, ids


def test_lessons_are_filtered_merged_parted_and_found_on_the_map(page: Page, site: Site) -> None:
    _, ids = seed(site)
    page.goto("/app/lessons")
    rows = page.locator("#lessons-list .lesson")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="a contradiction 1").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Clear the filters").click()
    page.get_by_role("button", name="rule 2").press("Enter")
    expect(rows).to_have_count(2)
    expect(page.locator("#lesson-facets")).to_contain_text("2 lessons")
    page.get_by_label("All on this page").check()
    expect(page.locator("[data-ticked]")).to_have_text("2")
    page.get_by_role("button", name="Merge…").click()
    wording = page.get_by_label("Wording")
    expect(wording).to_have_value("Name the currency. Round to cents.")
    wording.fill("Round to cents and name the currency.")
    page.locator("#joining-do").click()
    detail = page.locator("#lesson-detail")
    expect(detail).to_contain_text("Merged 2 lessons into this one")
    expect(page.locator("#lesson-facets")).to_contain_text("suspended 2")
    page.once("dialog", lambda dialog: dialog.accept())
    detail.get_by_role("button", name="Undo the merge or split").click()
    expect(detail).to_contain_text("Undone")
    expect(page.locator("#lesson-facets")).to_contain_text("suspended 1")
    with site.db.read() as session:
        assert [lessons.get(session, id_).status for id_ in ids[:2]] == ["proposed", "proposed"]
    page.get_by_role("button", name="Clear the filters").click()
    expect(rows).to_have_count(4)
    page.get_by_label("Show the map").check()
    dot = page.locator(f".lesson-map circle[data-lesson='{ids[2]}']")
    dot.click()
    expect(detail).to_contain_text(f"Lesson {ids[2]}")
    expect(page.locator(".lesson-map circle.chosen")).to_have_attribute("data-lesson", str(ids[2]))


def test_many_are_decided_at_once_and_a_knowledge_base_is_brought(page: Page, site: Site, tmp_path: Path) -> None:
    project, ids = seed(site)
    with site.db.write() as session:
        lessons.reject(session, ids[0], 1)
    page.goto("/app/lessons")
    expect(page.locator("#lessons-list .lesson")).to_have_count(3)
    page.get_by_label("All on this page").check()
    page.get_by_role("button", name="Accept", exact=True).click()
    said = page.locator("#lessons-list .banner")
    expect(said).to_contain_text("2 of 3 lessons accepted.")
    expect(said).to_contain_text(f"Lesson {ids[0]} is left as it was: this lesson is rejected by now")
    expect(page.locator("[data-ticked]")).to_have_text("0")
    page.get_by_role("button", name="Import and export").click()
    for text, says in (
        (b'{"corrigenda": "x"}', "Line 1 is not the head"),
        (orjson.dumps(["Be brief."]), "The list is queued"),
    ):
        (tmp_path / "list.json").write_bytes(text)
        page.locator("#lessons-file input[type=file]").set_input_files(tmp_path / "list.json")
        expect(page.locator("#lessons-file")).to_contain_text("list")
        page.locator("#lessons-import").click()
        expect(page.locator("#lessons-exchange-said")).to_contain_text(says)
        if says.startswith("Line"):
            page.locator("#lessons-file").get_by_label("Clear").click()
    with site.db.read() as session:
        assert "import_lessons" in {job.kind for job in jobs.open_for(session, project)}
