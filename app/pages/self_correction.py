"""Self-correction: what second answers of each refiner put right, break and cost, and when to take them."""

from __future__ import annotations

from app.pages import layout
from app.state import AppState
from app.view import self_correction as view
from app.view.languages import _


def build(state: AppState) -> None:
    picker = layout.head(_("Self-correction"), _("Whether second answers are better, and what they cost."))
    shown = [layout.html(elem_id=f"self-correction-{name}") for name in view.PARTS]
    layout.parts_page(state, picker, shown, lambda session, project_id: view.parts(view.read(session, project_id)))
