"""Calibration: whether risk means what it says, by which figures, and from which risk on answers go to people."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.choosing import set_threshold
from app.pages import layout
from app.state import AppState
from app.view import calibration as view
from app.view import judges
from app.view.languages import N_, _, ngettext
from app.view.render import render
from app.view.words import figure
from core.types import Role

PEOPLE = N_("Only answers with at least this risk go to people, and the random draws")


def build(state: AppState) -> None:
    picker = layout.head(_("Calibration"), _("Whether risk means what it says."))
    known = gr.State(None)
    summary = layout.html(elem_id="calibration-summary")
    with gr.Column(elem_id="calibration-threshold"):
        layout.html(render("calibration/threshold_head.html"))
        slider = gr.Slider(0, 1, value=0.5, step=0.01, label=_("Risk threshold"), elem_id="threshold")
        expected = layout.html(elem_id="threshold-says")
        only_risky = gr.Checkbox(label=_(PEOPLE), elem_id="only-risky")
        save = gr.Button(_("Set the threshold"), variant="primary", elem_id="threshold-save")
        said = layout.html(elem_id="threshold-said")
    charts = layout.html(elem_id="calibration-charts")
    figures = layout.html(elem_id="calibration-figures")
    tables = layout.html(elem_id="calibration-tables")
    audit = layout.html(elem_id="calibration-judges")
    late = [figures, tables, audit]
    shown = [summary, known, slider, only_risky, expected, charts, figures, said]

    def page_opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            return [choice, *_page(session, project_id)]

    def project_chosen(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            return _page(session, layout.as_int(project))

    def slower(project: Any, request: gr.Request) -> list[str]:
        """What takes longer comes once the rest is shown: intervals, and the tables of sources and models, and the audit of judges."""
        auth.require(request, Role.EXPERT)
        project_id = layout.as_int(project)
        if project_id is None:
            return ["", "", ""]
        with state.db.read() as session:
            history = view.read(session, project_id)
            tables, judged = view.tables(session, history), judges.section(session, project_id)
        return [view.figures_table(history, intervals=True), tables, judged]

    def slider_moved(value: Any, kept: Any, request: gr.Request) -> Any:
        auth.require(request, Role.EXPERT)
        return view.threshold_said(kept, _risk(value)) if isinstance(kept, view.Threshold) else gr.skip()

    def threshold_kept(project: Any, value: Any, risky: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        if not person.may(Role.LEAD, layout.as_int(project)):
            return [gr.skip(), gr.skip(), layout.said(_("Only a lead can set the threshold."), "bad")]
        try:
            with state.db.write() as session:
                moved = set_threshold(session, layout.as_int(project) or 0, _risk(value), bool(risky), person.id)
                now = view.threshold(session, view.read(session, layout.as_int(project) or 0))
        except (ValueError, LookupError) as problem:
            return [gr.skip(), gr.skip(), layout.said(layout.sentence(problem), "bad")]
        return [now, view.threshold_said(now, now.value), layout.said(_moved(moved), "ok")]

    layout.on_load(page_opened, None, [picker, *shown]).then(slower, picker, late, **layout.LIGHT)
    picker.input(project_chosen, picker, shown, **layout.LAST).then(slower, picker, late, **layout.LIGHT)
    slider.change(slider_moved, [slider, known], expected, **layout.LIGHT)
    save.click(threshold_kept, [picker, slider, only_risky], [known, expected, said], **layout.LIGHT)


def _page(session: Any, project_id: int | None) -> list[Any]:
    """Values for everything below the choice of a project."""
    if project_id is None:
        return ["", None, gr.skip(), gr.skip(), "", "", "", ""]
    history = view.read(session, project_id)
    known = view.threshold(session, history)
    return [
        view.summary(session, history),
        known,
        known.value,
        known.only_risky,
        view.threshold_said(known, known.value),
        view.charts(history),
        view.figures_table(history, intervals=False),
        "",
    ]


def _moved(n: int) -> str:
    """What came of a new threshold, for ``n`` answers that wait elsewhere now."""
    if not n:
        return _("Set. No waiting answer changed sides.")
    said = ngettext("Set. {n} waiting answer changed sides.", "Set. {n} waiting answers changed sides.", n)
    return said.format(n=figure(n))


def _risk(value: Any) -> float:
    """What came from the slider, to the hundredth; ``ValueError`` for what is no number."""
    try:
        return min(1.0, max(0.0, round(float(value), 2)))
    except (TypeError, ValueError):
        raise ValueError("the threshold is a risk between 0 and 1") from None
