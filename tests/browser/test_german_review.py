"""One review in German from the claim to the next item, by keys: the page, its announcements and its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.types import Role
from tests.browser import reviewing, seeding
from tests.browser.conftest import Site

# Words of ours that an English page has; the answer of the test is English too, so none of its words are among them.
ENGLISH = re.compile(
    r"\b(?:marked|review|reviewed|draft|critics?|submit|skip|lessons?|corrections?|saved|queue)\b", re.I
)


def own_words(page: Page) -> str:
    """What the page says beside what people and models wrote, attributes included."""
    return page.evaluate(
        """() => {
          const page = document.querySelector('#review').cloneNode(true);
          for (const node of page.querySelectorAll('.rv-text, .rv-step-text, .rv-pre, textarea, .rv-vote-evidence')) node.remove();
          const names = ['title', 'aria-label', 'placeholder', 'aria-valuetext'];
          const attributes = [...page.querySelectorAll('*')].flatMap((node) => names.map((name) => node.getAttribute(name)));
          return [page.textContent, ...attributes].filter(Boolean).join('\\n');
        }"""
    )


def test_a_review_in_german_from_the_claim_to_the_next_item(site: Site, page_for: Callable[..., Page]) -> None:
    seeded = seeding.project(site.db, [seeding.ANSWER] * 3, slug="stifte")
    page = page_for("uta", Role.ANNOTATOR, locale="de-DE")
    reviewing.open_review(page, "stifte")
    expect(page).to_have_url(re.compile(r"/de/app/review\?project=stifte"))
    said, marked = page.locator("#rv-notice-body"), page.locator("#rv-marked")

    expect(page.get_by_role("heading", name="Antwort", exact=True)).to_be_visible()
    expect(page.locator("#rv-finding")).to_contain_text("Kritiker: Schritt 3, Rechenfehler.")
    expect(page.locator(".rv-risk-line")).to_contain_text("nicht kalibriert (4 von 30 Prüfungen)")
    assert not ENGLISH.findall(own_words(page)), ENGLISH.findall(own_words(page))

    page.keyboard.press("Enter")
    expect(said).to_contain_text("Noch ist nichts markiert oder getippt.")
    page.locator("#rv-step-2").focus()
    page.keyboard.press("x")
    expect(marked).to_have_text("Schritt 3 ist als erster falscher markiert.")
    expect(page.locator("#rv-marker")).to_have_attribute("aria-valuetext", "Schritt 3 von 4")
    expect(page.locator(".rv-mask-note")).to_contain_text("1 späterer Schritt ist ausgeblendet")
    expect(page.locator("#rv-step-3 .rv-step-state")).to_have_text(", ausgeblendet")
    page.keyboard.press("c")
    page.keyboard.type("20 - 17 ist 3.")
    expect(page.locator("#rv-saved")).to_contain_text("gespeichert")
    expect(page.locator("#rv-handling")).to_have_text(
        "Vorgeschlagen: Schritt 3 ist markiert; es braucht den Versuch bis Schritt 3."
    )
    page.keyboard.press("Control+Enter")
    expect(said).to_contain_text("Abgesendet. Lektionen daraus erscheinen hier")
    expect(page.locator("#rv-lessons-card")).to_contain_text("Lektionen aus stifte-0")

    expect(page.locator(".rv-item")).to_contain_text("stifte-1")
    page.wait_for_function("window.Corrigenda.review.item?.keeper && !window.Corrigenda.review.busy")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet")).to_contain_text("dies ist der erste falsche Schritt")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator("#rv-ask")).to_contain_text("Warum überspringen Sie die Aufgabe?")
    page.keyboard.type("nicht mein Fach")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("Übersprungen. Ihr Grund ist dabei vermerkt.")

    (review,) = reviewing.reviews(site.db, seeded)
    (correction,) = reviewing.corrections(site.db, seeded)
    assert (review.verdict, review.first_wrong_step, correction.text) == ("faulty", 2, "20 - 17 ist 3.")
