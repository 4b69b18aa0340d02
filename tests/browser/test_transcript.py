"""A transcript under review in a browser: hypotheses, names that sound alike, one click or key into the rewrite; nothing when blind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.lessons.entities import Entity, as_draft
from store import items, lessons, outputs, projects, queue, users
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import fresh_slug, open_review

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.pwned=1">'
BEST = "then gonner rode to the shop boy"
NBEST = [BEST, f"then gunner rode {HOSTILE} to the shop boy", "then gunner rode to a shop boy"]


MEANINGS = """() => {
  const rows = [...document.querySelectorAll('#rv-names li')];
  const [first, last] = [rows[0].dataset.lesson, rows[1].dataset.lesson];
  window.first = rows[0].querySelector('button').dataset.right;
  const said = Object.assign(document.createElement('div'), { id: 'rv-meanings' });
  said.dataset.output = document.getElementById('rv-answer-body').dataset.output;
  said.dataset.meanings = JSON.stringify({ [first]: 0, [last]: 100 });
  document.body.append(said);
  window.dispatchEvent(new CustomEvent('corrigenda:rendered', { detail: 'similar' }));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


def _project(site: Site, blind: float) -> str:
    """A transcript, and two names that people put right."""
    slug = fresh_slug()
    with site.db.write() as session:
        expert = users.create(session, f"expert-{slug}", "expert").id
        settings = {"blind_share": blind}
        made = projects.create(session, slug=slug, name=slug, item_type="asr_transcript", settings=settings)
        projects.set_queue(session, made.id, "annotate", user_id=None, audit_share=0.0)
        row = items.NewItem("t", BEST, meta={"hypotheses": NBEST})
        item_id = items.add_many(session, made.id, [row]).ids[0]
        output = outputs.add(session, outputs.NewOutput(item_id, BEST, "recogniser"))
        queue.enqueue_output(session, made.id, output.id, priority=1.0)
        known = [Entity("gunner", "Gunnar", "name"), Entity("shop boy", f"shopboy{HOSTILE}", "compound")]
        drafts = [as_draft(entity, ()) for entity in known]
        for id_ in lessons.propose(session, made.id, drafts, author_id=expert):
            lessons.accept(session, id_, expert)
    return slug


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_names_and_hypotheses_go_into_the_rewrite(
    site: Site, page_for: Callable[..., Page], width: int, scheme: str
) -> None:
    page = page_for(f"ann-{scheme}", viewport={"width": width, "height": 900}, color_scheme=scheme)
    open_review(page, _project(site, 0.0))
    panel = page.locator("#rv-transcript")
    expect(panel.locator(".rv-cell-high", has_text="gonner")).to_have_attribute(
        "title", "2 of 2 others have something else here"
    )
    expect(panel.locator(".rv-nbest-others li")).to_have_count(2)
    expect(panel.locator("ins", has_text=HOSTILE)).to_be_visible()
    expect(panel.locator(".rv-name")).to_have_count(2)
    expect(panel.locator("#rv-names")).to_contain_text("disputed")
    page.evaluate(MEANINGS)  # as the worker's answer brings it
    expect(panel.locator("#rv-names li").first).to_contain_text("alike: meaning 100 %")
    assert panel.locator(".rv-name").first.get_attribute("data-right") != page.evaluate("window.first")
    page.keyboard.press("v")
    expect(panel.locator(".rv-name:focus")).to_have_count(1)
    panel.get_by_role("button", name="Write Gunnar for gonner").focus()
    page.keyboard.press("Enter")
    rewrite = page.locator("#rv-rewrite")
    expect(rewrite).to_have_value(BEST.replace("gonner", "Gunnar"))
    expect(page.locator("#rv-diff ins")).to_have_text("Gunnar")
    panel.get_by_role("button", name="for shop boy").click()
    expect(rewrite).to_have_value(f"then Gunnar rode to the shopboy{HOSTILE}")
    panel.get_by_role("button", name="Rewrite as hypothesis 3").click()
    expect(rewrite).to_have_value(NBEST[2])
    expect(page.locator("#rv-limit-says")).to_have_text("100 % of the text")
    page.get_by_role("button", name="“the” becomes “a”").click()  # of what was taken over, a part is left out
    expect(rewrite).to_have_value(NBEST[2].replace("to a shop", "to the shop"))
    page.get_by_role("slider").fill("0")
    expect(rewrite).to_have_value(BEST)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_blind_transcript_shows_none_of_it(site: Site, page_for: Callable[..., Page]) -> None:
    page = page_for("bo")
    open_review(page, _project(site, 1.0))
    expect(page.locator("#rv-blind")).to_be_visible()
    assert "Gunnar" not in page.content() and not page.locator("#rv-transcript").count()
