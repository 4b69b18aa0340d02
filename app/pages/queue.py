"""Queues: how far each is, who holds what, who takes part, how it works, and assigning; for admins and leads of the project."""

from __future__ import annotations

from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout, queue_routing, queue_settings
from app.state import AppState
from app.view import queue as view
from app.view.languages import N_, _, ngettext
from app.view.words import figure, words
from app.worker import waking
from core.types import QueueKind, Role
from store import projects, queue, users
from store.tables import Queue

SECONDS = 5.0
NO_BUTTON = N_("there is no such button: reload the page")


def build(state: AppState) -> None:
    seen = gr.State({})
    picker = layout.head(_("Queues"), _("Who works on what, and how it is given out."))
    kind = gr.Radio(
        view.kind_choices(),
        value=QueueKind.ANNOTATE.value,
        label=_("Queue"),
        elem_id="queue-kind",
    )
    said = layout.html(elem_id="queue-said")
    with gr.Row(equal_height=False, elem_classes="two-to-one"):
        with gr.Column(scale=2, min_width=320):
            shown = {name: layout.html(elem_id=f"queue-{name}", actions=True) for name in ("progress", "held")}
        with gr.Column(scale=1, min_width=300):
            shown |= {name: layout.html(elem_id=f"queue-{name}", actions=True) for name in ("people", "skips")}
    blocks = [shown[name] for name in view.PARTS]
    assigning = _assigning()
    form = [*queue_settings.build(state, picker, kind, said), *queue_routing.build(state, picker, said)]

    def opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            people = [(f"{user.name} ({words(user.role)})", user.id) for user in users.list_all(session) if user.active]
            first = _parts(session, project_id, QueueKind.ANNOTATE)
            values = _form(session, project_id, QueueKind.ANNOTATE)
        return [choice, gr.CheckboxGroup(people, value=[]), *first.values(), *values]

    def show(project: Any, which: Any, known: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            return _changed(session, layout.as_int(project), _kind(which), known)

    def chosen(project: Any, which: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            found = _parts(session, layout.as_int(project), _kind(which))
            values = _form(session, layout.as_int(project), _kind(which))
        return ["", *found.values(), *values]

    def pressed(project: Any, which: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        return _after(state, project, which, lambda session: _act(session, person.id, project, which, event))

    def assign(
        project: Any, which: Any, named: Any, words: Any, risk: Any, most: Any, request: gr.Request
    ) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        given = {"users": named, "words": words, "risk": risk, "most": most}
        return _after(state, project, which, lambda session: _assign(session, person.id, project, which, given))

    def reorder(project: Any, which: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        return _after(state, project, which, lambda session: _reorder(session, person.id, project, which))

    where = [picker, kind]
    layout.on_load(opened, None, [picker, assigning["users"], *blocks, *form])
    gr.Timer(SECONDS).tick(show, [*where, seen], [seen, *blocks], **layout.LIGHT)
    picker.input(chosen, where, [said, *blocks, *form], **layout.LAST)
    kind.input(chosen, where, [said, *blocks, *form], **layout.LAST)
    for part in blocks:
        part.click(pressed, where, [said, *blocks], **layout.LIGHT)
    fields = [assigning[name] for name in ("users", "words", "risk", "most")]
    assigning["button"].click(assign, [*where, *fields], [said, *blocks], **layout.LIGHT)
    assigning["order"].click(reorder, where, [said, *blocks], **layout.LIGHT)


def _assigning() -> dict[str, Any]:
    made: dict[str, Any] = {}
    with gr.Accordion(_("Assign and re-order"), open=False, elem_id="queue-assign"):
        made["users"] = gr.CheckboxGroup([], label=_("To these people, in turn"), elem_id="assign-users")
        with gr.Row():
            made["words"] = gr.Textbox(
                label=_("Only items with these words"), info=_("In name or prompt."), max_length=200, max_lines=1
            )
            made["risk"] = gr.Number(label=_("Only from this risk on, in percent"), minimum=0, maximum=100, value=0)
            made["most"] = gr.Number(
                label=_("At most"),
                info=_("The most urgent first."),
                precision=0,
                minimum=1,
                maximum=queue.access.MOST,
                value=100,
            )
        with gr.Row():
            made["button"] = gr.Button(_("Assign what is nobody’s"), variant="primary", elem_id="assign")
            made["order"] = gr.Button(_("Put the whole queue in order"), elem_id="reorder")
    return made


def _kind(value: Any) -> QueueKind:
    return QueueKind(value) if value in set(QueueKind) else QueueKind.ANNOTATE


def _form(session: Session, project_id: int | None, kind: QueueKind) -> list[Any]:
    return [*queue_settings.values(session, project_id, kind), *queue_routing.values(session, project_id)]


def _parts(session: Session, project_id: int | None, kind: QueueKind) -> dict[str, str]:
    if project_id is None:
        nothing = layout.said(_("There is no project yet: make one on the Projects page."), "warn")
        return {name: nothing if name == "progress" else "" for name in view.PARTS}
    return view.parts(session, project_id, kind)


def _changed(session: Session, project_id: int | None, kind: QueueKind, known: Any) -> list[Any]:
    marks, parts = layout.changed(known, **_parts(session, project_id, kind))
    return [marks, *parts]


def _after(state: AppState, project: Any, which: Any, act: Any) -> list[Any]:
    """Do it in one transaction; what to say, and the parts as they are then."""
    try:
        with state.db.write() as session:
            said = layout.said(act(session), "ok")
    except (ValueError, LookupError, TypeError) as problem:
        said = layout.said(layout.sentence(problem), "bad")
    with state.db.read() as session:
        return [said, *_parts(session, layout.as_int(project), _kind(which)).values()]


def _act(session: Session, by: int, project: Any, which: Any, event: gr.EventData) -> str:
    """Do what a button in a part asks for; returns what to say."""
    data = layout.data_of(event)
    action, slot, user_id = data.get("action", ""), layout.as_int(data.get("slot")), layout.as_int(data.get("user"))
    line = projects.queue_of(session, layout.as_int(project) or 0, _kind(which))
    if action == "release" and slot is not None:
        holder = queue.force_release(session, slot, by)
        name = users.get(session, holder).name
        return _("Released. {name} keeps what they typed as a draft.").format(name=name)
    if action == "put-back" and slot is not None:
        queue.put_back(session, slot, by)
        return _("It is back in the queue.")
    if user_id is not None:
        return _person(session, by, line, action, user_id)
    return _gold(session, by, line, action)


def _person(session: Session, by: int, line: Queue, action: str, user_id: int) -> str:
    name = users.get(session, user_id).name
    if action == "leave":
        went = queue.leave_queue(session, line, user_id, by)
        return _("{name} takes no part any more; {n} of their slots went on.").format(name=name, n=went)
    if action == "join":
        queue.join(session, line, user_id, by)
        return _("{name} takes part.").format(name=name)
    if action == "let-go-on":
        queue.gold.let_go_on(session, line, user_id, by)
        return _("{name} goes on; their gold items are counted anew.").format(name=name)
    raise ValueError(_(NO_BUTTON))


def _gold(session: Session, by: int, line: Queue, action: str) -> str:
    if action == "gold-add":
        made = queue.gold.add_decided(session, line, by)
        if not made:
            return _("No decided answer is left that is none yet.")
        return _("{n} decided answers are gold items now.").format(n=made)
    if action == "gold-retire":
        return _("{n} gold items are mixed in no more.").format(n=queue.gold.retire_all(session, line, by))
    raise ValueError(_(NO_BUTTON))


def _assign(session: Session, by: int, project: Any, which: Any, given: dict[str, Any]) -> str:
    line = projects.queue_of(session, layout.as_int(project) or 0, _kind(which))
    named = [user for one in given["users"] or [] if (user := layout.as_int(one)) is not None]
    risk = float(given["risk"] or 0) / 100
    count = queue.assign(
        session,
        line,
        named,
        by=by,
        words=str(given["words"] or ""),
        least_risk=risk if risk > 0 else None,
        limit=int(given["most"] or 0),
    )
    if not count:
        return _("Nothing that waits is nobody’s and fits; nothing was assigned.")
    said = ngettext("{n} slot assigned.", "{n} slots assigned.", count).format(n=figure(count))
    if line.access != "any":
        return said
    return f"{said} {_('The queue’s access is “anybody”: choose “assigned” under Settings to make it count.')}"


def _reorder(session: Session, by: int, project: Any, which: Any) -> str:
    """A job: it works in short pieces, and nobody has to stop claiming."""
    project_id, kind = layout.as_int(project) or 0, _kind(which)
    waking.order_queue(session, project_id, kind, by)
    return f"{_('The worker puts the queue in order.')} {view.ordering(session, project_id, kind)}".strip()
