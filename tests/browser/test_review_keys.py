"""The whole review by keyboard alone, and keys that rest while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.types import Role
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import corrections, fresh_slug, open_review, reviews
from tests.browser.seeding import Seeded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def seeded(site: Site) -> Seeded:
    return seeding.project(site.db, [seeding.ANSWER] * 3, slug=fresh_slug(), guidelines="Be exact.")


@pytest.fixture
def reviewing(page: Page, seeded: Seeded) -> Page:
    open_review(page, seeded.slug)
    return page


def test_mark_say_rewrite_submit_in_under_twelve_keys(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page, keys = reviewing, 0

    def press(*names: str) -> None:
        nonlocal keys
        for name in names:
            page.keyboard.press(name)
            keys += 1

    expect(page.locator("#rv-step-2")).to_be_focused()  # the step that the critics name
    press("k", "j", "x")
    expect(page.locator("#rv-marked")).to_have_text("Step 3 is marked as the first bad one.")
    press("c")
    page.keyboard.type("20 - 17 is 3, so she gets 3 dollars back.")
    press("Escape", "e")
    page.keyboard.type("Step 3: She gets 20 - 17 = 3 dollars back.")
    expect(page.locator("#rv-diff ins").last).to_be_visible()
    press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("Ann buys 5 pens")
    assert keys < 12
    (review,), (correction,) = reviews(site.db, seeded), corrections(site.db, seeded)
    assert (review.verdict, review.first_wrong_step, list(review.step_labels)) == ("faulty", 2, [1, 1, -1, None])
    assert correction.text == "20 - 17 is 3, so she gets 3 dollars back."
    assert correction.rewrite is not None
    assert "Step 3: She gets 20 - 17 = 3 dollars back.\nAnswer: 4" in correction.rewrite
    assert review.seconds is not None and review.seconds > 0


def test_after_submit_the_next_item_has_the_focus_and_no_text(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("c")
    page.keyboard.type("Something is off.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("Ann buys 5 pens")
    expect(page.locator("#rv-text")).to_have_value("")
    expect(page.locator("#rv-step-2")).to_be_focused()  # the first bad step by what critics say


def test_keys_do_nothing_while_typing(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    page.keyboard.press("c")
    page.keyboard.type("jxgabsftud w?e1ynmirqJK-0+")
    expect(page.locator("#rv-text")).to_have_value("jxgabsftud w?e1ynmirqJK-0+")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-text")).to_have_value("jxgabsftud w?e1ynmirqJK-0+\n")
    expect(page.locator(".rv-step[data-state=bad]")).to_have_count(0)
    expect(page.locator("dialog")).to_have_count(0)
    page.focus("#rv-error")
    page.keyboard.press("a")
    assert reviews(site.db, seeded) == []


def test_keys_leave_modifiers_input_methods_and_buttons_alone(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    for combination in ("Alt+x", "Control+x", "Control+a", "Meta+x"):
        page.keyboard.press(combination)
    for init in ("isComposing: true", "keyCode: 229"):
        page.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: 'x', bubbles: true, {init}}}))")
    expect(page.locator(".rv-step[data-state=bad]")).to_have_count(0)
    page.focus("#rv-why summary")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-why")).to_have_attribute("open", "")
    assert reviews(site.db, seeded) == []


def test_marks_move_and_can_be_undone(reviewing: Page) -> None:
    page = reviewing
    bad = page.locator(".rv-step[data-state=bad]")
    page.keyboard.press("3")
    page.keyboard.press("b")
    expect(bad).to_have_attribute("data-step", "2")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(bad).to_have_attribute("data-step", "1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("g")
    expect(page.locator("#rv-step-0 .rv-mark-fine")).to_have_attribute("aria-pressed", "true")
    for step in ("1", "2"):
        page.keyboard.press("u")
        expect(bad).to_have_attribute("data-step", step)
    page.keyboard.press("u")
    expect(bad).to_have_count(0)


def test_accept_skip_flag_and_reopen(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    prompt = page.locator(".rv-prompt")
    page.keyboard.press("s")
    expect(page.locator("#rv-ask-reason")).to_be_focused()
    page.keyboard.type("I wrote this one")
    page.keyboard.press("Enter")
    expect(prompt).to_contain_text("5 pens")
    page.keyboard.press("a")
    expect(prompt).to_contain_text("6 pens")
    page.keyboard.press("u")
    expect(prompt).to_contain_text("5 pens")
    expect(page.locator("#rv-form")).to_contain_text("You reopened your review.")
    page.keyboard.press("a")
    expect(prompt).to_contain_text("6 pens")
    page.keyboard.press("f")
    page.keyboard.type("what is a pen?")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-empty")).to_contain_text("1 reviewed")
    expect(page.locator("#rv-empty")).to_contain_text("1 set aside, or flagged for an expert")
    assert [review.revision for review in reviews(site.db, seeded)] == [1, 2]


def test_a_dialog_can_be_left_and_asks_for_a_reason(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-ask")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".rv-prompt")).to_contain_text("4 pens")


def test_the_sheet_shows_every_key_of_the_table(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("?")
    sheet = page.locator("#keys-sheet")
    expect(sheet).to_be_visible()
    table = page.evaluate("Corrigenda.keys.table.map((row) => row.says)")
    assert len(table) >= 17
    for says in table:
        expect(sheet).to_contain_text(says)
    page.keyboard.press("?")
    expect(sheet).to_have_count(0)


def test_why_opens_by_key(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("w")
    expect(page.locator("#rv-why")).to_contain_text("20 - 17 = 4 should be 3")
    page.keyboard.press("w")
    expect(page.locator("#rv-why .rv-votes")).to_be_hidden()


def test_number_keys_choose_a_label(page: Page, site: Site) -> None:
    made = seeding.project(site.db, ["spam"], slug=fresh_slug(), prompts=["WIN"], labels=("spam", "ham"))
    open_review(page, made.slug)
    page.keyboard.press("2")
    expect(page.locator(".rv-choice[aria-pressed=true]")).to_contain_text("ham")
    page.keyboard.press("Enter")
    expect(page.locator("#rv-empty")).to_be_visible()
    assert [one.rewrite for one in corrections(site.db, made)] == ["ham"]


def test_keys_belong_to_the_review_page_only(page: Page) -> None:
    page.wait_for_function("window.Corrigenda?.keys")
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    expect(page.locator("#keys-sheet")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_marked_step_stays_in_view_while_it_is_corrected(
    page_for: Callable[..., Page], site: Site, width: int
) -> None:
    steps = "\n".join(f"Step {n}: {n} * 3 = {n * 3}, which is what was asked for here. " * 4 for n in range(1, 21))
    made = seeding.project(site.db, [steps], slug=fresh_slug(), analysed=False)
    page = page_for("ada", Role.ADMIN, viewport={"width": width, "height": 800})
    open_review(page, made.slug)
    for _ in range(14):
        page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("c")
    page.keyboard.type("no")
    expect(page.locator("#rv-step-14")).to_be_in_viewport()
    expect(page.locator("#rv-text")).to_be_in_viewport()
    expect(page.locator("#rv-text")).to_be_focused()


def test_a_phone_shows_everything_without_scrolling_sideways(page_for: Callable[..., Page], site: Site) -> None:
    made = seeding.project(site.db, [seeding.ANSWER], slug=fresh_slug(), prompts=["x" * 300], context="y" * 300)
    page = page_for("ada", Role.ADMIN, viewport={"width": 390, "height": 844})
    open_review(page, made.slug)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#rv-step-2 .rv-mark-bad").click()
    page.fill("#rv-text", "20 - 17 is 3.")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#rv-empty")).to_be_visible()
    assert [review.first_wrong_step for review in reviews(site.db, made)] == [2]


def test_a_key_or_click_before_the_script_has_read_the_item_is_for_what_is_on_the_screen(reviewing: Page) -> None:
    page = reviewing
    unread = "window.Corrigenda.review.item = null"  # as between drawing an item and hearing of it
    page.evaluate(unread)
    page.keyboard.press("x")
    expect(page.locator(".rv-step[data-state=bad]")).to_have_count(1)
    page.evaluate(unread)
    page.get_by_role("button", name="Step 1 is the first bad one").click()
    expect(page.locator("#rv-step-0")).to_have_attribute("data-state", "bad")
