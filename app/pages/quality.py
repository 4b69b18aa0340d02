"""Quality: who agrees with whom, what is known of each person, how wrong the steps are, and whether more corrections are worth it."""

from __future__ import annotations

from app.pages import layout
from app.state import AppState
from app.view import quality as view
from app.view.languages import _


def build(state: AppState) -> None:
    picker = layout.head(_("Quality"), _("Whether people agree, and whether more corrections are worth it."))
    shown = [layout.html(elem_id=f"quality-{name}") for name in view.PARTS]
    layout.parts_page(state, picker, shown, lambda session, project_id: view.parts(view.read(session, project_id)))
