"""Templates escape everything, and the palette keeps its contrast."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from jinja2 import UndefinedError

from app.view import theme
from app.view.render import ASSETS, age, environment, excerpt, render
from tests.conftest import Clock

HOSTILE = """<img src=x onerror="alert(1)">'"&`${alert(1)}{{7*7}}</script>"""


def test_values_are_escaped_and_never_evaluated() -> None:
    html = render("said.html", text=HOSTILE, tone='bad" onclick="x')
    assert "<img" not in html and "</script>" not in html and 'onclick="' not in html
    assert "{{7*7}}" in html and "${alert(1)}" in html


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("said.html", text="x")


def test_every_template_compiles_and_none_marks_text_as_safe() -> None:
    names = environment().list_templates(extensions=["html"])
    assert len(names) > 15
    for name in names:
        environment().get_template(name)
        source = (ASSETS / "templates" / name).read_text("utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|<script(?! src=)", source), name


def test_no_page_uses_gradio_templates() -> None:
    """Gradio evaluates ``html_template`` as JavaScript, and f-strings do not escape."""
    for path in (ASSETS.parent / "app").rglob("*.py"):
        if path.name != "render.py" and path.name != "layout.py":
            source = path.read_text("utf-8")
            assert "html_template" not in source and "gr.Markdown" not in source, path
            assert not re.search(r"""f['"]{1,3}[^'"\n]*<(div|span|p|b|a|li|td|pre)\b""", source), path


def test_age_in_words(clock: Clock) -> None:
    then = clock.moment
    for seconds, words in (
        (0, "just now"),
        (90, "1 min ago"),
        (7200, "2 h ago"),
        (86400, "1 day ago"),
        (3 * 86400, "3 days ago"),
    ):
        clock.moment = then + timedelta(seconds=seconds)
        assert age(then) == words
    assert age(None) == "never"
    assert age(datetime(2030, 1, 1, tzinfo=UTC)) == "just now"


def test_excerpt_cuts_at_a_word() -> None:
    assert excerpt("one  two\nthree", 20) == "one two three"
    assert excerpt("one two three", 8) == "one two…"
    assert len(excerpt("x" * 500, 50)) <= 51


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_has_aa_contrast_on_every_ground_it_stands_on(palette: dict[str, str]) -> None:
    pairs = [(text, ground) for text in ("ink", "muted", "brand", "bad", "accent") for ground in ("paper", "surface")]
    pairs += [
        ("ink", "raised"),
        ("muted", "raised"),
        ("on-brand", "brand"),
        ("on-brand", "brand-strong"),
        ("ink", "brand-soft"),
    ]
    pairs += [(tone, f"{tone}-soft") for tone in ("ok", "warn", "bad", "brand", "accent")]
    pairs += [("ink", f"{tone}-soft") for tone in ("ok", "warn", "bad", "accent")]
    low = {pair: round(contrast(palette[pair[0]], palette[pair[1]]), 2) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}
    for ground in ("paper", "surface"):
        assert contrast(palette["edge"], palette[ground]) >= 3
        assert contrast(palette["focus"], palette[ground]) >= 3


def test_both_palettes_name_the_same_colours_and_the_style_sheet_has_them() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()
    css = theme.stylesheet()
    used = set(re.findall(r"var\(--([a-z-]+)\)", css)) - {"sans", "mono"}
    assert used <= theme.LIGHT.keys(), used - theme.LIGHT.keys()
    assert "@import" not in css and "http" not in css.replace("http://www.w3.org", "")
