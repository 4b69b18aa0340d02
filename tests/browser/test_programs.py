"""What concerns programs, in a real browser: tokens, webhooks, and what the gateway keeps."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from store import projects, webhooks
from tests.browser.conftest import Site
from tests.browser.test_shell import settled, to_tab

pytestmark = pytest.mark.browser


def test_a_token_is_made_copied_used_and_revoked(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/account/tokens")
    page.get_by_label("Name", exact=True).fill("nightly <b>job</b>")
    page.get_by_label("read projects").check()
    page.get_by_role("button", name="Make the token").click()
    shown = page.locator("#new-token")
    expect(shown).to_contain_text("corr_")
    shown.click()
    token = page.evaluate("window.getSelection().toString()") or shown.inner_text()
    assert token == shown.inner_text(), "one click selects all of it"
    headers = {"authorization": f"Bearer {token}"}
    assert page.request.get(f"{site.url}/api/v1/projects", headers=headers).status == 200
    page.goto(f"{site.url}/account/tokens")
    expect(page.locator("#new-token")).to_have_count(0)
    expect(page.locator("table")).to_contain_text("nightly <b>job</b>")
    page.get_by_role("button", name="Revoke nightly").click()
    expect(page.locator("table")).to_contain_text("revoked")
    assert page.request.get(f"{site.url}/api/v1/projects", headers=headers).status == 401


def test_a_webhook_is_added_tested_and_switched_off(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/admin/settings")
    page.get_by_role("link", name="Webhooks").click()
    settled(page)
    page.locator("#webhook-url textarea, #webhook-url input").fill("ftp://example.org")
    page.locator("#webhook-add").click()
    expect(page.locator("#webhooks-said")).to_contain_text("https://host/path")
    page.locator("#webhook-url textarea, #webhook-url input").fill("https://example.org/<i>hook</i>")
    page.locator("#webhook-add").click()
    expect(page.locator("#webhook-secret")).to_contain_text("whsec_")
    expect(page.locator("#webhooks")).to_contain_text("https://example.org/<i>hook</i>")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#webhooks")).to_contain_text("webhook.test")
    expect(page.locator("#webhooks")).to_contain_text("waits")
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    with site.db.read() as session:
        [row] = webhooks.list_all(session)
    assert not row.active


def test_what_the_gateway_keeps_is_tried_and_saved(site: Site, page: Page) -> None:
    with site.db.write() as session:
        made = projects.create(session, slug="p", name="P", item_type="text").id
    page.goto(f"{site.url}/admin/?project={made}")
    settled(page)
    to_tab(page, "Settings")
    expect(page.get_by_label("Name", exact=True)).to_have_value("P")
    page.get_by_role("button", name="What the gateway keeps").click()
    page.locator("#gateway-redact textarea").fill("(")
    expect(page.locator("#gateway-check")).to_contain_text("cannot be used")
    page.locator("#gateway-redact textarea").fill(r"[\w.]+@[\w.]+")
    expect(page.locator("#gateway-check")).to_contain_text("1 pattern works")
    page.locator("#gateway-example textarea").fill("Write to ada@example.org <b>now</b>.")
    expect(page.locator("#gateway-stored")).to_have_text("Write to [redacted] <b>now</b>.")
    page.locator("#settings-save").click()
    expect(page.locator("#settings-said")).to_contain_text("Saved")
    with site.db.read() as session:
        assert projects.get(session, made).settings["gateway"] == {"sample_rate": 1.0, "redact": [r"[\w.]+@[\w.]+"]}
