"""The whole loop on real processes: a real model's answer is corrected in a real browser, and what was learned comes back.

``corrigenda up`` runs as a person would run it: web, worker, bundled models. Only the rows of the project are made here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.cli.setup import ready
from app.settings import Settings
from app.worker import jobs as worker_jobs
from core.types import JobPriority, JobState, LessonStatus
from store import items, jobs, lessons, outputs, projects, reviews
from store.engine import Database
from tests.browser.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.timeout(900)]

SLOW = 180_000  # ms, for what the model does on a busy machine
PROMPTS = (
    "Ann buys 4 pens at 3 dollars each and a notebook for 5 dollars. She pays with a 20 dollar note. How much change does she get?",
    "Ben buys 3 pens at 2 dollars each and a notebook for 4 dollars. He pays with a 20 dollar note. How much change does he get?",
    "Eve buys 5 pens at 1 dollar each and a notebook for 6 dollars. She pays with a 20 dollar note. How much change does she get?",
)
CORRECTION = "Always work out the change as the note minus the whole price."


@pytest.fixture
def site(tmp_path: Path, models_dir: Path) -> Iterator[Site]:
    """``corrigenda up`` in a fresh data directory that finds the models converted."""
    settings = Settings(data_dir=tmp_path / "data", port=0)
    settings.data_dir.mkdir()
    settings.models_dir.symlink_to(models_dir, target_is_directory=True)
    ready(settings)
    log = (tmp_path / "up.log").open("wb")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "app.cli.main", "up", "--data-dir", str(settings.data_dir), "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    address: list[str] = []
    found = threading.Event()

    assert process.stdout is not None

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.search(r"http://\S+?(?=/?\s|$)", line):
                address.append(match.group().rstrip("/"))
                found.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert found.wait(120), (tmp_path / "up.log").read_text()
    db = Database(settings.url)
    yield Site(address[0], settings, db)
    db.dispose()
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    reader.join(10)
    process.stdout.close()
    log.close()
    shutil.rmtree(settings.data_dir, ignore_errors=True)


@pytest.fixture
def project_id(site: Site) -> int:
    quick = {"generator": {"max_new_tokens": 64, "samples": 0}, "critics": ["arithmetic"], "lesson_floor": 0.2}
    with site.db.write() as session:
        made = projects.create(
            session, slug="pens", name="Pens", item_type="reasoning", guidelines="Numbered steps.", settings=quick
        )
        items.add_many(session, made.id, [items.NewItem(f"pens-{n}", text) for n, text in enumerate(PROMPTS, 1)])
        return made.id


def answer(site: Site, project_id: int) -> int:
    """Let the model answer the next unanswered item and wait until people may have it; returns the item's id."""
    with site.db.write() as session:
        (item_id,) = items.without_output(session, project_id, 1)
        job = worker_jobs.enqueue(
            session, "generate", {"item_ids": [item_id]}, priority=JobPriority.NORMAL, project_id=project_id
        )
    wait_for(site, lambda: job_is_done(site, job.id) and nothing_runs(site, project_id), "the answer")
    return item_id


def job_is_done(site: Site, job_id: int) -> bool:
    with site.db.read() as session:
        job = jobs.get(session, job_id)
    assert job.state not in (JobState.FAILED, JobState.CANCELLED), job.error
    return job.state == JobState.DONE


def nothing_runs(site: Site, project_id: int) -> bool:
    with site.db.read() as session:
        return not [job for job in jobs.open_for(session, project_id) if job.kind != "fit_risk"]


def wait_for(site: Site, true: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + SLOW / 1000
    while not true():
        assert time.monotonic() < limit, f"{what} did not come"
        time.sleep(0.2)


def test_a_correction_becomes_a_lesson_that_comes_back_and_can_be_taken_back(
    site: Site, project_id: int, page: Page
) -> None:
    first = answer(site, project_id)
    page.goto("/app/review?project=pens")
    page.wait_for_selector(".rv-step", timeout=30_000)
    page.wait_for_function("window.Corrigenda?.review?.item?.keeper")
    expect(page.locator("#rv-answer")).to_contain_text("uncalibrated")
    expect(page.locator("#rv-similar")).to_contain_text("No earlier correction resembles this item.", timeout=SLOW)

    page.keyboard.press("x")
    page.keyboard.press("c")
    page.keyboard.type(CORRECTION)
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.locator(".rv-live")).to_be_visible()
    expect(page.locator(".rv-pair")).to_be_visible(timeout=SLOW)
    expect(page.locator(".rv-said")).to_contain_text(CORRECTION)
    expect(page.locator("#rv-answer")).to_contain_text("attempt 2")
    expect(page.locator("#rv-text")).to_have_value("")
    expect(page.locator("#rv-answer")).to_contain_text("that this answer is wrong", timeout=SLOW)
    with site.db.read() as session:
        assert [one.attempt for one in outputs.attempts(session, first)] == [1, 2]

    page.keyboard.press("1")  # where the critics would have the page begin is theirs to say
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-empty")).to_contain_text("Nothing waits for you.")
    card = page.locator("#rv-lessons-card")
    expect(card).to_contain_text("What the model will read", timeout=SLOW)
    lesson = card.locator(".rv-lesson", has=page.locator("legend", has_text="Rule"))
    lesson.get_by_role("button", name="Accept").click()
    expect(card.locator(".rv-lesson-active")).to_be_visible()
    with site.db.read() as session:
        (kept,) = lessons.page(session, project_id, status=LessonStatus.ACTIVE)
        (review,) = reviews.reviews_for(session, first)
    assert "the note minus the whole price" in kept.text
    assert review.first_wrong_step == 0
    wait_for(site, lambda: nothing_runs(site, project_id), "the lesson's vector")

    answer(site, project_id)
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".rv-prompt")).to_have_text(PROMPTS[1])
    chip = page.locator(f".rv-chip[data-lesson='{kept.id}']")
    expect(chip).to_contain_text("the note minus the whole price")
    chip.get_by_role("button", name="used").click()
    expect(chip.get_by_role("button", name="used")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#rv-similar")).to_contain_text(CORRECTION, timeout=SLOW)

    retract(page, kept.id)
    answer(site, project_id)
    page.goto("/app/review?project=pens")
    expect(page.locator(".rv-prompt")).to_be_visible(timeout=30_000)
    page.wait_for_function("window.Corrigenda?.review?.item?.keeper")
    if page.inner_text(".rv-prompt") == PROMPTS[1]:
        expect(chip).to_contain_text("retracted since")
        page.keyboard.press("a")
    expect(page.locator(".rv-prompt")).to_have_text(PROMPTS[2])
    expect(page.locator("#rv-chips")).to_contain_text("No lesson was in this answer's prompt.")


def retract(page: Page, lesson_id: int) -> None:
    """On the Lessons page, as a person would."""
    page.goto(f"/app/lessons?project=pens&lesson={lesson_id}")
    expect(page.locator("#lesson-detail")).to_contain_text(f"Lesson {lesson_id}")  # no later answer empties the reason
    page.get_by_role("button", name="Take this lesson back").click()
    page.get_by_label("Why is it withdrawn?").fill("It is only true of shops.")
    page.locator("#lesson-retract").click()
    expect(page.locator("#lesson-detail")).to_contain_text("retracted", ignore_case=True)
