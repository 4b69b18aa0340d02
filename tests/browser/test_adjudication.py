"""Adjudication in the browser, by keys alone: take a review, say why, submit; the reason is on the home page of its author."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import select

from core.types import Role
from store import projects, queue, reviews, tables
from tests.browser import seeding
from tests.browser.conftest import Site

RIGHT = seeding.ANSWER.replace("= 4 dollars", "= 3 dollars").replace("Answer: 4", "Answer: 3")


def disagree(site: Site, seeded: seeding.Seeded, items: int) -> None:
    """Bob finds each answer faulty, in words that look like markup; Cy accepts it."""
    bob, cy = site.user("bob"), site.user("cy")
    with site.db.write() as session:
        projects.set_queue(session, seeded.project_id, "annotate", user_id=None, overlap=2)
        queue.fill_slots(session, seeded.project_id)
    for _ in range(items):
        with site.db.write() as session:
            held = queue.claim_next(session, bob, seeded.project_id)
            assert held is not None
            said = reviews.NewReview(
                held.assignment_id, bob, held.output_id, "faulty", 2, (1, 1, -1), "calculation_error", 12.0
            )
            fix = reviews.NewCorrection(bob, held.output_id, "It is 3 <b>not 4</b>", step_index=2, rewrite=RIGHT)
            reviews.submit(session, said, fix, held.token)
            held = queue.claim_next(session, cy, seeded.project_id)
            assert held is not None
            fine = reviews.NewReview(held.assignment_id, cy, held.output_id, "acceptable", None, (1, 1, 1, 1))
            reviews.submit(session, fine, None, held.token)


def decisions(site: Site) -> list[tuple[str, str | None]]:
    with site.db.read() as session:
        found = select(tables.Review).where(tables.Review.decides).order_by(tables.Review.id)
        return [(row.verdict, row.reason) for row in session.scalars(found)]


def test_an_expert_decides_by_keys_and_its_author_reads_why(site: Site, page_for: Callable[..., Page]) -> None:
    seeded = seeding.project(site.db, [seeding.ANSWER] * 2, settings={"disagreements": "adjudication"})
    disagree(site, seeded, 2)
    page = page_for("eve", Role.EXPERT)
    page.goto("/app/review?project=pens&queue=adjudicate")
    compare = page.locator("#rv-compared")
    expect(compare).to_contain_text("They differ in the verdict, the first wrong step, step 3, the text.")
    expect(compare.locator(".rv-opinion").first).to_contain_text("It is 3 <b>not 4</b>")
    expect(compare.locator(".rv-differs")).to_have_count(1)
    expect(compare).not_to_contain_text("bob")
    expect(page.locator("#rv-form")).to_be_visible()

    page.keyboard.press("Shift+B")
    expect(page.locator("#rv-reason")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#rv-notice-body")).to_contain_text("Say in a few words why")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+A")
    expect(page.locator("#rv-text")).to_have_value("It is 3 <b>not 4</b>")
    expect(page.locator("#rv-marked")).to_contain_text("Step 3")
    page.keyboard.type("Work it out: 20 - 17.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#rv-notice-body")).to_contain_text("Submitted")
    expect(page.locator("#rv-reason")).to_have_value("")  # nothing of one item stays for the next
    expect(page.locator("#rv-text")).to_have_value("")
    assert decisions(site) == [("faulty", "Work it out: 20 - 17.")]
    with site.db.read() as session:
        assert [row.taken for row in session.scalars(select(tables.DecidedReview))] == [True, False]
        assert len(session.scalars(select(tables.Correction)).all()) == 2, "what was taken is not copied"

    bob = page_for("bob")
    told = bob.locator("#home-decided")
    expect(told).to_contain_text("Work it out: 20 - 17.")
    expect(told).to_contain_text("as you said")
    told.get_by_role("button", name="Seen").click()
    expect(told.locator("section")).to_have_count(0)
