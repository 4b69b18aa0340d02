"""Settings of this installation, as they are in effect. They are changed in the environment, not here."""

from __future__ import annotations

from typing import Any

import gradio as gr
from pydantic import SecretStr
from sqlalchemy import make_url

from app import auth
from app.pages import layout
from app.settings import Settings
from app.state import AppState
from app.view.languages import _
from app.view.render import render
from core.types import Role


def build(state: AppState) -> None:
    layout.html(render("page_head.html", title=_("Settings"), hint=_("As they are in effect now.")))
    shown = layout.html(elem_id="settings")

    def show(request: gr.Request) -> str:
        auth.require(request, Role.ADMIN)
        return render("settings/list.html", rows=rows(state.settings), dialect=state.db.dialect)

    layout.on_load(show, None, shown)


def rows(settings: Settings) -> list[dict[str, Any]]:
    """Name, environment variable, value as text, whether it differs from the default, and what it does; no secrets."""
    found = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        found.append(
            {
                "variable": f"CORRIGENDA_{name.upper()}",
                "value": _shown(name, value),
                "changed": value != info.get_default(call_default_factory=True),
                "description": info.description or "",
            }
        )
    return found


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return _("set, not shown")
    if name == "database_url" and value:
        return make_url(str(value)).render_as_string(hide_password=True)
    if value is None or value == []:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
