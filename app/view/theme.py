"""The look: one palette for light and dark, as CSS variables for our own markup and as a Gradio theme for its components.

Every pair of text and ground below has a contrast of at least 4.5 (WCAG AA); ``tests/app/test_theme.py`` computes them.
Fonts are the system's: nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

CSS_DIR = Path(__file__).resolve().parents[2] / "assets" / "css"

LIGHT = {
    "paper": "#f6f5f1",  # the page
    "surface": "#ffffff",  # cards and inputs
    "raised": "#efede6",  # table heads, quiet buttons, code
    "ink": "#1d252c",
    "muted": "#56616b",
    "line": "#d9d5ca",
    "edge": "#8c8778",  # border of a control: 3:1 against surface
    "brand": "#0f5c5c",
    "brand-strong": "#0a4747",
    "brand-soft": "#dcebe8",
    "on-brand": "#ffffff",
    "accent": "#ad3a1c",  # the correcting pen
    "accent-soft": "#fae6df",
    "ok": "#22663b",
    "ok-soft": "#dff0e4",
    "warn": "#7a5000",
    "warn-soft": "#fbeecb",
    "bad": "#a32020",
    "bad-soft": "#fbe3e1",
    "focus": "#0b57d0",
    "k-rule": "#0f5c5c",  # kinds of lessons on their map
    "k-parameter": "#b1560b",
    "k-exemplar": "#5b3fa8",
    "k-template": "#9c1f5d",
    "k-missing-step": "#2f6fb3",
    "k-entity": "#4f6a12",
}
DARK = {
    "paper": "#13171b",
    "surface": "#1b2126",
    "raised": "#252c33",
    "ink": "#e7eaed",
    "muted": "#a7b1ba",
    "line": "#343d46",
    "edge": "#77828d",
    "brand": "#7accc2",
    "brand-strong": "#9bdcd4",
    "brand-soft": "#1f3a3a",
    "on-brand": "#0b2423",
    "accent": "#ffa286",
    "accent-soft": "#43261d",
    "ok": "#8fd3a5",
    "ok-soft": "#1d3626",
    "warn": "#f0c466",
    "warn-soft": "#3b3017",
    "bad": "#ff9d97",
    "bad-soft": "#472323",
    "focus": "#8ab4ff",
    "k-rule": "#7accc2",
    "k-parameter": "#f0b366",
    "k-exemplar": "#b8a5f5",
    "k-template": "#f598c4",
    "k-missing-step": "#8dc1f5",
    "k-entity": "#b9d47c",
}
SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

_TOKENS = {
    "body_background_fill": "paper",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "background_fill_primary": "surface",
    "background_fill_secondary": "raised",
    "border_color_accent": "brand",
    "border_color_primary": "line",
    "color_accent_soft": "brand-soft",
    "link_text_color": "brand",
    "link_text_color_active": "brand-strong",
    "link_text_color_hover": "brand-strong",
    "link_text_color_visited": "brand",
    "code_background_fill": "raised",
    "block_background_fill": "surface",
    "block_border_color": "line",
    "block_info_text_color": "muted",
    "block_label_background_fill": "surface",
    "block_label_border_color": "line",
    "block_label_text_color": "ink",
    "block_title_text_color": "ink",
    "panel_background_fill": "surface",
    "panel_border_color": "line",
    "accordion_text_color": "ink",
    "table_text_color": "ink",
    "checkbox_background_color": "surface",
    "checkbox_background_color_selected": "brand",
    "checkbox_border_color": "edge",
    "checkbox_border_color_selected": "brand",
    "checkbox_border_color_focus": "focus",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "raised",
    "checkbox_label_background_fill_selected": "brand-soft",
    "checkbox_label_border_color": "line",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "error_background_fill": "bad-soft",
    "error_border_color": "bad",
    "error_text_color": "bad",
    "error_icon_color": "bad",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_border_color": "edge",
    "input_border_color_focus": "focus",
    "input_placeholder_color": "muted",
    "loader_color": "brand",
    "slider_color": "brand",
    "table_border_color": "line",
    "table_even_background_fill": "surface",
    "table_odd_background_fill": "paper",
    "table_row_focus": "brand-soft",
    "button_primary_background_fill": "brand",
    "button_primary_background_fill_hover": "brand-strong",
    "button_primary_border_color": "brand",
    "button_primary_text_color": "on-brand",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "raised",
    "button_secondary_border_color": "edge",
    "button_secondary_text_color": "ink",
    "button_cancel_background_fill": "bad-soft",
    "button_cancel_background_fill_hover": "bad-soft",
    "button_cancel_border_color": "bad",
    "button_cancel_text_color": "bad",
}
_PLAIN = {
    "block_border_width": "1px",
    "block_shadow": "none",
    "block_radius": "8px",
    "block_title_text_weight": "600",
    "block_label_text_weight": "600",
    "container_radius": "8px",
    "input_radius": "6px",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "button_large_radius": "6px",
    "button_medium_radius": "6px",
    "button_small_radius": "6px",
    "button_large_text_weight": "600",
    "button_medium_text_weight": "600",
    "button_border_width": "1px",
    "button_transition": "background-color 120ms",
    "button_primary_shadow": "none",
    "button_primary_shadow_hover": "none",
    "button_secondary_shadow": "none",
    "button_secondary_shadow_hover": "none",
    "layout_gap": "16px",
}


def make_theme() -> gr.themes.Base:
    """Our theme: values for both schemes are written out, because Gradio resolves its variables at the root."""
    import gradio as gr

    theme = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="stone", font=list(SANS), font_mono=list(MONO)
    )
    colours = {name: LIGHT[token] for name, token in _TOKENS.items()}
    colours |= {f"{name}_dark": DARK[token] for name, token in _TOKENS.items()}
    theme.set(color_accent=LIGHT["brand"], **colours, **_PLAIN)
    theme.name = "corrigenda"
    return theme


def variables() -> str:
    """The palette as CSS custom properties: ``--ink``, ``--surface`` and so on, redefined under ``.dark``."""
    light = "".join(f"--{name}:{value};" for name, value in LIGHT.items())
    dark = "".join(f"--{name}:{value};" for name, value in DARK.items())
    fonts = f"--sans:{', '.join(map(_quoted, SANS))};--mono:{', '.join(map(_quoted, MONO))};"
    return f":root{{{light}{fonts}color-scheme:light}}.dark{{{dark}color-scheme:dark}}\n"


def stylesheet() -> str:
    """Palette, ``app.css`` and then the other files of ``assets/css`` by name, as one text."""
    first = CSS_DIR / "app.css"
    rest = sorted(path for path in CSS_DIR.glob("*.css") if path != first)
    return variables() + "\n".join(path.read_text("utf-8") for path in (first, *rest))


def _quoted(font: str) -> str:
    return f'"{font}"' if " " in font else font
