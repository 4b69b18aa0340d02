"""The pages around the review page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from core.types import JobState, LessonStatus, Role
from store import exports, jobs, lessons, projects, rules, users, workers
from tests.browser.conftest import PASSWORD, Site
from tests.browser.shell_rows import HOSTILE, fill

pytestmark = pytest.mark.browser

PAGES = ("/app/", "/app/lessons", "/admin/", "/admin/exports", "/admin/people", "/admin/settings")


def settled(page: Page) -> None:
    """The page has its header, and its load events are through."""
    page.wait_for_selector(".site-header[data-role]")
    page.wait_for_function("!document.querySelector('.generating, .pending')")
    page.wait_for_timeout(300)


def to_tab(page: Page, name: str) -> None:
    """Open a tab and see that it stays open: text in a hidden panel can be read, its buttons cannot be pressed."""
    tab = page.get_by_role("tab", name=name, exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


def test_an_empty_site_says_what_to_do_first(page: Page) -> None:
    expect(page.locator("#home-welcome")).to_contain_text("Create a project")
    expect(page.locator("#home-work")).to_contain_text("No worker has been here yet")
    expect(page.locator("#home-work")).to_contain_text("corrigenda worker")
    expect(page).to_have_title("Home · Corrigenda")


def test_hostile_text_shows_as_text_on_every_page(site: Site, page: Page) -> None:
    rows = fill(site.db)
    for path in (
        f"/app/?project={rows.project_id}",
        f"/app/lessons?project={rows.project_id}&lesson={rows.lessons[0]}",
        "/admin/people",
        f"/admin/exports?project={rows.project_id}",
        f"/admin/?project={rows.project_id}",
    ):
        page.goto(path)
        settled(page)
        page.wait_for_function(
            "text => [...document.querySelectorAll('#main, #main input')]"
            ".some((one) => (one.value || one.innerText || '').includes(text))",
            arg="<img src=x onerror=",
        )
        assert page.evaluate("window.pwned") is None, path
        assert page.locator("#main img[src=x], #main svg[onload]").count() == 0
    for tab in ("Import", "Rules", "Settings"):
        to_tab(page, tab)
        page.wait_for_timeout(200)
    expect(page.get_by_label("Guidelines", exact=True)).to_have_value(HOSTILE)
    assert page.evaluate("window.pwned") is None


def test_home_shows_the_queue_and_its_jobs_live(site: Site, page: Page) -> None:
    rows = fill(site.db, "How many clips?")
    page.goto("/app/")
    expect(page.locator("#home-waiting .risk-badge").first).to_have_text("70 %")
    expect(page.locator("#home-waiting tbody tr")).to_have_count(3)
    expect(page.locator("#home-lessons")).to_contain_text("proposed")
    bar = page.locator("#home-work [role=progressbar]")
    expect(bar).to_have_attribute("aria-valuenow", "1")
    with site.db.write() as session:
        workers.beat(session, "w", host="here", pid=1, url=None, note="answers items")
        jobs.progress(session, rows.jobs[0], 3, 4, "nearly")
    expect(bar).to_have_attribute("aria-valuenow", "3", timeout=10_000)
    expect(page.locator("#home-work")).to_contain_text("answers items")
    page.locator("#home-work [data-action=cancel]").click()
    expect(page.locator("#home-work")).to_contain_text("stops soon")
    page.locator("#home-work [data-action=retry]").click()
    expect(page.locator("#home-work h3")).to_have_count(0)  # "Failed" is gone
    with site.db.read() as session:
        assert jobs.get(session, rows.jobs[0]).cancel_requested
        assert [job.payload["path"] for job in jobs.open_for(session, rows.project_id) if job.kind == "import"] == [
            "gone.csv"
        ]


def test_the_projects_page_cancels_a_job_and_starts_it_again(site: Site, page: Page) -> None:
    rows = fill(site.db, "How many clips?")
    with site.db.write() as session:
        failed = jobs.get(session, rows.jobs[1])
        payload = {**failed.payload, "path": "other.csv"}
        made, _ = jobs.create(session, "import", payload, priority=failed.priority, project_id=rows.project_id)
    page.goto(f"/admin/?project={rows.project_id}")
    page.get_by_role("button", name=f"Cancel job {made.id}").click()
    again = page.get_by_role("button", name=f"Start again job {made.id}")
    again.click()
    expect(again).to_have_count(0)
    with site.db.read() as session:
        assert jobs.get(session, made.id).state == "queued", "the same row, so that what it has done stays done"
        assert [job.payload for job in jobs.open_for(session, rows.project_id) if job.kind == "import"] == [payload]


def test_only_those_who_may_get_the_buttons_of_a_job(site: Site, page_for: Callable[..., Page]) -> None:
    fill(site.db, "How many clips?")
    page = page_for("bob")
    expect(page.locator("#home-work")).to_contain_text("Answer items")
    expect(page.locator("#home-work button")).to_have_count(0)
    expect(page.locator(".for-admin").first).to_be_hidden()


def test_a_focused_button_keeps_the_focus_when_its_block_changes(site: Site, page: Page) -> None:
    rows = fill(site.db, "How many clips?")
    page.goto("/app/")
    button = page.locator("#home-work [data-action=cancel]")
    button.focus()
    with site.db.write() as session:
        jobs.progress(session, rows.jobs[0], 2, 4, "on")
    expect(page.locator("#home-work [role=progressbar]")).to_have_attribute("aria-valuenow", "2", timeout=10_000)
    expect(button).to_be_focused()


def test_an_export_is_known_when_it_is_seen_and_comes_back(site: Site, page: Page, tmp_path: Path) -> None:
    fill(site.db, "How many clips?")
    file = tmp_path / "pairs.jsonl"
    said = '[{"role": "user", "content": "<b>1</b> + 1?"}]'
    chosen, rejected = (f'[{{"role": "assistant", "content": "{text}"}}]' for text in ("2", "3"))
    file.write_text(f'{{"prompt": {said}, "chosen": {chosen}, "rejected": {rejected}}}\n')
    page.goto("/admin/")
    settled(page)
    to_tab(page, "Import")
    page.locator("#import-file input[type=file]").set_input_files(file)
    expect(page.locator("#import-export-about")).to_contain_text("Format dpo: Preference pairs (DPO)")
    expect(page.locator("#import-preview")).to_contain_text("<b>1</b> + 1?")
    page.locator("#import-bring-back").click()
    expect(page.locator("#import-said")).to_contain_text("queued")
    with site.db.read() as session:
        job = jobs.recent(session)[0]
        assert job.payload["export"] == "dpo" and Path(job.payload["path"]).read_text("utf-8") == file.read_text(
            "utf-8"
        )
    file.with_suffix(".zip").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    page.locator("#import-file").get_by_label("Remove this file").or_(
        page.locator("#import-file [aria-label=Clear]")
    ).first.click()
    page.locator("#import-file input[type=file]").set_input_files(file.with_suffix(".zip"))
    expect(page.locator("#import-said")).to_contain_text("holds no exported data set")


def test_a_project_is_created_and_a_file_goes_to_its_import(site: Site, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("id,question,gold,note\n1,What is 2 + 2?,4,easy\n2,<b>What</b> is 3 * 3?,9,hard\n", "utf-8")
    page.goto("/admin/")
    settled(page)
    page.get_by_label("Name", exact=True).and_(page.locator("#new-name *")).fill("Sums & more")
    page.locator("#new-create").click()
    page.locator("#import-file input[type=file]").set_input_files(file)
    expect(page.locator("#import-preview")).to_contain_text("<b>What</b> is 3 * 3?")
    expect(page.get_by_label("Prompt (needed)")).to_have_value("question")
    expect(page.get_by_label("Reference answer")).to_have_value("gold")
    page.locator("#import-start").click()
    expect(page.locator("#import-said")).to_contain_text("queued")
    expect(page.locator("#imports")).to_contain_text("Waits for a worker")
    with site.db.write() as session:
        project = projects.by_slug(session, "sums-more")
        assert project is not None
        (job,) = jobs.open_for(session, project.id)
        assert job.payload["mapping"]["prompt"] == "question" and job.payload["mapping"]["meta"] == ["note"]
        assert Path(job.payload["path"]).read_text("utf-8") == file.read_text("utf-8")
        jobs.start(session, job.id, "w")
        jobs.finish(
            session,
            job.id,
            {"added": 1, "error_count": 1, "errors": [{"row": 2, "message": "The prompt is <i>bad</i>."}]},
        )
    expect(page.locator("#imports")).to_contain_text("The prompt is <i>bad</i>.", timeout=10_000)


def test_a_label_project_needs_its_labels(page: Page) -> None:
    page.goto("/admin/")
    settled(page)
    page.locator("#new-name textarea, #new-name input").fill("Spam")
    page.get_by_label("Label: one of a fixed set").check()
    page.locator("#new-create").click()
    expect(page.locator("#new-said")).to_contain_text("at least two different labels")
    page.locator("#new-labels textarea").fill("spam\nham")
    page.locator("#new-create").click()
    expect(page.get_by_role("tab", name="Import", exact=True)).to_have_attribute("aria-selected", "true")


def test_a_rule_is_tried_while_it_is_typed(site: Site, page: Page) -> None:
    rows = fill(site.db, "Natalia sold 48 clips")
    page.goto("/admin/")
    settled(page)
    to_tab(page, "Rules")
    pattern = page.locator("#rule-pattern textarea, #rule-pattern input")
    pattern.fill("(?<=x)")
    expect(page.locator("#rule-check")).to_contain_text("cannot be used")
    pattern.fill(r"sold \d+")
    expect(page.locator("#rule-check")).to_contain_text("Votes on 3 of the latest 3 answers")
    expect(page.locator("#rule-check li").first).to_contain_text('Found "sold 48" in the answer.')
    page.locator("#rule-name textarea, #rule-name input").fill("numbers")
    page.locator("#rule-add").click()
    expect(page.locator("#rules")).to_contain_text(r"sold \d+")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#rules [data-action=remove]").click()
    expect(page.locator("#rules")).to_contain_text("No rules yet")
    with site.db.read() as session:
        assert rules.list_all(session, rows.project_id) == []


def test_settings_are_kept_or_refused_as_a_whole(site: Site, page: Page) -> None:
    rows = fill(site.db, "Natalia sold 48 clips")
    page.goto("/admin/")
    settled(page)
    to_tab(page, "Settings")
    guidelines = page.get_by_label("Guidelines", exact=True)
    expect(guidelines).to_have_value("Natalia sold 48 clips")  # the project's values are there
    guidelines.fill("Read twice.")
    page.get_by_role("button", name="How answers are made").click()
    at_once = page.get_by_label("Jobs at once")
    expect(at_once).to_have_value("0")  # a fold that opens is filled after it is drawn
    at_once.fill("3")
    page.locator("#settings-save").click()
    expect(page.locator("#settings-said")).to_contain_text("Saved")
    with site.db.read() as session:
        kept = projects.get(session, rows.project_id)
        assert (kept.guidelines, kept.settings["jobs_at_once"]) == ("Read twice.", 3)


def test_a_lesson_is_accepted_edited_and_taken_back(site: Site, page: Page) -> None:
    rows = fill(site.db, "Halve before adding")
    page.goto("/app/lessons")
    expect(page.locator("#lessons-list .inbox .lesson")).to_have_count(2)
    page.locator(f"[data-lesson='{rows.lessons[0]}']").click()
    expect(page.locator("#lesson-detail")).to_contain_text("Where it came from")
    page.locator("#lesson-accept").click()
    expect(page.locator("#lesson-detail")).to_contain_text("Accepted")
    expect(page.locator("#lessons-list .inbox .lesson")).to_have_count(1)
    page.get_by_label("Lesson, as the model reads it").fill("Halve first, then add.")
    page.get_by_label("Why (for a new revision").fill("clearer")
    page.locator("#lesson-save").click()
    expect(page.locator("#lesson-detail")).to_contain_text("Saved as a new revision")
    expect(page.locator("#lesson-detail")).to_contain_text("3 revisions")
    with site.db.write() as session:
        export = exports.add(session, rows.project_id, format="sft", schema_version=1, filters={}, user_id=None)
        exports.finish(session, export.id, path="x.jsonl", rows=1, sha256="0" * 64)
    page.get_by_role("button", name="Take this lesson back").click()
    page.locator("#lesson-retract").click()
    expect(page.locator("#lesson-detail [role=alert]")).to_contain_text("why it is withdrawn")
    page.get_by_label("Why is it withdrawn?").fill("It misled on hours.")
    page.locator("#lesson-retract").click()
    expect(page.locator("#lesson-detail")).to_contain_text("Exports marked stale: 1")
    with site.db.read() as session:
        assert lessons.get(session, rows.lessons[0]).status == LessonStatus.RETRACTED
        assert {job.kind for job in jobs.open_for(session, rows.project_id) if job.state == JobState.QUEUED} == {
            "embed",
            "probe_lessons",
        }


def test_lessons_are_found_by_words_and_meaning_says_that_it_needs_a_worker(site: Site, page: Page) -> None:
    fill(site.db, "Halve before adding")
    page.goto("/app/lessons")
    expect(page.locator("#lessons-list .lesson")).to_have_count(2)
    search = page.get_by_label("Search", exact=True)
    search.fill("adding 1")
    search.press("Enter")
    expect(page.locator("#lessons-list .lesson")).to_have_count(1)
    page.get_by_label("meaning").check()
    expect(page.locator("#lessons-list")).to_contain_text("Search by meaning needs a worker")


def test_an_annotator_reads_lessons_but_has_no_controls(site: Site, page_for: Callable[..., Page]) -> None:
    rows = fill(site.db, "Halve before adding")
    page = page_for("bob")
    page.goto(f"/app/lessons?lesson={rows.lessons[0]}")
    expect(page.locator("#lesson-detail")).to_contain_text("Halve before adding 0")
    expect(page.locator("#lesson-form, #lesson-accept, #lesson-retract-box")).to_have_count(0)


def test_a_person_is_added_signs_in_and_is_deactivated(site: Site, page: Page, page_for: Callable[..., Page]) -> None:
    page.goto("/admin/people")
    page.locator("#person-name textarea, #person-name input").fill("bob")
    page.locator("#person-password input").fill(PASSWORD)
    page.locator("#person-add").click()
    expect(page.locator("#people")).to_contain_text("bob")
    bob = page_for("bob")
    expect(bob.locator("#whoami")).to_have_text("bob")
    bob.watch.expect("/admin/people")  # type: ignore[attr-defined]
    bob.watch.expect("status of 403")  # type: ignore[attr-defined]
    bob.goto("/admin/people")
    expect(bob.locator("h1")).to_have_text("Not for your role")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Deactivate bob").click()
    expect(page.locator("#people-said")).to_contain_text("can no longer sign in")
    page.get_by_role("button", name="Reset password of ada").click()
    expect(page.locator("#people-said")).to_contain_text("The new password of ada is")
    with site.db.read() as session:
        known = users.by_name(session, "bob")
        assert known is not None and not known.active


def test_an_ended_session_is_said_in_place(site: Site, page: Page) -> None:
    page.watch.expect("401")  # type: ignore[attr-defined]
    page.watch.expect("Could not parse server response")  # type: ignore[attr-defined]
    settled(page)
    with site.db.write() as session:
        users.end_all(session, users.by_name(session, "ada").id)  # type: ignore[union-attr]
    expect(page.locator("#signed-out")).to_be_visible(timeout=10_000)


def test_an_export_is_written_handed_out_and_refused_when_stale(site: Site, page: Page) -> None:
    rows = fill(site.db, "Halve before adding")
    page.goto("/admin/exports")
    settled(page)
    page.get_by_label("Reviewed since").fill("yesterday")
    page.locator("#export-start").click()
    expect(page.locator("#export-said")).to_contain_text("Yesterday is no day")
    page.get_by_label("Reviewed since").fill("")
    page.locator("#export-start").click()
    expect(page.locator("#exports")).to_contain_text("waits for a worker")
    with site.db.write() as session:
        (export,) = exports.list_all(session, rows.project_id)
        site.settings.exports_dir.mkdir(parents=True, exist_ok=True)
        (site.settings.exports_dir / "1.jsonl").write_text('{"a": 1}\n', "utf-8")
        exports.finish(session, export.id, path="1.jsonl", rows=1, sha256="0" * 64)
    link = page.locator("#exports a[download]")
    expect(link).to_be_visible(timeout=10_000)
    with page.expect_download() as started:
        link.click()
    assert started.value.suggested_filename == "1.jsonl"
    assert Path(started.value.path()).read_text("utf-8") == '{"a": 1}\n'
    with site.db.write() as session:
        lessons.retract(session, rows.lessons[0], 1, "wrong")
    refused = page.request.get(f"/api/v1/exports/{export.id}/file")
    assert refused.status == 409 and "Make a new one" in refused.json()["detail"]
    expect(page.locator("#exports")).to_contain_text("out of date", timeout=10_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_in_both_schemes(site: Site, page_for: Callable[..., Page], scheme: str) -> None:
    rows = fill(site.db, "Halve before adding, and say why in as many words as it takes " + "x" * 60)
    page = page_for("ada", Role.ADMIN, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for path in PAGES:
        page.goto(path if path != "/app/lessons" else f"{path}?lesson={rows.lessons[0]}")
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark"), path


def test_the_scheme_is_switched_and_remembered(page: Page) -> None:
    settled(page)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor !== '{before}'")
    page.goto("/admin/people")
    settled(page)
    assert page.evaluate("document.body.classList.contains('dark')")


def test_the_keyboard_reaches_the_page_past_the_header(page: Page) -> None:
    settled(page)
    page.locator("body").press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(re.sub("px", "", outline)) >= 2


def test_a_tab_chosen_while_the_page_still_loads_stays_chosen(site: Site, page: Page) -> None:
    """The first answer of the server comes late: it fills the page and moves nobody."""
    rows = fill(site.db)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/queue/join**", hold)
    page.goto(f"/admin/?project={rows.project_id}")
    page.wait_for_selector(".site-header[data-role]")
    page.wait_for_function("document.querySelectorAll('[role=tab]').length > 0")
    to_tab(page, "Rules")
    assert held, "the page asked for nothing"
    page.unroute("**/queue/join**")  # what was held goes on to the server
    expect(page.locator("#rules")).to_contain_text("No rules", ignore_case=True)
    expect(page.get_by_role("tab", name="Rules", exact=True)).to_have_attribute("aria-selected", "true")
