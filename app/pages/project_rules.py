"""Rules of a project: written by people, tried on its latest answers while they are typed, and how each of them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout, rule_form
from app.pages.project_import import incoming
from app.state import AppState
from app.view import rules as view
from app.view.languages import _
from app.view.render import render
from app.view.words import words
from app.worker.waking import wake_rules
from core.signals.rule_file import MAX_BYTES, load
from core.signals.rules import spec
from core.types import Role, Verdict
from store import projects, rules

LIVE_SECONDS = 3.0
NAMES = rule_form.NAMES
FORM = len(NAMES) + 4  # the rule's number, the controls, the title and two buttons
Handler = Callable[..., Any]


def build(state: AppState, picker: gr.Dropdown) -> None:
    seen, editing = gr.State([]), gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=340):
            shown = layout.html(elem_id="rules", actions=True)
            upload = gr.UploadButton(_("Import rules.yaml"), file_types=[".yaml", ".yml"], elem_id="rules-import")
            imported = layout.html(elem_id="rules-said")
        with gr.Column(scale=2, min_width=340, elem_classes="form-column", elem_id="rule-form"):
            title = layout.html(_title(None))
            controls, groups = rule_form.build()
            check = layout.html(elem_id="rule-check")
            said = layout.html(elem_id="rule-said")
            add = gr.Button(_("Add the rule"), variant="primary", elem_id="rule-add")
            cancel = gr.Button(_("Write a new one instead"), visible=False, elem_id="rule-cancel")
    fields = [controls[name] for name in NAMES]
    form = [editing, *fields, title, add, cancel]
    changing = [
        *(groups[kind] for _, kind in rule_form.KINDS),
        *(controls[name] for name in ("captures", "value", "prompt_number", "low", "high")),
    ]

    typed = [picker, *fields]
    show, follow, take_in = _list_handlers(state)
    attempt, choose, keep = _form_handlers(state)
    act, new = _button_handlers(state)
    picker.change(show, picker, [seen, shown, controls["says"]], **layout.LIGHT)
    gr.Timer(LIVE_SECONDS).tick(follow, [picker, seen], [seen, shown], **layout.LIGHT)
    gr.on([field.change for field in fields], attempt, typed, check, trigger_mode="always_last", **layout.LIGHT)
    chosen = [controls[name] for name in ("kind", "check", "take")]
    gr.on([control.change for control in chosen], choose, chosen, changing, **layout.LIGHT)
    add.click(keep, [picker, editing, *fields], [shown, said, check, *form], **layout.LIGHT)
    shown.click(act, picker, [shown, imported, *form], **layout.LIGHT)
    cancel.click(new, None, [check, *form], **layout.LIGHT)
    upload.upload(take_in, [picker, upload], [shown, imported], **layout.LIGHT)


def _list_handlers(state: AppState) -> tuple[Handler, ...]:
    """What fills the list: when a project is chosen, as time goes by, and from a file."""

    def show(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return [[], "", gr.skip()]
        with state.db.read() as session:
            labels = [str(label) for label in projects.get(session, project_id).labels]
            claims = [Verdict.FAULTY.value, Verdict.ACCEPTABLE.value, *labels]
            says = gr.Dropdown(
                [*((words(one), one) for one in claims[:2]), *((one, one) for one in labels)], value=claims[0]
            )
            return [view.marks(session, project_id), view.listed(session, project_id), says]

    def follow(project: Any, known: Any, request: gr.Request) -> list[Any]:
        """The list again, if a vote, a review or a rule has come since."""
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return [gr.skip(), gr.skip()]
        with state.db.read() as session:
            now = view.marks(session, project_id)
            return [gr.skip(), gr.skip()] if now == known else [now, view.listed(session, project_id)]

    def take_in(project: Any, path: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        project_id = layout.as_int(project) or 0
        try:
            text = _text_of(state, path)
            with state.db.write() as session:
                projects.get(session, project_id)
                added, changed = rules.take_in(session, project_id, load(text), user_id=person.id)
                if added or changed:
                    wake_rules(session, project_id, person.id)
                listed = view.listed(session, project_id)
        except (ValueError, LookupError) as problem:
            return [gr.skip(), layout.said(layout.sentence(problem), "bad")]
        return [
            listed,
            layout.said(
                _("{added} added, {changed} changed. Rules that are not in the file stay.").format(
                    added=added, changed=changed
                ),
                "ok",
            ),
        ]

    return show, follow, take_in


def _form_handlers(state: AppState) -> tuple[Handler, ...]:
    """What the form does: try the rule, show the controls of its kind, and keep it."""

    def attempt(project: Any, request: gr.Request, *values: Any) -> str:
        auth.require(request, Role.LEAD)
        project_id, filled = layout.as_int(project), dict(zip(NAMES, values, strict=True))
        if project_id is None or _is_untouched(filled):
            return ""
        try:
            asked = rule_form.rule_values(filled)
        except ValueError as problem:
            return layout.said(layout.sentence(problem), "bad")
        with state.db.read() as session:
            return view.tried(session, project_id, asked)

    def choose(kind: Any, comparison: Any, take: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        return rule_form.visible(kind, comparison, take)

    def keep(project: Any, changed: Any, request: gr.Request, *values: Any) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        project_id, rule_id = layout.as_int(project) or 0, layout.as_int(changed)
        try:
            rule = spec(rule_form.rule_values(dict(zip(NAMES, values, strict=True))))
            with state.db.write() as session:
                if rule_id is None:
                    rules.add(session, project_id, rule, user_id=person.id)
                else:
                    rules.change(session, rules.get(session, rule_id, project_id).id, rule, user_id=person.id)
                wake_rules(session, project_id, person.id)
                listed = view.listed(session, project_id)
        except (ValueError, LookupError) as problem:
            return [gr.skip(), layout.said(layout.sentence(problem), "bad"), gr.skip(), *[gr.skip()] * FORM]
        done = _("{name} is added. It votes on all answers now.")
        if rule_id is not None:
            done = _("{name} is changed. It votes on all answers now.")
        done = done.format(name=rule.name)
        return [listed, layout.said(done, "ok"), "", *_filled(None, {**rule_form.EMPTY, "kind": rule.kind})]

    return attempt, choose, keep


def _button_handlers(state: AppState) -> tuple[Handler, ...]:
    """What the buttons of a rule do, and the one that empties the form."""

    def act(project: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        data, project_id = layout.data_of(event), layout.as_int(project) or 0
        same = [gr.skip()] * FORM
        try:
            with state.db.write() as session:
                rule = rules.get(session, layout.as_int(data.get("rule")) or 0, project_id)
                if data.get("action") == "edit":
                    values = dict(zip(NAMES, rule_form.form_values(rules.values_of(rule)), strict=True))
                    return [gr.skip(), "", *_filled(rule.id, values)]
                done = _switched(session, rule.id, str(data.get("action")), person.id)
                wake_rules(session, project_id, person.id)
                return [view.listed(session, project_id), layout.said(done, "ok"), *same]
        except (LookupError, ValueError) as problem:
            return [gr.skip(), layout.said(layout.sentence(problem), "bad"), *same]

    def new(request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        return ["", *_filled(None, rule_form.EMPTY)]

    return act, new


def _filled(rule_id: int | None, values: dict[str, Any]) -> list[Any]:
    """The form for a rule, or for a new one: its number, its controls, its title and its buttons."""
    controls = [values[name] for name in NAMES]
    label = _("Add the rule") if rule_id is None else _("Save the change")
    return [
        rule_id,
        *controls,
        _title(values["name"] if rule_id else None),
        gr.Button(label),
        gr.Button(visible=rule_id is not None),
    ]


def _title(name: str | None) -> str:
    return render("projects/rule_title.html", name=name)


def _switched(session: Session, rule_id: int, action: str, user_id: int) -> str:
    if action == "remove":
        rules.remove(session, rule_id, user_id=user_id)
        return _("Removed, and its votes with it.")
    if action not in ("on", "off"):
        raise ValueError("there is no such button")
    rules.set_enabled(session, rule_id, action == "on", user_id=user_id)
    return (
        _("Switched on: it votes on all answers now.")
        if action == "on"
        else _("Switched off, and its votes are taken back.")
    )


def _is_untouched(filled: dict[str, Any]) -> bool:
    """Whether there is nothing yet to try: a pattern rule without a pattern."""
    if filled["kind"] not in {kind for _, kind in rule_form.KINDS}:
        return True
    return filled["kind"] == "pattern" and not filled["pattern"]


def _text_of(state: AppState, path: Any) -> str:
    known = incoming(state, path)
    if known is None:
        raise ValueError("choose a file first")
    if known.stat().st_size > MAX_BYTES:
        raise ValueError(f"a file of rules has at most {MAX_BYTES // 1000} kB: split it")
    try:
        return known.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("this file is not UTF-8 text: save it as UTF-8") from None
