"""The page of rules: every kind is written, tried, changed, switched off, imported and exported; hostile text stays text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from core.signals.rule_file import load
from core.signals.rules import RuleSpec
from core.types import Role
from store import rules
from store.tables import Job, Review, Vote
from tests.browser.conftest import Site
from tests.browser.shell_rows import HOSTILE, fill
from tests.browser.test_shell import settled, to_tab
from tests.factories import build

pytestmark = pytest.mark.browser
TEXT = "Natalia sold 48 clips.\nAnswer: 48 clips"


@pytest.fixture
def page(page_for: Callable[..., Page]) -> Page:
    return page_for("ada", Role.ADMIN)


def opened(page: Page) -> None:
    page.goto("/admin/")
    settled(page)
    to_tab(page, "Rules")
    expect(page.locator("#rules")).to_contain_text("rules", ignore_case=True)


def field(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(f"#rule-{name} textarea, #rule-{name} input").first


def kind(page: Page, label: str) -> None:
    page.locator("#rule-kind").get_by_label(label, exact=True).check()


def test_each_kind_is_tried_and_kept(site: Site, page: Page) -> None:
    rows = fill(site.db, TEXT)
    opened(page)
    check, said = page.locator("#rule-check"), page.locator("#rule-said")
    kind(page, "Number")
    field(page, "name").fill("too many")
    expect(check).to_contain_text("Say what to compare with")
    field(page, "value").fill("40")
    expect(check).to_contain_text("Votes on 3 of the latest 3 answers")
    expect(check).to_contain_text('The number "48 clips" in the answer is above 40.')
    page.locator("#rule-add").click()
    expect(said).to_contain_text("too many is added")
    kind(page, "Unit")
    field(page, "name").fill("in km")
    field(page, "unit").fill("km")
    expect(check).to_contain_text('"48 clips" in the answer has "clips", not km.')
    page.locator("#rule-add").click()
    expect(said).to_contain_text("in km is added")
    kind(page, "JSON schema")
    field(page, "name").fill("as JSON")
    field(page, "schema").fill('{"type": "object"')
    expect(check).to_contain_text("The schema is not JSON")
    field(page, "schema").fill('{"type": "object"}')
    expect(check).to_contain_text("The answer is not JSON")
    page.locator("#rule-add").click()
    expect(said).to_contain_text("as JSON is added")
    kind(page, "Length")
    field(page, "name").fill("long enough")
    field(page, "least").fill("90")
    expect(check).to_contain_text("The answer has 7 words, fewer than 90.")
    page.locator("#rule-add").click()
    expect(page.locator("#rules .rule")).to_have_count(4)
    with site.db.read() as session:
        found = {rule.name: rule for rule in rules.specs(session, rows.project_id)}
        assert found["too many"].options == {"take": "final", "check": "above", "value": 40}
        assert found["long enough"].options == {"of": "words", "at_least": 90, "check": "outside"}
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "revote")) == 4


def test_figures_are_live_and_a_rule_is_changed_and_switched_off(site: Site, page: Page) -> None:
    rows = fill(site.db, TEXT)
    with site.db.write() as session:
        rule = RuleSpec(name="sells", options={"pattern": "sold"}, says="acceptable", evidence="It sells.")
        rules.add(session, rows.project_id, rule, user_id=None)
    opened(page)
    card = page.locator("#rules .rule")
    expect(card).to_contain_text("not enough reviews (0 of 10)")
    expect(card).to_contain_text("0 of 3")
    with site.db.write() as session:
        build(session, Vote, output_id=rows.outputs[0], source="sells", verdict="acceptable")
        build(session, Vote, output_id=rows.outputs[1], source="sells", verdict=None, error="ValueError: <b>odd</b>")
        build(session, Review, output_id=rows.outputs[0], verdict="faulty")
    expect(card).to_contain_text("33 % 1 of 3", timeout=10_000)
    expect(card).to_contain_text("100 % 1 of 1")  # the arithmetic signal says faulty
    expect(card).to_contain_text("not enough reviews (1 of 10)")
    expect(card).to_contain_text(f"On answer {rows.outputs[1]}: ValueError: <b>odd</b>")
    card.get_by_role("button", name="Edit").click()
    expect(field(page, "pattern")).to_have_value("sold")
    expect(page.locator("#rule-check")).to_contain_text("Votes on 3 of the latest 3 answers")
    field(page, "pattern").fill("sold 4")
    page.locator("#rule-add").click()
    expect(page.locator("#rule-said")).to_contain_text("sells is changed")
    expect(card).to_contain_text("sold 4")
    expect(card).to_contain_text("0 of 3")
    expect(page.locator("#rule-add")).to_have_text("Add the rule")
    card.get_by_role("button", name="Switch off").click()
    expect(card).to_contain_text("switched off")
    with site.db.read() as session:
        assert rules.list_all(session, rows.project_id, enabled=True) == []
    card.get_by_role("button", name="Switch on").click()
    expect(card).not_to_contain_text("switched off")


def test_a_file_goes_out_and_comes_in_and_a_bad_one_says_where(site: Site, page: Page, tmp_path: Path) -> None:
    rows = fill(site.db, TEXT)
    opened(page)
    good, bad = tmp_path / "rules.yaml", tmp_path / "bad.yml"
    good.write_text("- name: sells\n  options: {pattern: sold}\n  says: faulty\n  evidence: It <b>sells</b>.\n")
    bad.write_text("- name: other\n  options: {patern: sold}\n  says: faulty\n")
    chooser = page.locator("#rules-import").locator("xpath=..").locator("input[type=file]").first
    chooser.set_input_files(bad)
    expect(page.locator("#rules-said")).to_contain_text("Rule 1 'other' (line 1), line 2: options.patern is not known")
    chooser.set_input_files(good)
    expect(page.locator("#rules-said")).to_contain_text("1 added, 0 changed")
    expect(page.locator("#rules .rule")).to_contain_text("It <b>sells</b>.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export rules.yaml").click()
    with site.db.read() as session:
        assert load(download.value.path().read_text()) == rules.specs(session, rows.project_id)


def test_hostile_text_stays_text(site: Site, page: Page) -> None:
    rows = fill(site.db, HOSTILE)
    with site.db.write() as session:
        rule = RuleSpec(name=HOSTILE[:70], options={"pattern": r"<img.*"}, says="faulty", evidence=HOSTILE)
        rules.add(session, rows.project_id, rule, user_id=None)
        build(session, Vote, output_id=rows.outputs[0], source=HOSTILE[:70], verdict=None, error=HOSTILE)
    opened(page)
    expect(page.locator("#rules .rule")).to_contain_text("<img src=x")
    page.locator("#rules").get_by_role("button", name="Edit").click()
    expect(page.locator("#rule-check li").first).to_contain_text("<img src=x")
    assert page.evaluate("window.pwned") is None
