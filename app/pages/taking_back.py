"""Taking back: choose what was wrong, see what hangs on it, look at suspects, say why, and roll it back if it was right after all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import auth, lesson_changes
from app.pages import layout
from app.state import AppState
from app.view import taking_back as view
from app.view.languages import N_, _
from app.view.render import render
from app.view.words import words
from app.worker import client
from core.types import LessonKind, Role

BACK = N_("It is retraction {id}; below is the way back.")
Handler = Callable[..., Any]
LIVE_SECONDS = 4.0
NO_SUSPECTS = N_("Nothing that stands has anything in common with what this retraction holds.")
HINT = N_(
    "When a person, a guideline or an import turns out wrong: out of search, prompts and exports at once, and back again if need be."
)


def build(state: AppState) -> None:
    picker = layout.head(_("Taking back"), _(HINT))
    layout.html(render("taking_back/how.html"))
    controls = _controls()
    look = gr.Button(_("Show what this reaches"), variant="primary", elem_id="taking-look", scale=0, min_width=240)
    preview = layout.html(elem_id="taking-preview")
    suspects = gr.CheckboxGroup(
        [], label=_("Suspects: tick what is wrong as well"), elem_id="taking-suspects", visible=False
    )
    with gr.Row(equal_height=False):
        why = gr.Textbox(
            label=_("Why? (of what is taken back, or of rolling it back)"),
            max_lines=3,
            max_length=1000,
            elem_id="taking-why",
        )
        act = gr.Button(_("Take it back"), variant="stop", elem_id="taking-act", scale=0, min_width=160)
    said = layout.html(elem_id="taking-said")
    past = layout.html(elem_id="taking-past", actions=True)
    seen = gr.State({})
    chosen = [*controls.values(), suspects]
    opened, project_chosen, shown, done, pressed, follow = _handlers(state, tuple(controls))
    filled = [controls["author"], controls["import"], controls["lessons"], preview, suspects, past, seen]
    layout.on_load(opened, None, [picker, *filled])
    picker.input(project_chosen, picker, filled, **layout.LAST)
    look.click(shown, [picker, *chosen], [preview, suspects, said], **layout.LIGHT)
    after: dict[str, Any] = {"fn": follow, "inputs": [picker, seen], "outputs": [past, seen], **layout.LIGHT}
    act.click(done, [picker, why, *chosen], [said, preview, suspects, why], **layout.LIGHT).then(**after)
    past.click(pressed, [picker, why], [said, why, suspects], **layout.LIGHT).then(**after)
    gr.Timer(LIVE_SECONDS).tick(**after)


def _controls() -> dict[str, Any]:
    with gr.Row(elem_classes="filters"):
        author = gr.Dropdown([(_("Anybody"), "")], value="", label=_("Corrected by"), min_width=160)
        since = gr.Textbox(label=_("From"), placeholder="2026-03-01 14:30", max_lines=1, min_width=150)
        until = gr.Textbox(label=_("Until"), placeholder="2026-03-02", max_lines=1, min_width=150)
        batch = gr.Dropdown([(_("Any"), "")], value="", label=_("Items that came with"), min_width=180)
        said = gr.Textbox(label=_("Words in the correction"), max_lines=1, min_width=180)
    with gr.Row(elem_classes="filters"):
        kinds = [(_("Any"), ""), *((words(kind.value), kind.value) for kind in LessonKind)]
        kind = gr.Dropdown(kinds, value="", label=_("Kind of lesson"), min_width=150)
        text = gr.Textbox(label=_("Words in the lesson"), max_lines=1, min_width=180)
        numbers = gr.Textbox(label=_("Lessons by number"), placeholder="12, 15", max_lines=1, min_width=140)
        item = gr.Textbox(label=_("Item number"), max_lines=1, min_width=110)
        output = gr.Textbox(label=_("Answer number"), max_lines=1, min_width=110)
    reviews = gr.Checkbox(
        label=_("What they decided about the answers goes too (verdicts and marked steps)"), value=False
    )
    return {
        "author": author,
        "since": since,
        "until": until,
        "import": batch,
        "said": said,
        "kind": kind,
        "text": text,
        "lessons": numbers,
        "item": item,
        "output": output,
        "reviews": reviews,
    }


def _handlers(state: AppState, names: tuple[str, ...]) -> tuple[Handler, ...]:
    def filter_of(values: tuple[Any, ...]) -> Any:
        return view.wanted(dict(zip((*names, "suspects"), values, strict=True)))

    def fill(session: Any, project_id: int | None, person: auth.Person, number: str = "") -> list[Any]:
        nobody = gr.CheckboxGroup([], visible=False)
        if project_id is None:
            return [gr.skip(), gr.skip(), gr.skip(), "", nobody, "", {}]
        html = view.past(session, project_id, admin=person.may(Role.LEAD, project_id))
        marks, (past,) = layout.changed({}, past=html)
        people, batches = view.authors(session, project_id), view.imports(session, project_id)
        return [gr.Dropdown(people, value=""), gr.Dropdown(batches, value=""), number, "", nobody, past, marks]

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            lesson = layout.as_int(request.query_params.get("lesson"))
            numbers = str(lesson) if lesson else view.numbers_of(session, project_id or 0, request.query_params)
            return [choice, *fill(session, project_id, person, numbers)]

    def project_chosen(project: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            return fill(session, layout.as_int(project), person)

    def shown(project: Any, request: gr.Request, *values: Any) -> list[Any]:
        auth.require(request, Role.EXPERT)
        try:
            with state.db.read() as session:
                project_id, want = layout.as_int(project) or 0, filter_of(values)
                html = view.preview(session, project_id, want)
                found = view.suspects(session, project_id, filter_of((*values[:-1], ())))
        except (ValueError, LookupError) as problem:
            return ["", gr.skip(), layout.said(layout.sentence(problem), "bad")]
        choices = [view.choice(one) for one in found]
        kept = [value for _, value in choices if value in set(values[-1] or ())]
        return [html, gr.CheckboxGroup(choices, value=kept, visible=bool(choices)), ""]

    def done(project: Any, why: Any, request: gr.Request, *values: Any) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        try:
            with state.db.write() as session:
                want = filter_of(values)
                said = lesson_changes.retract_many(
                    session, layout.as_int(project) or 0, want, person.id, str(why or "")
                )
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), gr.skip(), gr.skip(), gr.skip()]
        near = _suspects(state, layout.as_int(project) or 0, said.id)
        return [layout.said(f"{said.says()} {_(BACK).format(id=said.id)}", "ok"), "", near, ""]

    return opened, project_chosen, shown, done, _pressed(state), _follow(state)


def _suspects(state: AppState, project_id: int, retraction_id: int) -> gr.CheckboxGroup:
    """What may be wrong for the same reason as what a retraction holds, nearest in meaning where a worker can say so."""
    with state.db.read() as session:
        texts = view.texts_of(session, project_id, retraction_id)
    vectors = client.embed(state.db, state.settings, list(texts.values())) if texts else None
    known = {} if vectors is None else dict(zip(texts, vectors, strict=True))
    with state.db.read() as session:
        found = view.suspects_of(session, project_id, retraction_id, known)
    return gr.CheckboxGroup([view.choice(one) for one in found], value=[], visible=bool(found))


def _pressed(state: AppState) -> Handler:
    """Undo a retraction, look for suspects, label anew, offer heads again, or put a version in force."""

    def pressed(project: Any, why: Any, event: gr.EventData, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        data, project_id = layout.data_of(event), layout.as_int(project) or 0
        try:
            if data.get("action") == "suspects":
                near = _suspects(state, project_id, layout.as_int(data.get("id")) or 0)
                return ["" if near.choices else layout.said(_(NO_SUSPECTS), ""), gr.skip(), near]
            with state.db.write() as session:
                return [layout.said(_press(session, data, project_id, person, str(why or "")), "ok"), "", gr.skip()]
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), gr.skip(), gr.skip()]

    return pressed


def _press(session: Any, data: dict[str, str], project_id: int, person: auth.Person, why: str) -> str:
    from store import lessons

    number = layout.as_int(data.get("id")) or 0
    if data.get("action") == "use":
        if not person.may(Role.LEAD, project_id):
            raise ValueError(_("only a lead can change which version is in force"))
        return view.use(session, project_id, data.get("what", ""), number, person.id)
    if lessons.get_retraction(session, number).project_id != project_id:
        raise LookupError(_("this project has no retraction {id}").format(id=number))
    if data.get("action") == "relabel":
        n = lesson_changes.relabel(session, project_id, number, person.id, why)
        return _(
            "Labelled anew on {n} items; their lessons are proposed as soon as a worker has distilled them."
        ).format(n=n)
    if data.get("action") == "unlabel":
        return lesson_changes.unlabel(session, project_id, number, person.id, why).says()
    if data.get("action") != "undo" and data.get("action") != "heads":
        raise ValueError(_("there is no such action"))
    if data.get("action") == "heads":
        lesson_changes.wake_unlearning(session, project_id, number, person.id)
        return _(
            "Queued for the worker. What it offers stands here when it is done; nothing comes into force by itself."
        )
    found = lesson_changes.undo(session, number, person.id, why)
    parts = [
        _(
            "Rolled back. Lessons that are as they were: {n}; active ones are found as soon as they are embedded."
        ).format(n=len(found.lessons))
    ]
    if found.kept:
        parts.append(
            _("Left as they are, because another retraction holds them or somebody decided since: {n}.").format(
                n=len(found.kept)
            )
        )
    if found.turned_down:
        parts.append(_("Proposals in their place that were turned down: {n}.").format(n=len(found.turned_down)))
    if found.good or found.stale:
        parts.append(
            _("Exports that are good again: {good}; written meanwhile and now stale: {stale}.").format(
                good=len(found.good), stale=len(found.stale)
            )
        )
    return " ".join(parts)


def _follow(state: AppState) -> Handler:
    def follow(project: Any, known: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        project_id = layout.as_int(project)
        if project_id is None:
            return ["", known]
        with state.db.read() as session:
            html = view.past(session, project_id, admin=person.may(Role.LEAD, project_id))
        marks, parts = layout.changed(known, past=html)
        return [*parts, marks]

    return follow
