"""The browser's word diff spells both texts exactly, and groups what changed as a reader would."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).parents[2] / "assets" / "js" / "worddiff.js"
TEXTS = st.lists(
    st.sampled_from(["a", "b", "word", " ", "\n", "é", "日本", "🎉", "<b>", "3", "=", "."]), max_size=25
).map("".join)


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Page:
    page = browser.new_page()
    page.add_script_tag(path=str(SCRIPT))
    return page


def diff(page: Page, old: str, new: str) -> list[list[str]]:
    made: list[list[str]] = page.evaluate("([a, b]) => Corrigenda.wordDiff(a, b)", [old, new])
    return made


@given(old=TEXTS, new=TEXTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pieces_spell_both_texts(blank: Page, old: str, new: str) -> None:
    pieces = diff(blank, old, new)
    assert "".join(text for op, text in pieces if op != "insert") == old
    assert "".join(text for op, text in pieces if op != "delete") == new


def test_neighbouring_changes_are_one_phrase(blank: Page) -> None:
    assert diff(blank, "she pays with a note", "she pays in big coins") == [
        ["equal", "she pays "],
        ["delete", "with a note"],
        ["insert", "in big coins"],
    ]
    assert diff(blank, "20 - 17 = 4 dollars", "20 - 17 = 3 dollars") == [
        ["equal", "20 - 17 = "],
        ["delete", "4"],
        ["insert", "3"],
        ["equal", " dollars"],
    ]


def test_long_texts_are_quick(blank: Page) -> None:
    old = " ".join(str(n) for n in range(3000))
    new = " ".join(str(n if n % 7 else -n) for n in range(3000))
    pieces = diff(blank, old, new)
    assert "".join(text for op, text in pieces if op != "delete") == new
