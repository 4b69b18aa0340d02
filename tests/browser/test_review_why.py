"""The "why" panel in a browser: opened by its key, past answers unfold in place, the heat is a hint in words, on a phone too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.types import RiskEstimate, Verdict, Vote
from store import judgements
from store.tables import Review
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import fresh_slug, open_review
from tests.factories import build

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.pwned=1">${window.pwned=2}'
HINT = "Model hint, not a finding: step 3 has 70 % of the attention, rank 1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def slug(site: Site) -> str:
    """A project whose first answer has all kinds of evidence; what somebody wrote in it is hostile."""
    past = seeding.project(site.db, [f"Step 1: {HOSTILE}\nAnswer: 9"], slug=fresh_slug(), analysed=False)
    made = seeding.project(site.db, slug=fresh_slug())
    with site.db.write() as session:
        build(session, Review, output_id=past.output_ids[0], verdict="faulty", first_wrong_step=None)
        similar = [{"output_id": past.output_ids[0], "item_id": 1, "similarity": 0.91, "verdict": "faulty"}]
        judge = Vote(
            "judge", Verdict.FAULTY, evidence=HOSTILE, details={"chips": ["length-driven"], "orders": ["2", "2"]}
        )
        evidence = {"similar": similar, "heat": [0.1, 0.1, 0.7, 0.1]}
        risk = RiskEstimate(0.72, "polar", "v1", True, 64, 0.55, 0.86, (("judge", 0.5),), 0.8, evidence)
        judgements.save(session, made.output_ids[0], votes=[judge], risk=risk)
    return made.slug


def test_the_key_opens_all_of_the_evidence(slug: str, page_for: Callable[..., Page]) -> None:
    page = page_for("ann")
    open_review(page, slug)
    why = page.locator("#rv-why")
    expect(page.get_by_text("Votes", exact=True)).to_be_hidden()
    page.keyboard.press("w")
    expect(why).to_have_attribute("open", "")
    expect(why.locator(".chip", has_text="length driven")).to_be_visible()
    past = why.locator(".rv-past-one")
    expect(past).to_contain_text("found faulty")
    expect(past).to_contain_text("91 % alike")
    expect(past.locator(".rv-text")).to_be_hidden()
    past.locator("summary").click()
    expect(past.locator(".rv-text")).to_contain_text(HOSTILE)
    assert page.evaluate("window.pwned") is None
    page.keyboard.press("w")
    expect(why).not_to_have_attribute("open", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_heat_is_words_bars_and_a_shade(slug: str, page_for: Callable[..., Page], scheme: str) -> None:
    page = page_for(f"ann-{scheme}", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    open_review(page, slug)
    expect(page.locator(".rv-heat-note")).to_contain_text("Model hint, not a finding")
    expect(page.get_by_role("note", name=HINT)).to_be_visible()
    assert page.locator(".rv-heat").count() == 1
    shade = "getComputedStyle(document.querySelector('#rv-step-{} .rv-step-text')).backgroundColor"
    assert page.evaluate(shade.format(2)) != page.evaluate(shade.format(0))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
