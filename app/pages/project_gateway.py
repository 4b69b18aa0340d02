"""The part of a project's settings that says what the gateway keeps, with a look at what an example would become."""

from __future__ import annotations

from typing import Any

import gradio as gr
from pydantic import ValidationError

from app import auth
from app.gateway.keeping import redacted
from app.pages import layout
from app.view.languages import _
from app.view.render import render
from core.projects import GatewaySettings
from core.types import Role

MAX_EXAMPLE = 20_000
NAMES = ("sample_rate", "redact")


def controls() -> dict[str, Any]:
    """Those of ``NAMES``; the example beside them is not kept."""
    made: dict[str, Any] = {}
    with gr.Accordion(_("What the gateway keeps"), open=False, elem_id="gateway-settings"):
        layout.html(render("projects/gateway_note.html"))
        made["sample_rate"] = gr.Slider(
            0,
            1,
            step=0.01,
            label=_("Share of requests that are kept and queued"),
            info=_("0: none. A program may leave itself out with the header X-Corrigenda-Store: no."),
            elem_id="gateway-rate",
        )
        with gr.Row(equal_height=False):
            made["redact"] = gr.Textbox(
                label=_("Patterns that are stored as [redacted], one per line"),
                info=_("RE2. The model gets every request as it is."),
                placeholder=r"[\w.+-]+@[\w.-]+\.\w+",
                lines=4,
                max_lines=20,
                max_length=100_000,
                elem_id="gateway-redact",
            )
            with gr.Column():
                example = gr.Textbox(
                    label=_("Try them on a text (not kept)"),
                    placeholder=_("Write to ada@example.org about order 12345."),
                    lines=4,
                    max_lines=20,
                    max_length=MAX_EXAMPLE,
                    elem_id="gateway-example",
                )
                check = layout.html(elem_id="gateway-check")
    gr.on(
        [made["redact"].change, example.change],
        tried,
        [made["redact"], example],
        check,
        trigger_mode="always_last",
        **layout.LIGHT,
    )
    return made


def tried(patterns: Any, example: Any, request: gr.Request) -> str:
    """What would be stored of the example, or which pattern cannot be used and why."""
    auth.require(request, Role.LEAD)
    lines = patterns_of(patterns)
    if not lines:
        return ""
    try:
        options = GatewaySettings(redact=lines)
    except ValidationError as problem:
        return layout.said(said(problem), "bad")
    text = str(example or "")[:MAX_EXAMPLE]
    return render("projects/gateway_check.html", patterns=len(lines), text=text, stored=redacted(text, options))


def said(problem: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = problem.errors()[0]
    return layout.sentence(ValueError(str(first.get("ctx", {}).get("error", first["msg"]))))


def patterns_of(value: Any) -> list[str]:
    """A pattern may begin or end with spaces; an empty line is none."""
    return [line for line in str(value or "").splitlines() if line.strip()]


def shown(known: dict[str, Any]) -> list[Any]:
    """Values for ``NAMES`` of the settings' part ``gateway``."""
    return [known["sample_rate"], "\n".join(known["redact"])]


def chosen(values: dict[str, Any]) -> dict[str, Any]:
    """The settings' part ``gateway`` of what the controls hold. Raises ``ValueError``."""
    try:
        rate = float(values["sample_rate"])
    except (TypeError, ValueError):
        raise ValueError("the share of requests is a number between 0 and 1") from None
    return {"sample_rate": rate, "redact": patterns_of(values["redact"])}
