"""Pages in German in a real browser, and that nothing on them is left unmarked."""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.view import languages
from core.types import Role
from tests.browser import seeding
from tests.browser.conftest import PASSWORD, Site
from tests.browser.shell_rows import fill
from tests.browser.test_accessibility import serious_findings

pytestmark = pytest.mark.browser

PAGES = (
    "/app/", "/app/review", "/app/lessons", "/app/taking-back", "/app/calibration", "/app/quality", "/app/critics",
    "/app/self-correction", "/admin/", "/admin/exports", "/admin/people", "/admin/jobs", "/admin/queues", "/admin/audit",
    "/admin/webhooks", "/admin/settings",
)  # fmt: skip
# What stands on the pages of an empty site and is no text of ours: names, formats, commands, and Gradio's own words.
NO_TEXT = re.compile(
    r"Corrigenda|English|Deutsch|\bada\b|CORRIGENDA_\w+|JSONL?|CSV|Parquet|sqlite|corrigenda \w+|https?:\S+|/[\w/.-]+"
    r"|\d{4}-\d\d-\d\d\S*|UTC|[a-z]+\.[a-z]+|Reset to default value|(number input|range slider) for|More tabs|processing|author"
    r"|- oder -|Datei hier ablegen|Hochladen|Click to upload or drop files|File upload"
)
SHOWN = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const around = node.parentElement;
    if (!around || around.closest('script, style, code, .mono, noscript, #audit tbody')) continue;
    if (around.checkVisibility && !around.checkVisibility({ visibilityProperty: true })) continue;
    found.push(node.textContent.trim());
  }
  for (const node of document.querySelectorAll('#main [title], #main [aria-label], #main [placeholder], header [aria-label]'))
    for (const name of ['title', 'aria-label', 'placeholder'])
      if (node.hasAttribute(name)) found.push(`@${name} ${node.getAttribute(name)}`);
  return found.filter(Boolean);
}"""


class Pseudo(gettext.NullTranslations):
    """Every text in letters that nobody writes by hand; placeholders, tags and what is in braces stay."""

    def gettext(self, text: str) -> str:
        parts = re.split(r"(%\(\w+\)s|%%|\{[^{}]*\}|<[^>]*>)", text)
        return "".join(part if i % 2 else part.translate(WIDE) for i, part in enumerate(parts))

    def ngettext(self, one: str, many: str, n: int) -> str:
        return self.gettext(one if n == 1 else many)


WIDE = {ord(letter): ord(letter) - 0x21 + 0xFF01 for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def speak(monkeypatch: pytest.MonkeyPatch, pseudo: Pseudo) -> None:
    """German is the made-up language; what scripts say is not kept from or for other tests."""
    monkeypatch.setattr(languages, "_catalogue", lambda _: pseudo)
    monkeypatch.setattr(languages, "_script_texts", languages._script_texts.__wrapped__)


def settled(page: Page) -> None:
    page.wait_for_selector(".site-header[data-role]")
    page.wait_for_function("!document.querySelector('.generating, .pending')")
    page.wait_for_timeout(400)


def unmarked(page: Page) -> list[str]:
    """Texts on the page with a word that no catalogue has given; the page must have some that one has."""
    assert re.search("[Ａ-Ｚａ-ｚ]{3}", page.locator("#main").inner_text()), page.url
    shown = {
        text
        for text in page.evaluate(SHOWN)
        if re.search(r"[A-Za-z]{3,}", NO_TEXT.sub("", text.partition(" ")[2] if text[0] == "@" else text))
    }
    return sorted(shown)


def test_german_is_chosen_in_the_header_and_stays(site: Site, page: Page) -> None:
    made = seeding.project(site.db)
    page.goto(f"/app/?project={made.project_id}")
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Deutsch").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/de/app/?project={made.project_id}")
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page).to_have_title("Start · Corrigenda")
    expect(page.locator("#home-waiting")).to_contain_text("Nächste Aufgabe prüfen")
    expect(page.locator("#home-work")).to_contain_text("Bisher war kein Worker hier")
    page.locator("#start-review").click()
    page.wait_for_url("**/de/app/review**")
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name=re.compile("Annehmen|annehmen")).first).to_be_visible()
    page.goto("/app/lessons")
    page.wait_for_url("**/de/app/lessons**")
    page.watch.expect("401")  # type: ignore[attr-defined]
    page.watch.expect("console: Response")  # type: ignore[attr-defined]
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_from_a_german_address_leads_to_it(site: Site, page_for: Callable[..., Page]) -> None:
    site.user("eva")
    page = page_for("bob")
    page.goto("about:blank")
    page.context.clear_cookies()
    page.goto("/de/app/lessons")
    page.get_by_label("Name").fill("eva")
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.wait_for_url("**/de/app/lessons")
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_a_browser_that_asks_for_german_gets_it_on_a_phone_in_the_dark(page_for: Callable[..., Page]) -> None:
    page = page_for("ada", Role.ADMIN, locale="de-DE", viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.wait_for_url("**/de/app/")
    settled(page)
    button = page.get_by_role("button", name="English")
    expect(button).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = button.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["height"] >= 24


def test_nothing_on_the_pages_of_an_empty_site_is_unmarked(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a language whose every text is written in wide letters, what is in others was not marked."""
    pseudo = Pseudo()
    speak(monkeypatch, pseudo)
    left = {}
    for path in PAGES:
        page.goto(f"/de{path}")
        settled(page)
        if found := unmarked(page):
            left[path] = found
    assert left == {}, "\n".join(f"{path}: {text}" for path, texts in left.items() for text in texts)


def test_nothing_beside_the_data_is_unmarked(site: Site, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where there is work: all data is digits, so that every word on the page is a text."""
    rows, pseudo = fill(site.db, "0123 4567"), Pseudo()
    speak(monkeypatch, pseudo)
    left = {}
    for path in (
        f"/app/?project={rows.project_id}",
        f"/app/review?project={rows.project_id}&item={rows.items[0]}",
        f"/app/lessons?project={rows.project_id}&lesson={rows.lessons[0]}",
        f"/app/taking-back?project={rows.project_id}",
        f"/app/calibration?project={rows.project_id}",
        f"/app/critics?project={rows.project_id}",
        f"/admin/?project={rows.project_id}",
        f"/admin/exports?project={rows.project_id}",
        "/admin/people",
        "/admin/jobs",
        f"/admin/queues?project={rows.project_id}",
    ):
        page.goto(f"/de{path}")
        settled(page)
        found = set(unmarked(page))
        for tab in page.get_by_role("tab").all():
            if tab.is_visible():
                tab.click()
                page.wait_for_timeout(150)
                found |= set(unmarked(page))
        if found:
            left[path] = sorted(found)
    assert left == {}, "\n".join(f"{path}: {text}" for path, texts in left.items() for text in texts)


def test_german_fits_a_phone_and_has_no_serious_finding(site: Site, page_for: Callable[..., Page]) -> None:
    """German is longer: no page scrolls sideways, and axe finds in it what it finds in English, nothing."""
    rows = fill(site.db, "Halve before adding")
    page = page_for("ada", Role.ADMIN, viewport={"width": 360, "height": 740}, color_scheme="dark", locale="de-DE")
    wrong: list[str] = []
    for path in PAGES:
        page.goto(f"/de{path}?project={rows.project_id}")
        settled(page)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        wrong += [f"{path}: {wide} px too wide"] if wide > 0 else []
        wrong += [f"{path}: {line}" for line in serious_findings(page)]
    assert not wrong, "\n".join(wrong)
