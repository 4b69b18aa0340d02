"""Quality: who agrees with whom, what is known of each person, how wrong the steps are, and whether more corrections are worth it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import quality as view
from core.types import Role


def build(state: AppState) -> None:
    picker = layout.head("Quality", "Whether people agree, and whether more corrections are worth it.")
    shown = [layout.html(elem_id=f"quality-{name}") for name in view.PARTS]

    def page_opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            return [choice, *_page(session, project_id)]

    def project_chosen(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            return _page(session, layout.as_int(project))

    layout.on_load(page_opened, None, [picker, *shown])
    picker.input(project_chosen, picker, shown, **layout.LIGHT)


def _page(session: Any, project_id: int | None) -> list[str]:
    return [""] * len(view.PARTS) if project_id is None else view.parts(view.read(session, project_id))
