"""Step review in a browser: three ways to judge steps, the marker that moves, the critics' finding by one key, alternatives, blind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.critics.bisect import bisect, most_questions
from core.types import Role
from store import projects
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import corrections, fresh_slug, open_review, reviews
from tests.browser.seeding import Seeded
from tests.browser.test_shell import settled, to_tab

pytestmark = pytest.mark.browser
MANY = "\n".join(f"Step {n}: {n} * 3 = {n * 3}, which is what was asked for here." for n in range(1, 13))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def seeded(site: Site) -> Seeded:
    return seeding.project(site.db, [seeding.ANSWER] * 3, slug=fresh_slug())


@pytest.fixture
def reviewing(page: Page, seeded: Seeded) -> Page:
    open_review(page, seeded.slug)
    return page


def state(page: Page) -> list[str | None]:
    return [step.get_attribute("data-state") for step in page.locator(".rv-step").all()]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Page) -> None:
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)


# --- landing, and the critics' finding


def test_the_page_opens_at_the_first_wrong_step_and_one_key_takes_it(
    reviewing: Page, site: Site, seeded: Seeded
) -> None:
    page = reviewing
    expect(page.locator("#rv-step-2")).to_be_focused()
    expect(page.locator("#rv-finding")).to_contain_text("Critics: step 3, calculation error.")
    press(page, "y")
    expect(page.locator("#rv-marked")).to_have_text("Step 3 is marked as the first bad one.")
    expect(page.locator("#rv-error")).to_have_value("calculation_error")
    expect(page.locator("#rv-text")).to_have_value("20 - 17 is 3, not 4.")
    expect(page.locator("#rv-took")).to_contain_text("From the critic “arithmetic”")
    expect(page.locator("[data-act=take]")).to_have_attribute("aria-pressed", "true")
    press(page, "Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    (made,), (said,) = reviews(site.db, seeded), corrections(site.db, seeded)
    assert (made.first_wrong_step, made.error_type, made.shown["took"]) == (2, "calculation_error", "arithmetic")
    assert (said.text, said.step_index) == ("20 - 17 is 3, not 4.", 2)


def test_what_was_typed_is_not_replaced_and_undo_takes_back_only_the_finding(reviewing: Page) -> None:
    page = reviewing
    page.fill("#rv-text", "My own words.")
    press(page, "Escape", "y")
    expect(page.locator("#rv-text")).to_have_value("My own words.")
    expect(page.locator("#rv-marked")).to_contain_text("Step 3")
    press(page, "u")
    expect(page.locator("#rv-marked")).to_have_text("No step is marked.")
    expect(page.locator("#rv-error")).to_have_value("")
    expect(page.locator("#rv-text")).to_have_value("My own words.")


def test_a_proposal_goes_with_undo_and_the_finding_with_the_mark(reviewing: Page) -> None:
    page = reviewing
    press(page, "y", "u")
    expect(page.locator("#rv-text")).to_have_value("")
    press(page, "y", "Shift+K")
    expect(page.locator("#rv-marked")).to_contain_text("Step 2")
    assert page.evaluate("Corrigenda.review.item.form.took") == ""
    expect(page.locator("#rv-took")).to_be_hidden()
    expect(page.locator("#rv-text")).to_have_value("")
    expect(page.locator("#rv-error")).to_have_value("")
    press(page, "u", "Shift+J")
    page.fill("#rv-text", "My own words.")
    press(page, "Escape", "y", "Shift+K")
    expect(page.locator("#rv-text")).to_have_value("My own words.")


def test_without_a_finding_y_says_so(page: Page, site: Site) -> None:
    made = seeding.project(site.db, slug=fresh_slug(), analysed=False)
    open_review(page, made.slug)
    press(page, "y")
    expect(page.locator("#rv-notice-body")).to_have_text("The critics name no step here.")


# --- first error


def test_later_steps_are_masked_until_the_mark_is_taken_away(reviewing: Page) -> None:
    page = reviewing
    press(page, "2", "x")
    assert state(page) == ["fine", "bad", "masked", "masked"]
    expect(page.locator("#rv-step-3 .rv-mark-bad")).to_be_disabled()
    expect(page.locator("#rv-step-3 .rv-step-state")).to_have_text(", masked")
    expect(page.locator(".rv-mask-note")).to_contain_text("2 later steps are masked")
    press(page, "4", "x")
    expect(page.locator("#rv-notice-body")).to_contain_text("Step 4 is masked")
    press(page, "g", "i")
    expect(page.locator("dialog")).to_have_count(0)
    assert state(page) == ["fine", "bad", "masked", "masked"]
    page.get_by_role("button", name="Unmark").click()
    assert state(page) == ["", "", "", ""]
    expect(page.locator("#rv-step-3 .rv-mark-bad")).to_be_enabled()
    expect(page.locator(".rv-marker")).to_have_count(0)
    press(page, "u")
    assert state(page) == ["fine", "bad", "masked", "masked"]


def test_the_mark_moves_by_key_and_by_the_marker_itself(reviewing: Page) -> None:
    page = reviewing
    press(page, "Shift+J")
    expect(page.locator("#rv-notice-body")).to_contain_text("No step is marked yet")
    press(page, "2", "x", "Shift+J", "Shift+J", "Shift+J")
    assert state(page) == ["fine", "fine", "fine", "bad"]
    marker = page.get_by_role("slider", name="First bad step")
    expect(marker).to_have_attribute("aria-valuetext", "step 4 of 4")
    marker.focus()
    press(page, "ArrowUp", "ArrowUp")
    assert state(page) == ["fine", "bad", "masked", "masked"]
    expect(marker).to_be_focused()
    press(page, "Home")
    expect(marker).to_have_attribute("aria-valuenow", "1")
    press(page, "k", "Shift+K")
    assert state(page) == ["bad", "masked", "masked", "masked"]


def test_caps_lock_is_no_shift(reviewing: Page) -> None:
    page = reviewing
    press(page, "1", "x")
    event = "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: 'J', shiftKey: {}, bubbles: true}}))"
    page.evaluate(event.format("false"))
    expect(page.locator("#rv-step-1")).to_be_focused()
    assert state(page)[0] == "bad"
    page.evaluate(event.format("true"))
    assert state(page)[:2] == ["fine", "bad"]


def drag_to(page: Page, step: int) -> None:
    box, goal = page.locator("#rv-marker").bounding_box(), page.locator(f"#rv-step-{step}").bounding_box()
    assert box and goal
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(goal["x"] + 30, goal["y"] + goal["height"] / 2, steps=8)


def test_the_marker_is_dragged_by_mouse(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    press(page, "1", "x")
    drag_to(page, 2)
    expect(page.locator("#rv-step-2")).to_have_class("rv-step rv-drop")
    assert state(page)[0] == "bad", "nothing moves before it is let go"
    page.mouse.up()
    assert state(page) == ["fine", "fine", "bad", "masked"]
    drag_to(page, 0)
    press(page, "Escape")
    page.mouse.up()
    assert state(page) == ["fine", "fine", "bad", "masked"], "Escape leaves it where it was"
    press(page, "u")
    assert state(page)[0] == "bad"
    drag_to(page, 1)
    page.mouse.up()
    press(page, "Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    expect(page.locator("#rv-marker")).to_have_count(0)
    assert [made.first_wrong_step for made in reviews(site.db, seeded)] == [1]


def test_the_marker_is_dragged_by_finger(page_for: Callable[..., Page], site: Site) -> None:
    made = seeding.project(site.db, slug=fresh_slug())
    page = page_for("ada", Role.ADMIN, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    open_review(page, made.slug)
    page.locator("#rv-step-2 .rv-mark-bad").tap()
    page.locator("#rv-marker").scroll_into_view_if_needed()
    box, goal = page.locator("#rv-marker").bounding_box(), page.locator("#rv-step-1").bounding_box()
    assert box and goal and min(box["width"], box["height"]) >= 34, "large enough for a finger"
    client = page.context.new_cdp_session(page)
    x, start, end = box["x"] + 20, box["y"] + 15, goal["y"] + goal["height"] / 2

    def touch(kind: str, *ys: float) -> None:
        for y in ys:
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", start)
    touch("touchMove", *(start + (end - start) * part / 6 for part in range(1, 7)))
    touch("touchEnd", end)
    assert state(page) == ["fine", "bad", "masked", "masked"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# --- each step


def test_each_step_is_rated_by_one_key_and_zero_comes_back(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    press(page, "m")
    expect(page.locator("#rv-steps")).to_have_attribute("data-protocol", "per_step")
    press(page, "1", "+", "0", "-")
    assert state(page) == ["fine", "neutral", "bad", ""]
    expect(page.locator("#rv-marked")).to_have_text("3 of 4 steps rated. Step 3 is the first wrong one.")
    expect(page.get_by_role("button", name="Step 2 is neutral: neither right nor wrong")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator("#rv-step-0 .rv-mark-bad")).to_be_hidden()
    press(page, "-")
    assert state(page)[2] == "", "the same rating again takes it away"
    press(page, "-")
    saved(page)
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(page.locator("#rv-step-1")).to_have_attribute("data-state", "neutral")
    assert state(page) == ["fine", "neutral", "bad", ""]
    page.get_by_role("button", name="Step 4 is right").click()
    press(page, "Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    (made,) = reviews(site.db, seeded)
    assert (made.protocol, list(made.step_labels), made.first_wrong_step) == ("per_step", [1, 0, -1, 1], 2)
    press(page, "u")
    expect(page.locator(".rv-prompt")).to_contain_text("4 pens")
    assert state(page) == ["fine", "neutral", "bad", "fine"]
    expect(page.locator("#rv-steps")).to_have_attribute("data-protocol", "per_step")


def test_marks_become_ratings_and_ratings_marks(reviewing: Page) -> None:
    page = reviewing
    press(page, "3", "x", "m")
    assert state(page) == ["fine", "fine", "bad", ""]
    press(page, "2", "0", "m", "m")
    assert state(page) == ["fine", "fine", "bad", "masked"]
    press(page, "m")
    assert state(page) == ["fine", "neutral", "bad", ""], "what was neutral is neutral again"
    press(page, "1", "x", "m", "m")
    assert state(page) == ["bad", "masked", "masked", "masked"], "the first one rated wrong"


def test_the_way_of_review_stays_for_the_next_item(reviewing: Page) -> None:
    page = reviewing
    press(page, "m", "a")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    expect(page.locator("#rv-steps")).to_have_attribute("data-protocol", "per_step")
    press(page, "4", "Escape")
    assert state(page) == ["", "", "", ""]


# --- halving


def test_the_browser_halves_by_the_rule_of_the_core(page: Page) -> None:
    """Every length to 40 with every first error, and none: the same questions, the same result, within the bound."""
    asked = """() => { const all = [];
      for (let length = 1; length <= 40; length += 1) for (let error = 0; error <= length; error += 1) {
        const answers = [], questions = [];
        for (let now = Corrigenda.bisection(length, answers); now.question !== null; now = Corrigenda.bisection(length, answers)) {
          questions.push(now.question); answers.push(now.question < error); }
        all.push([length, error, questions, Corrigenda.bisection(length, answers).firstError, Corrigenda.mostQuestions(length)]); }
      return all; }"""
    found = page.evaluate(asked)
    assert len(found) == sum(length + 1 for length in range(1, 41))
    for length, error, questions, first, most in found:
        mine: list[int] = []

        def fine(step: int, error: int = error, mine: list[int] = mine) -> bool:
            mine.append(step)
            return step < error

        settled = bisect(length, fine)
        assert (questions, first, most) == (mine, settled.first_error, most_questions(length))
        assert first == (-1 if error == length else error) and len(questions) <= most


def test_halving_finds_the_step_by_yes_and_no(page: Page, site: Site) -> None:
    made = seeding.project(site.db, [MANY], slug=fresh_slug(), settings={"step_protocol": "bisect"})
    open_review(page, made.slug)
    says = page.locator("#rv-search-says")
    expect(says).to_have_text("Is it fine up to step 7, itself included? Question 1 of at most 5.")
    expect(page.locator("#rv-step-6")).to_be_focused()
    expect(page.locator("#rv-step-6")).to_be_in_viewport()
    press(page, "y")
    expect(says).to_contain_text("Is it fine up to step 10")
    assert state(page)[:7] == ["fine"] * 7
    press(page, "u")
    expect(says).to_contain_text("Is it fine up to step 7")
    press(page, "y", "n")
    assert state(page)[10:] == ["masked", "masked"]
    saved(page)
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(says).to_contain_text("Question 3 of at most 5")  # a search goes on where it was
    press(page, "y", "n")
    expect(page.locator("#rv-marked")).to_have_text("Step 10 is marked as the first bad one.")
    expect(page.locator("#rv-step-9")).to_be_focused()
    assert reviews(site.db, made) == [], "the person confirms"
    press(page, "Enter")
    expect(page.locator("#rv-empty")).to_be_visible()
    (kept,) = reviews(site.db, made)
    assert (kept.protocol, kept.first_wrong_step, kept.verdict) == ("bisect", 9, "faulty")
    assert list(kept.step_labels) == [1] * 9 + [-1, None, None]


def test_halving_that_finds_nothing_leaves_the_answer_to_be_accepted(page: Page, site: Site) -> None:
    made = seeding.project(site.db, slug=fresh_slug(), settings={"step_protocol": "bisect"})
    open_review(page, made.slug)
    page.get_by_role("button", name="Fine so far").click()
    page.get_by_role("button", name="Fine so far").click()
    expect(page.locator("#rv-search-says")).to_contain_text("every step is fine")
    expect(page.get_by_role("button", name="Fine so far")).to_be_hidden()
    press(page, "a")
    expect(page.locator("#rv-empty")).to_be_visible()
    assert [(one.protocol, one.verdict) for one in reviews(site.db, made)] == [("bisect", "acceptable")]


# --- the final answer, cannot judge, alternatives


def test_right_answer_wrong_step_in_three_keys(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    press(page, "r")
    expect(page.get_by_role("button", name="right", exact=True)).to_have_attribute("aria-pressed", "true")
    press(page, "r")
    expect(page.get_by_role("button", name="wrong", exact=True)).to_have_attribute("aria-pressed", "true")
    press(page, "r", "r", "x", "Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    expect(page.get_by_role("button", name="right", exact=True)).to_have_attribute("aria-pressed", "false")
    assert [(one.verdict, one.answer_right) for one in reviews(site.db, seeded)] == [("faulty", True)]


def test_cannot_judge_by_one_key_or_button(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    press(page, "q")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    page.get_by_role("button", name="Cannot judge").click()
    expect(page.locator(".rv-prompt")).to_contain_text("6 pens")
    assert [one.verdict for one in reviews(site.db, seeded)] == ["cannot_judge"] * 2


def test_alternatives_are_written_kept_and_shown_again(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    press(page, "3", "x", "i")
    expect(page.locator("#rv-alternative-text")).to_be_focused()
    page.keyboard.type("jxyq1 <b>20 - 17 = 3</b>")
    page.get_by_label("right", exact=True).check()
    saved(page)
    assert state(page)[2] == "bad", "keys rest while somebody types"
    page.evaluate("localStorage.clear()")
    page.reload()
    shown = page.locator("#rv-step-2 .rv-alternatives")
    expect(shown).to_contain_text("Instead, right: jxyq1 <b>20 - 17 = 3</b>")
    press(page, "i")
    page.keyboard.type("another")
    press(page, "Control+Enter")
    expect(shown.locator("li")).to_have_count(2)
    shown.get_by_role("button").nth(1).click()
    expect(page.locator("#rv-alternative-text")).to_have_value("another")
    page.get_by_role("button", name="Remove").click()
    expect(shown.locator("li")).to_have_count(1)
    press(page, "i", "Escape")
    expect(shown.locator("li")).to_have_count(1)  # one without words is none
    press(page, "Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    expect(page.locator(".rv-alternatives li")).to_have_count(0)
    (made,) = reviews(site.db, seeded)
    assert made.alternatives == [[2, "jxyq1 <b>20 - 17 = 3</b>", 1]]
    press(page, "u")
    expect(shown).to_contain_text("Instead, right")


def test_alternatives_are_not_lost_when_another_attempt_comes(reviewing: Page) -> None:
    """Their steps are gone, so their words go on in the correction."""
    page = reviewing
    press(page, "2", "i")
    page.keyboard.type("12 + 5 = 17")
    press(page, "Control+Enter")
    carried = page.evaluate(
        """() => { const { form } = Corrigenda.review.item; Corrigenda.carryAlternatives(form);
        return [form.text, form.alternatives.length]; }"""
    )
    assert carried == ["Instead of step 2 of the attempt before: 12 + 5 = 17", 0]


# --- blind items


def test_a_blind_item_opens_at_the_start_and_has_nothing_of_machines(page: Page, site: Site) -> None:
    made = seeding.project(site.db, slug=fresh_slug(), settings={"blind_share": 1.0})
    open_review(page, made.slug)
    expect(page.locator("#rv-blind")).to_contain_text("Reviewed blind.")
    text = page.evaluate("document.getElementById('review').outerHTML")
    assert [word for word in ("72", "arithmetic", "20 - 17 is 3", "polar", "agreement") if word in text] == []
    expect(page.locator("#rv-step-2")).not_to_be_focused()
    press(page, "w", "y")
    expect(page.locator("#rv-notice-body")).to_have_text("The critics name no step here.")
    press(page, "3", "x", "Enter")
    expect(page.locator("#rv-empty")).to_be_visible()
    (kept,) = reviews(site.db, made)
    assert kept.blind and kept.shown["finding"] == [2, "calculation_error"] and "took" not in kept.shown


def test_the_project_says_how_steps_are_reviewed(page: Page, site: Site, seeded: Seeded) -> None:
    page.goto(f"/admin/?project={seeded.project_id}")
    settled(page)
    to_tab(page, "Settings")
    expect(page.get_by_label("Name", exact=True)).to_have_value(f"Project {seeded.slug}")
    settled(page)  # Gradio draws the folds anew once their values have come
    page.get_by_role("button", name="How people review").click()
    way = page.get_by_label("Steps are reviewed by")
    expect(way).to_have_value("The first wrong step; later ones are masked")
    way.click()
    page.get_by_role("option", name="By halving").click()
    share = page.get_by_label("Share reviewed blind")
    expect(share).to_have_value("0")
    share.fill("0.25")
    page.locator("#settings-save").click()
    expect(page.locator("#settings-said")).to_contain_text("Saved")
    with site.db.read() as session:
        kept = projects.get(session, seeded.project_id).settings
    assert (kept["step_protocol"], kept["blind_share"]) == ("bisect", 0.25)
