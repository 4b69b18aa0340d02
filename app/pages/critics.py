"""Critics: how each does against people, what they got wrong, versions of the trained one, kinds of errors, and people themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import auth, choosing
from app.pages import layout
from app.state import AppState
from app.view import critics as view
from app.view.languages import N_, _, choices
from app.worker.waking import fit_critic
from core.types import Role

Handler = Callable[..., Any]
LIVE_SECONDS = 4.0
ONLY_ADMINS = N_("Only an admin can change which version is in force.")


def build(state: AppState) -> None:
    picker = layout.head(_("Critics"), _("What says that a step is wrong, and whether people agree."))
    seen = gr.State({})
    summary = layout.html(elem_id="critics-summary")
    with gr.Row(elem_id="critics-filters"):
        critic = gr.Dropdown(view.choices([]), value="", label=_("Critic"), elem_id="critics-critic")
        period = gr.Dropdown(choices(view.PERIODS), value="7", label=_("Time"), elem_id="critics-period")
    mistakes = layout.html(elem_id="critics-mistakes")
    versions = layout.html(elem_id="critics-versions", actions=True)
    with gr.Row():
        retrain = gr.Button(_("Train the step critic now"), elem_id="critics-retrain", scale=0, min_width=290)
        said = layout.html(elem_id="critics-said")
    types, people, influence = (layout.html(elem_id=f"critics-{name}") for name in ("types", "people", "influence"))
    shown = [summary, critic, mistakes, seen, versions, types, people, influence, said]

    page_opened, project_chosen, filtered, follow = _reading(state)
    chosen, train = _changing(state)
    following: dict[str, Any] = {"fn": follow, "inputs": [picker, seen], "outputs": [seen, versions], **layout.LIGHT}
    layout.on_load(page_opened, period, [picker, *shown])
    picker.input(project_chosen, [picker, period], shown, **layout.LAST)
    gr.on([critic.input, period.input], filtered, [picker, critic, period], mistakes, **layout.LAST)
    versions.click(chosen, picker, said, **layout.LIGHT).then(**following)
    retrain.click(train, picker, said, **layout.LIGHT).then(**following)
    gr.Timer(LIVE_SECONDS).tick(**following)


def _reading(state: AppState) -> tuple[Handler, ...]:
    """What fills the page, its filters, and the versions as time goes by."""

    def page_opened(days: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            return [choice, *_page(session, project_id, str(days), admin=person.may(Role.LEAD, project_id))]

    def project_chosen(project: Any, days: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            return _page(
                session, layout.as_int(project), str(days), admin=person.may(Role.LEAD, layout.as_int(project))
            )

    def filtered(project: Any, name: Any, days: Any, request: gr.Request) -> str:
        auth.require(request, Role.EXPERT)
        project_id = layout.as_int(project)
        if project_id is None:
            return ""
        with state.db.read() as session:
            return view.mistakes(session, view.read(session, project_id), str(name or ""), str(days or ""))

    def follow(project: Any, known: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        project_id = layout.as_int(project)
        if project_id is None:
            return [known, ""]
        with state.db.read() as session:
            html = view.versions(session, project_id, admin=person.may(Role.LEAD, project_id))
        marks, parts = layout.changed(known, versions=html)
        return [marks, *parts]

    return page_opened, project_chosen, filtered, follow


def _changing(state: AppState) -> tuple[Handler, ...]:
    """What admins do: put a version in force, and train."""

    def chosen(project: Any, event: gr.EventData, request: gr.Request) -> str:
        person = auth.require(request, Role.EXPERT)
        if not person.may(Role.LEAD, layout.as_int(project)):
            return layout.said(_(ONLY_ADMINS), "bad")
        data = layout.data_of(event)
        try:
            with state.db.write() as session:
                use(session, layout.as_int(project) or 0, data.get("version", "?"), person.id)
        except LookupError as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("In force. The worker lets it speak of what waits for people."), "ok")

    def train(project: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.EXPERT)
        project_id = layout.as_int(project)
        if not person.may(Role.LEAD, project_id):
            return layout.said(_("Only a lead can start a training."), "bad")
        if project_id is None:
            return layout.said(_("Choose a project first."), "bad")
        with state.db.write() as session:
            missing = view.too_few(session, project_id)
            if missing:
                return layout.said(missing, "bad")
            fit_critic(session, project_id, user_id=person.id)
        return layout.said(_("Queued for the worker. Its figures stand here when it is done."), "ok")

    return chosen, train


def use(session: Any, project_id: int, version: str, user_id: int) -> None:
    """Put a version in force, by its id; empty for the head that comes with the product. Raises ``LookupError``."""
    model_id = layout.as_int(version) if version else None
    if version and model_id is None:
        raise LookupError("there is no such version")
    choosing.use_critic(session, project_id, model_id, user_id)


def _page(session: Any, project_id: int | None, days: str, *, admin: bool) -> list[Any]:
    """Values for everything below the choice of a project."""
    if project_id is None:
        return ["", gr.skip(), "", {}, "", "", "", "", ""]
    book = view.read(session, project_id)
    marks, (versions,) = layout.changed({}, versions=view.versions(session, project_id, admin=admin))
    return [
        view.summary(book),
        gr.Dropdown(view.choices(book.critics), value=""),
        view.mistakes(session, book, "", days),
        marks,
        versions,
        view.types(book),
        view.people(session, book),
        view.influence(book),
        "",
    ]
