"""The changes of a rewrite in the browser: the same rules as ``core.edits``, and the way through on the review page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from core.edits import Edit, apply, limited, spread, tokenize
from core.edits.spans import placer
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import corrections, fresh_slug, open_review

pytestmark = pytest.mark.browser
SCRIPTS = Path(__file__).parents[2] / "assets" / "js"
TEXTS = st.lists(
    st.sampled_from(["a", "b", "word", "it's", " ", "\n", "é", "日本", "🎉", "👍🏽", "3.5", "3", "=", ".", "<b>"]),
    max_size=25,
).map("".join)
RULES = """([source, target, cuts, most]) => {
  const { extract, apply, spread, weighed, limited } = Corrigenda.edits;
  const points = (at) => [...source.slice(0, at)].length;  // as Python counts
  const units = (at) => [...source].slice(0, at).join('').length;
  const edits = extract(source, target);
  const segments = cuts.map(([from, to]) => [units(from), units(to)]);
  return {
    edits: edits.map((e) => [points(e.start), points(e.end), e.come, e.move ?? null]),
    applied: apply(source, edits),
    spread: edits.map((e) => apply(source, spread(source, edits, e))),
    limited: apply(source, limited(weighed(source, edits, segments), most)),
  };
}"""
ANSWER = (
    "Step 1: Mira buys 5 pens, and Mira pays 17 dollars.\n"
    "Step 2: Then Mira gets 20 - 17 = 4 dollars back, says Miranda.\n"
    "Answer: 4 <b onclick=alert(1)>dollars</b>"
)


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Page:
    page = browser.new_page()
    for name in ("worddiff.js", "edits.js"):
        page.add_script_tag(path=str(SCRIPTS / name))
    return page


def _segments(source: str, share: float) -> list[tuple[int, int]]:
    """Two or three spans with gaps between them, or the whole."""
    at = sorted({0, int(len(source) * share), int(len(source) * (1 + share) / 2), len(source)})
    return [(low, high - (high - low > 2)) for low, high in pairwise(at)] or [(0, 0)]


@given(source=TEXTS, target=TEXTS, share=st.floats(0, 1), most=st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_page_decides_as_core_does(blank: Page, source: str, target: str, share: float, most: float) -> None:
    cuts = _segments(source, share)
    got: dict[str, Any] = blank.evaluate(RULES, [source, target, cuts, most])
    assert got["applied"] == target
    place = placer(source)
    edits = [_moved(place(start, end, come), move) for start, end, come, move in got["edits"]]
    assert got["spread"] == [apply(source, spread(source, edits, edit)) for edit in edits]
    assert got["limited"] == apply(source, limited(source, edits, most, cuts))


def _moved(edit: Edit, move: int | None) -> Edit:
    return Edit(edit.start, edit.end, edit.start_tok, edit.end_tok, edit.replacement, edit.kind, edit.type, move)


@given(text=TEXTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_words_are_cut_as_core_cuts_them(blank: Page, text: str) -> None:
    assert blank.evaluate("(text) => Corrigenda.tokens(text)", text) == tokenize(text)
    assert list(accumulate(map(len, tokenize(text))))[-1:] == ([len(text)] if text else [])


def test_a_whole_text_of_another_length_is_weighed_in_bounded_time(blank: Page) -> None:
    """More than a million cells are not aligned: the share is then that of the words that go and come."""
    got = blank.evaluate(
        "() => { const a = 'x y '.repeat(20000); const { extract, weighed } = Corrigenda.edits;"
        " return weighed(a, extract(a, 'z' + a), [[0, a.length]])[0].share; }"
    )
    assert 0 < got < 0.001


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_one_change_everywhere_some_left_out_and_all_limited(
    site: Site, page_for: Callable[..., Page], width: int, scheme: str
) -> None:
    seeded = seeding.project(site.db, [ANSWER], slug=fresh_slug())
    page = page_for(f"ann-{scheme}", viewport={"width": width, "height": 900}, color_scheme=scheme)
    open_review(page, seeded.slug)
    rewrite, changes = page.locator("#rv-rewrite"), page.locator("#rv-diff .rv-edit")
    page.keyboard.press("e")
    expect(page.locator("#rv-changes")).to_be_hidden()
    once = ANSWER.replace("Mira", "Maria", 1)
    rewrite.fill(once)
    expect(changes).to_have_count(1)
    expect(page.locator("#rv-all")).to_contain_text("it stands at 2 more places")

    page.keyboard.press("Escape")
    page.keyboard.press("l")
    everywhere = ANSWER.replace("Mira ", "Maria ")
    expect(rewrite).to_have_value(everywhere)  # "Miranda" is another word
    expect(page.locator("#rv-diff ins")).to_have_text(["Maria"] * 3)
    expect(page.locator("#rv-all li")).to_have_count(0)
    page.keyboard.press("u")
    expect(rewrite).to_have_value(once)
    page.get_by_role("button", name="Apply to all 3").click()
    expect(rewrite).to_have_value(everywhere)

    page.keyboard.press("o")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # is no submission here
    second = everywhere.replace("and Maria", "and Mira")
    expect(rewrite).to_have_value(second)
    expect(changes.nth(1)).to_be_focused()
    expect(changes.nth(1)).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#rv-changes-says")).to_have_text("2 of 3 changes are taken.")
    page.keyboard.press("u")
    expect(rewrite).to_have_value(everywhere)
    expect(changes.nth(1)).to_have_attribute("aria-pressed", "true")
    changes.nth(1).click()
    expect(rewrite).to_have_value(second)

    rewrite.fill(second.replace("Answer: 4 ", "Answer: the number of dollars is three, not 4 "))
    expect(page.locator("#rv-changes-says")).to_have_text(
        "3 of 4 changes are taken."
    )  # what was left out can still be taken
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#rv-limit-says")).to_have_text("40 % of a step")
    expect(rewrite).to_have_value(everywhere)
    expect(changes.last).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    slider.fill("0")
    expect(rewrite).to_have_value(ANSWER)
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(rewrite).to_have_value(everywhere)
    page.locator("#rv-text").fill("Her name is Maria.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#rv-form")).to_have_count(0)
    (correction,) = corrections(site.db, seeded)
    assert correction.rewrite == everywhere


def test_a_reloaded_page_has_the_changes_that_are_in_the_draft(site: Site, page_for: Callable[..., Page]) -> None:
    seeded = seeding.project(site.db, [ANSWER], slug=fresh_slug())
    page = page_for("bo")
    open_review(page, seeded.slug)
    page.keyboard.press("e")
    page.locator("#rv-rewrite").fill(ANSWER.replace("Mira ", "Maria ").replace("= 4", "= 3"))
    page.locator("#rv-diff .rv-edit").last.click()
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved")
    open_review(page, seeded.slug)
    expect(page.locator("#rv-rewrite")).to_have_value(ANSWER.replace("Mira ", "Maria "))
    expect(page.locator("#rv-diff ins")).to_have_text(["Maria"] * 3)
