"""Nothing typed is lost, and nothing typed for one item is ever seen at another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from store import drafts, queue
from store.clock import now
from store.tables import Assignment
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import fresh_slug, open_review, reviews
from tests.browser.seeding import Seeded

pytestmark = pytest.mark.browser
WORDS = "20 - 17 is 3, not 4."


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


def held(page: Page) -> int:
    return int(page.evaluate("Corrigenda.review.item.assignment"))


def saved(page: Page) -> None:
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)


def drafted(site: Site, page: Page) -> dict[str, object] | None:
    user, assignment = int(page.evaluate("Corrigenda.review.item.user")), held(page)
    with site.db.read() as session:
        draft = drafts.load(session, assignment, user)
        return dict(draft.body) if draft is not None else None


def state_of(site: Site, assignment: int) -> str:
    with site.db.read() as session:
        return session.get_one(Assignment, assignment).state


def take_away(site: Site, page: Page, to: int) -> None:
    """The lease ran out and somebody else has the item."""
    with site.db.write() as session:
        gone = now() - timedelta(seconds=1)
        session.execute(update(Assignment).where(Assignment.id == held(page)).values(deadline=gone))
        project_id = session.get_one(Assignment, held(page)).queue.project_id
        claim = queue.claim_next(session, to, project_id)
        assert claim is not None and claim.assignment_id == held(page)


def test_a_reload_keeps_words_marks_and_rewrite(reviewing: Page, site: Site) -> None:
    page = reviewing
    page.keyboard.press("3")
    page.keyboard.press("x")
    page.keyboard.press("c")
    page.keyboard.type(WORDS)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.keyboard.type("Step 3: She gets 3 dollars back.")
    page.select_option("#rv-error", "calculation_error")
    saved(page)
    assignment = held(page)
    body = drafted(site, page)
    assert body is not None and body["text"] == WORDS and body["first_wrong_step"] == 2
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(page.locator("#rv-text")).to_have_value(WORDS)
    assert held(page) == assignment
    expect(page.locator(".rv-step[data-state=bad]")).to_have_attribute("data-step", "2")
    expect(page.locator("#rv-rewrite")).to_have_value(
        seeding.ANSWER.replace("Step 3: She pays with a 20 dollar note, so she gets 20 - 17 = 4", "Step 3: She gets 3")
    )
    expect(page.locator("#rv-error")).to_have_value("calculation_error")
    expect(page.locator("#rv-saved")).to_have_text("draft restored")


def test_the_mark_tells_when_it_is_saved(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("c")
    page.keyboard.type("a")
    expect(page.locator("#rv-saved")).to_have_text("saving")
    saved(page)
    assert page.inner_text("#rv-saved")[-8:].count(":") == 2


def test_scope_and_dependency_are_proposed_and_stay_as_chosen(reviewing: Page) -> None:
    page = reviewing
    page.fill("#rv-text", "Start over from scratch.")
    expect(page.locator("#rv-dependency")).to_have_value("restart")
    expect(page.locator("#rv-scope")).to_have_value("plan")
    expect(page.locator("#rv-handling")).to_contain_text("asks to begin again")
    page.select_option("#rv-dependency", "last")
    page.locator("#rv-text").press_sequentially(" Please start over.")
    saved(page)
    expect(page.locator("#rv-dependency")).to_have_value("last")


def test_offline_text_is_kept_here_and_the_newer_copy_wins(reviewing: Page, site: Site) -> None:
    page = reviewing
    page.watch.expect("api/v1/drafts")  # type: ignore[attr-defined]
    page.watch.expect("ERR_FAILED")  # type: ignore[attr-defined]
    page.keyboard.press("c")
    page.keyboard.type("first ")
    saved(page)
    page.route("**/api/v1/drafts/**", lambda route: route.abort())
    page.keyboard.type("second")
    expect(page.locator("#rv-saved")).to_have_text("offline, kept here", timeout=15_000)
    page.evaluate("Corrigenda.review.item.keeper.lastWord = () => {}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("#rv-text")).to_have_value("first second")
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "offline", timeout=15_000)
    page.unroute("**/api/v1/drafts/**")
    saved(page)
    body = drafted(site, page)
    assert body is not None and body["text"] == "first second"


def test_leaving_with_unsaved_text_asks_first(reviewing: Page) -> None:
    page = reviewing
    page.watch.expect("api/v1/drafts")  # type: ignore[attr-defined]
    page.watch.expect("ERR_FAILED")  # type: ignore[attr-defined]
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.route("**/api/v1/drafts/**", lambda route: route.abort())
    page.click("#rv-text")
    page.keyboard.type("unsaved")
    page.reload()
    assert asked == ["beforeunload"]


def test_text_typed_for_one_item_is_not_in_the_next(reviewing: Page) -> None:
    page = reviewing
    page.keyboard.press("2")
    page.keyboard.press("x")
    page.fill("#rv-text", WORDS)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.keyboard.type("rewritten")
    page.select_option("#rv-error", "calculation_error")
    page.select_option("#rv-scope", "plan")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    for field, blank in (("text", ""), ("rewrite", ""), ("error", ""), ("scope", "skill"), ("dependency", "last")):
        expect(page.locator(f"#rv-{field}")).to_have_value(blank)
    expect(page.locator("#rv-diff")).to_be_hidden()
    expect(page.locator("#rv-marked")).to_have_text("No step is marked.")
    expect(page.locator(".rv-step:not([data-state=''])")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('corrigenda.draft'))") == []
    page.reload()
    expect(page.locator("#rv-text")).to_have_value("")


def test_another_persons_browser_shows_nothing_of_it(
    reviewing: Page, site: Site, seeded: Seeded, page_for: Callable[..., Page]
) -> None:
    reviewing.fill("#rv-text", WORDS)
    saved(reviewing)
    mine = held(reviewing)
    other = page_for("bob")
    open_review(other, seeded.slug)
    assert held(other) != mine
    expect(other.locator("#rv-text")).to_have_value("")
    refused = other.request.put(
        f"/api/v1/drafts/{mine}", data={"revision": 99, "body": {"text": "mine"}}, headers={"origin": site.url}
    )
    assert refused.status == 403
    foreign = other.request.put(
        f"/api/v1/drafts/{mine}", data={"revision": 99, "body": {}}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status == 403


def test_a_lost_lease_keeps_the_text_and_says_where(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    page.fill("#rv-text", WORDS)
    saved(page)
    # Submitting is to notice it: on a slow machine the heartbeat would come first.
    page.route("**/heartbeat", lambda route: route.fulfill(status=204))
    take_away(site, page, site.user(f"thief-{seeded.slug}"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#rv-lost")).to_be_visible()
    expect(page.locator("#rv-lost-says")).to_contain_text("Kept drafts")
    expect(page.locator("#rv-kept-list")).to_contain_text(WORDS)
    expect(page.locator("#rv-text")).to_have_value(WORDS)
    assert reviews(site.db, seeded) == []
    page.click("#rv-lost button")
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    expect(page.locator("#rv-text")).to_have_value("")
    expect(page.locator("#rv-lost")).to_be_hidden()
    expect(page.locator("#rv-kept-list")).to_contain_text(WORDS)


def test_the_heartbeat_notices_a_lost_item_and_keeps_a_held_one(reviewing: Page, site: Site, seeded: Seeded) -> None:
    page = reviewing
    page.fill("#rv-text", WORDS)
    saved(page)
    with site.db.write() as session:
        soon = now() + timedelta(seconds=5)
        session.execute(update(Assignment).where(Assignment.id == held(page)).values(deadline=soon))
    with page.expect_response("**/heartbeat"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with site.db.read() as session:
        deadline = session.get_one(Assignment, held(page)).deadline
        assert deadline is not None and deadline > now() + timedelta(seconds=600)
    take_away(site, page, site.user(f"thief-{seeded.slug}"))
    page.watch.expect("409")  # type: ignore[attr-defined]
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#rv-lost")).to_be_visible()
    expect(page.locator("#rv-text")).to_have_value(WORDS)


def test_no_heartbeat_follows_a_decision_that_ends_the_claim(reviewing: Page) -> None:
    page = reviewing
    beat = "document.dispatchEvent(new Event('visibilitychange'))"
    with page.expect_response("**/heartbeat"):
        page.evaluate(beat)
    told: list[str] = []
    mine = f"/{held(page)}/heartbeat"  # the next item has heartbeats of its own
    page.keyboard.press("a")
    # From here on: three seconds after an item is shown one is sent in any case, which may be just before the key.
    page.on("request", lambda request: told.append(request.url) if request.url.endswith(mine) else None)
    page.evaluate(beat)  # it would reach the server after the decision and be told that the item is lost
    expect(page.locator(".rv-prompt")).to_contain_text("5 pens")
    assert told == []


def test_an_untouched_item_goes_back_when_the_page_is_left(reviewing: Page, site: Site) -> None:
    page = reviewing
    assignment = held(page)
    page.goto("/app/lessons")
    page.wait_for_selector(".site-header")
    deadline = time.monotonic() + 10
    while state_of(site, assignment) != "open":
        assert time.monotonic() < deadline, "the beacon that gives the item back did not come"
        page.wait_for_timeout(50)


def test_a_touched_item_stays_claimed_when_the_page_is_left(reviewing: Page, site: Site) -> None:
    page = reviewing
    assignment = held(page)
    page.fill("#rv-text", WORDS)
    saved(page)
    page.goto("/app/lessons")
    page.wait_for_selector(".site-header")
    page.wait_for_timeout(500)
    assert state_of(site, assignment) == "claimed"


def test_two_people_at_once_never_get_the_same_item(page_for: Callable[..., Page], site: Site) -> None:
    seeded = seeding.project(site.db, [seeding.ANSWER] * 6, slug=fresh_slug())
    pages = [page_for(f"{name}-{seeded.slug}") for name in ("bob", "eve")]
    seen: list[int] = []
    for page in pages:
        page.goto(f"/app/review?project={seeded.slug}", wait_until="commit")
    for page in pages:
        page.wait_for_function("window.Corrigenda?.review?.item?.keeper")
        seen.append(held(page))
    for _ in range(2):
        for page in pages:  # both are on their way before either has its next item
            page.keyboard.press("a")
        for page in pages:
            before = seen
            page.wait_for_function("(seen) => !seen.includes(Corrigenda.review.item?.assignment ?? -1)", arg=before)
            seen.append(held(page))
    assert len(seen) == len(set(seen)) == 6
    made = reviews(site.db, seeded)
    assert len(made) == 4
    assert len({review.assignment_id for review in made}) == 4
