"""Webhooks: addresses that are told of events, with what was sent to each, to be tested, switched, removed and sent once more."""

from __future__ import annotations

from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout
from app.state import AppState
from app.view.languages import N_, _
from app.view.render import render
from core.types import Role
from core.webhooks import MAX_URL, SAYS, Event
from store import projects, webhooks

LIVE_SECONDS = 3.0
SHOWN = 20  # deliveries of the address whose log is open
EVERYTHING = (N_("all projects"), 0)


def build(state: AppState) -> None:
    hint = _("Other programs that are told of what happens here, by a signed message each time.")
    layout.html(render("page_head.html", title=_("Webhooks"), hint=hint))
    seen, opened = gr.State({}), gr.State(None)
    said = layout.html(elem_id="webhooks-said")
    table = layout.html(elem_id="webhooks", actions=True)
    with gr.Column(elem_classes="form-column wide"):
        layout.html(render("webhooks/add_head.html", private=state.settings.webhooks_private))
        with gr.Row():
            url = gr.Textbox(
                label=_("Address"),
                placeholder="https://example.org/hook",
                max_length=MAX_URL,
                max_lines=1,
                elem_id="webhook-url",
                scale=3,
                min_width=260,
            )
            project = gr.Dropdown(
                [_everything()], value=0, label=_("Events of"), elem_id="webhook-project", min_width=180
            )
        events = gr.CheckboxGroup(
            [(event.value, event.value) for event in Event],
            value=[Event.REVIEW_SUBMITTED.value],
            label=_("Is told of"),
            elem_id="webhook-events",
        )
        add = gr.Button(_("Add the webhook"), variant="primary", elem_id="webhook-add", scale=0, min_width=200)
    layout.html(render("webhooks/events.html", events=SAYS))

    def load(request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        with state.db.read() as session:
            known = [_everything(), *((row.name, row.id) for row in projects.list_all(session))]
            return [gr.Dropdown(known, value=0), _table(session, None)]

    def follow(known: Any, chosen: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        with state.db.read() as session:
            html = _table(session, layout.as_int(chosen))
        marks, parts = layout.changed(known, table=html)
        return [marks, *parts]

    def add_one(address: Any, where: Any, wanted: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        try:
            with state.db.write() as session:
                names = [str(name) for name in wanted] if isinstance(wanted, list) else []
                project_id = layout.as_int(where) or None
                row = webhooks.add(session, str(address or ""), names, project_id=project_id, user_id=person.id)
                return [_secret(row.secret, row.url), _table(session, row.id), "", row.id]
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), gr.skip(), gr.skip(), gr.skip()]

    def pressed(chosen: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        data, open_ = layout.data_of(event), layout.as_int(chosen)
        number = layout.as_int(data.get("webhook")) or 0
        try:
            if data.get("action") == "log":
                open_, text = (None if open_ == number else number), ""
            else:
                with state.db.write() as session:
                    text = _act(session, data, number, person.id)
        except (ValueError, LookupError) as problem:
            text = layout.said(layout.sentence(problem), "bad")
        with state.db.read() as session:
            return [text, _table(session, open_), open_]

    layout.on_load(load, None, [project, table])
    gr.Timer(LIVE_SECONDS).tick(follow, [seen, opened], [seen, table], **layout.LIGHT)
    add.click(add_one, [url, project, events], [said, table, url, opened], **layout.LIGHT)
    table.click(pressed, opened, [said, table, opened], **layout.LIGHT)


def _everything() -> tuple[str, int]:
    label, key = EVERYTHING
    return _(label), key


def _table(session: Session, opened: int | None) -> str:
    rows = webhooks.list_all(session)
    names = {project.id: project.name for project in projects.list_all(session)}
    known = {row.id for row in rows}
    log = webhooks.deliveries(session, opened, limit=SHOWN) if opened in known and opened is not None else ()
    return render("webhooks/table.html", rows=rows, names=names, opened=opened, log=log)


def _secret(secret: str, url: str) -> str:
    return render("webhooks/secret.html", secret=secret, url=url)


def _act(session: Session, data: dict[str, str], webhook_id: int, user_id: int) -> str:
    """Do what a button of the table asks for; what to say, as HTML."""
    action = data.get("action")
    if action in ("on", "off"):
        webhooks.change(session, webhook_id, user_id=user_id, active=action == "on")
        if action == "on":
            return layout.said(_("Switched on. It is told again; what waited is sent now."), "ok")
        return layout.said(_("Switched off. It is told nothing until then."), "ok")
    if action == "test":
        webhooks.test(session, webhook_id)
        return layout.said(_("A test is on its way. Its log says what came of it."), "ok")
    if action == "secret":
        row = webhooks.renew_secret(session, webhook_id, user_id=user_id)
        return _secret(row.secret, row.url)
    if action == "remove":
        webhooks.remove(session, webhook_id, user_id=user_id)
        return layout.said(_("Removed, with its log."), "ok")
    if action == "again":
        webhooks.send_again(session, webhook_id, layout.as_int(data.get("delivery")) or 0)
        return layout.said(_("It is sent once more, under the same id."), "ok")
    raise ValueError("there is no such button: reload the page")
