"""Text of people and models is data: in every place of the review page hostile markup shows as text and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.types import Critique, LessonDraft, LessonKind, RiskEstimate, Role, StepLabel, Verdict, Vote
from store import jobs, judgements, lessons, outputs, users, workers
from tests.browser import seeding
from tests.browser.conftest import Site, running_site
from tests.browser.reviewing import corrections, fresh_slug, open_review

pytestmark = pytest.mark.browser

HOSTILE = (
    '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
    "</textarea></div><svg onload=window.pwned=3>${window.pwned=4}{{constructor.constructor('window.pwned=5')()}}"
    "`${window.pwned=6}`<b>bold</b>&amp;\"'"
)
NEEDLES = (
    "<img src=x onerror=",
    "<script>window.pwned=2</script>",
    "${window.pwned=4}",
    "{{constructor",
    "`${",
    "<b>bold</b>&amp;\"'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def seeded(site: Site) -> seeding.Seeded:
    return hostile_project(site)


def hostile_project(site: Site) -> seeding.Seeded:
    """Two items in which everything that somebody wrote is hostile."""
    answer = f"Step 1: {HOSTILE}\nStep 2: {HOSTILE}"
    made = seeding.project(
        site.db,
        [answer, answer],
        slug=fresh_slug(),
        prompts=[f"1 {HOSTILE}", f"2 {HOSTILE}"],
        guidelines=f"guidelines {HOSTILE}",
        context=f"context {HOSTILE}",
        analysed=False,
    )
    risk = RiskEstimate(0.5, HOSTILE[:80], HOSTILE[:80], drivers=((HOSTILE[:100], 1.0),))
    votes = [Vote(HOSTILE[:100], Verdict.FAULTY, evidence=HOSTILE), Vote("broken", error=HOSTILE)]
    critiques = [Critique(0, HOSTILE[:100], StepLabel.WRONG, HOSTILE, 0.9)]
    with site.db.write() as session:
        for output_id in made.output_ids:
            judgements.save(session, output_id, votes=votes, critiques=critiques, risk=risk)
    return made


def assert_harmless(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    assert page.locator("#review img, #review script, #review svg, #review b, dialog img").count() == 0


def assert_shown(page: Page, where: str) -> None:
    text = page.locator(where).first.evaluate("(node) => (node.matches('textarea') ? node.value : node.textContent)")
    for needle in NEEDLES:
        assert needle in text, f"{needle!r} is not in {where}"


def test_everything_that_is_shown_is_shown_as_text(page: Page, site: Site, seeded: seeding.Seeded) -> None:
    with site.db.read() as session:
        ada = users.by_name(session, "ada")
    assert ada is not None
    seeding.lesson_in_prompt(site.db, seeded, seeded.output_ids[0], ada.id, HOSTILE)
    open_review(page, seeded.slug)
    page.keyboard.press("w")
    for where in (".rv-prompt", "#rv-item .rv-text >> nth=1", "#rv-item .rv-text >> nth=2"):
        assert_shown(page, where)
    for where in (
        "#rv-step-0-text",
        "#rv-step-1-text",
        ".rv-critique p",
        ".rv-vote-evidence >> nth=0",
        ".rv-vote-evidence >> nth=1",
        ".rv-chip",
    ):
        assert_shown(page, where)
    assert_harmless(page)


def test_what_is_typed_comes_back_as_it_was(page: Page, site: Site, seeded: seeding.Seeded) -> None:
    open_review(page, seeded.slug)
    page.fill("#rv-text", HOSTILE)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(f"rewritten {HOSTILE}")
    assert_shown(page, "#rv-diff")
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(page.locator("#rv-text")).to_have_value(HOSTILE)
    expect(page.locator("#rv-rewrite")).to_have_value(f"rewritten {HOSTILE}")
    assert_shown(page, "#rv-diff")
    assert_harmless(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("2 <img")
    (made,) = corrections(site.db, seeded)
    assert (made.text, made.rewrite) == (HOSTILE, f"rewritten {HOSTILE}")
    assert_harmless(page)


def test_attempts_lessons_and_reasons_are_shown_as_text(
    page: Page, site: Site, seeded: seeding.Seeded, page_for: Callable[..., Page]
) -> None:
    open_review(page, seeded.slug)
    page.fill("#rv-text", HOSTILE)
    page.keyboard.press("Escape")
    with site.db.write() as session:
        workers.beat(session, "w1", host="here", pid=1, url=None)
    page.keyboard.press("t")
    expect(page.locator(".rv-live")).to_be_visible()
    assert_harmless(page)
    with site.db.write() as session:
        (job,) = [job for job in jobs.open_for(session, seeded.project_id) if job.kind == "retry"]
        text = f"Step 1: {HOSTILE} again"
        new = outputs.NewOutput(
            seeded.item_ids[0],
            text,
            HOSTILE[:150],
            parent_id=seeded.output_ids[0],
            correction_id=job.payload["correction_id"],
            steps=seeding.steps.split(text),
        )
        made = outputs.add(session, new).id
        judgements.save(session, made, votes=(), critiques=(), risk=seeding.RISK)
        jobs.start(session, job.id, "w1")
        jobs.finish(session, job.id, {"output_id": made})
    expect(page.locator(".rv-pair")).to_be_visible(timeout=15_000)
    assert_shown(page, ".rv-said")
    assert_shown(page, ".rv-pair .rv-diff >> nth=0")
    assert_harmless(page)
    page.keyboard.press("a")
    expect(page.locator("#rv-lessons-card")).to_be_visible()
    with site.db.write() as session:
        (job,) = [job for job in jobs.open_for(session, seeded.project_id) if job.kind == "distil"]
        draft = LessonDraft(LessonKind.RULE, HOSTILE, HOSTILE, (), why=HOSTILE)
        ids = lessons.propose(session, seeded.project_id, [draft], author_id=None)
        jobs.start(session, job.id, "w1")
        jobs.finish(session, job.id, {"lesson_ids": ids})
    expect(page.locator(".rv-lesson")).to_be_visible(timeout=15_000)
    for where in ("[data-lesson-field=text]", "[data-lesson-field=applicability]", ".rv-lesson p"):
        assert_shown(page, where)
    page.locator(".rv-lesson").get_by_role("button", name="Accept").click()
    expect(page.locator(".rv-lesson-active")).to_be_visible()
    assert_shown(page, "[data-lesson-field=text]")
    with site.db.read() as session:
        assert lessons.get(session, ids[0]).text == HOSTILE
    assert_harmless(page)


def test_a_flag_and_a_kept_draft_are_shown_as_text(
    site: Site, seeded: seeding.Seeded, page_for: Callable[..., Page]
) -> None:
    page = page_for(f"bob-{seeded.slug}")
    open_review(page, seeded.slug)
    page.fill("#rv-text", HOSTILE)
    page.keyboard.press("Escape")
    expect(page.locator("#rv-saved")).to_have_attribute("data-state", "saved", timeout=15_000)
    page.keyboard.press("f")
    page.keyboard.insert_text(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator(".rv-prompt")).to_contain_text("2 <img")
    assert_shown(page, "#rv-kept-list .rv-pre")
    assert_harmless(page)
    expert = page_for(f"eve-{seeded.slug}", Role.EXPERT)
    open_review(expert, seeded.slug, "&queue=expert")
    assert_shown(expert, ".rv-flagged")
    assert_harmless(expert)


def test_labels_are_shown_as_text(page: Page, site: Site) -> None:
    label = "<img src=x onerror=window.pwned=1>"
    made = seeding.project(site.db, [label], slug=fresh_slug(), prompts=["x"], labels=(label, "${window.pwned=2}"))
    open_review(page, made.slug)
    expect(page.locator(".rv-choice >> nth=0")).to_contain_text(label)
    page.keyboard.press("2")
    expect(page.locator("#rv-marked")).to_have_text("You say: ${window.pwned=2}.")
    assert page.evaluate("window.pwned") is None
    page.keyboard.press("Enter")
    expect(page.locator("#rv-empty")).to_be_visible()
    assert [one.rewrite for one in corrections(site.db, made)] == ["${window.pwned=2}"]
