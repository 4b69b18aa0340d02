"""The review page: prompt, answer and correction side by side, with one event for everything that a person does.

The browser's events arrive at ``act`` through one block whose script hands Gradio's ``trigger`` to ``review.js``. Every
handler asks who is there, and trusts no id from the browser without the claim's token. Typed text lives in the browser and
in drafts (``app.api.drafts``); Gradio's state only remembers which jobs the timer looks after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app import auth, trouble
from app.auth import Person
from app.pages import layout, review_actions, review_board, review_lessons, review_reask, review_retry
from app.pages.review_reply import BLOCKS, Act, Refused, Reply, Wanted, Watch, board_blocks, empty_blocks, notice
from app.pages.review_similar import similar
from app.state import AppState
from app.view.languages import _, of_error
from app.view.review import Empty
from app.worker import client
from store import queue

SECONDS = 0.8  # between two looks at a job
BUS_JS = """
window.corrigendaBus = trigger;
window.dispatchEvent(new CustomEvent('corrigenda:bus', { detail: (name, data) => trigger('act', data) }));
"""
DRAWN_JS = """
const name = element.closest('.block').id.replace('rv-', '');
watch('value', () => window.dispatchEvent(new CustomEvent('corrigenda:rendered', { detail: name })));
"""
ACTIONS: dict[str, Callable[..., Reply]] = {
    "open": review_actions.open_next,
    "submit": review_actions.submit,
    "accept": review_actions.accept,
    "cannot_judge": review_actions.cannot_judge,
    "skip": review_actions.skip,
    "flag": review_actions.flag,
    "split": review_actions.split,
    "undo": review_actions.undo,
    "vote": review_actions.vote,
    "discard": review_actions.discard,
    "retry": review_retry.retry,
    "reask": review_reask.reask,
    "distil": review_lessons.done,
    "lesson": review_lessons.decide,
    "close-lessons": review_lessons.close,
}


def build(state: AppState) -> None:
    """Add the page to the open Blocks."""
    blocks, bus = _blocks()
    timer = gr.Timer(SECONDS, active=False)
    watch = gr.State(Watch())
    outputs = [*(blocks[name] for name in BLOCKS), timer, watch]

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request)
        return _outputs(_open(state, Wanted.of(_query(request)), person))

    def act(event: gr.EventData, watch: Watch | None, request: gr.Request) -> list[Any]:
        person = auth.require(request)
        return _outputs(_act(state, event._data, person, watch or Watch()))

    def tick(watch: Watch | None, request: gr.Request) -> list[Any]:
        person = auth.require(request)
        return _outputs(_look(state, person, watch or Watch()))

    layout.on_load(opened, None, outputs)
    bus.act(act, [watch], outputs, trigger_mode="multiple", **layout.LIGHT)
    timer.tick(tick, [watch], outputs, trigger_mode="once", **layout.LIGHT)


def _blocks() -> tuple[dict[str, gr.HTML], gr.HTML]:
    def block(name: str, *, watched: bool = False) -> gr.HTML:
        return gr.HTML("", elem_id=f"rv-{name}", apply_default_css=False, js_on_load=DRAWN_JS if watched else None)

    bus = gr.HTML("", elem_id="rv-bus", js_on_load=BUS_JS)
    made = {"notice": block("notice", watched=True)}
    with gr.Row(elem_id="review"):
        with gr.Column(elem_id="rv-left"):
            made["item"] = block("item")
        with gr.Column(elem_id="rv-middle"):
            watched = ("compare", "answer", "lessons")
            made |= {name: block(name, watched=name in watched) for name in ("compare", "attempt", "answer", "lessons")}
        with gr.Column(elem_id="rv-right"):
            made |= {
                name: block(name, watched=name in ("composer", "similar"))
                for name in ("composer", "chips", "similar", "kept")
            }
    return made, bus


def _query(request: gr.Request) -> dict[str, list[str]]:
    return {name: [value] for name, value in dict(request.query_params).items()}


def _outputs(reply: Reply) -> list[Any]:
    """The reply in the order of the outputs; the timer runs while there is something to wait for."""
    watch = reply.get("watch")
    timer = gr.Timer(active=watch.busy) if isinstance(watch, Watch) else gr.skip()
    return [*(reply.get(name, gr.skip()) for name in BLOCKS), timer, watch or gr.skip()]


def _open(state: AppState, wanted: Wanted, person: Person) -> Reply:
    """The page as it is first shown, with whatever a job of the item before the reload still has to bring."""
    watch = Watch()
    try:
        with state.db.write() as session:
            found = review_board.claim(session, wanted, person, state.settings)
            kept = review_actions.kept_block(session, person)
            says = notice(review_board.missed(session, wanted, found, person), "warn")
            if isinstance(found, Empty):
                return {**empty_blocks(found), "kept": kept, "notice": says, "watch": watch}
            watch.assignment_id = found.assignment_id
            resumed = review_retry.resume(session, found, state.settings, watch)
            return {**board_blocks(found), **resumed, "kept": kept, "notice": says, "watch": watch}
    except Refused as refused:
        return {**empty_blocks(Empty(_("Nothing to review here."), str(refused))), "notice": notice(""), "watch": watch}


def _act(state: AppState, data: Any, person: Person, watch: Watch) -> Reply:
    """Run one action; whatever stands in its way becomes a notice, and the page keeps what was typed."""
    try:
        act = Act.model_validate(data)
        if act.action == "similar":
            return similar(state, act, person)
        run = ACTIONS[act.action]
        with state.db.write() as session:
            return run(session, act, person, state.settings, watch)
    except queue.LostClaim as lost:
        says = notice(of_error(str(lost)), "bad", outcome="lost", assignment_id=lost.assignment_id)
        return {"notice": says, "kept": _kept(state, person)}
    except Refused as refused:
        return {"notice": notice(str(refused), "warn", outcome="refused", field=refused.field)}
    except (ValueError, LookupError, PermissionError, SQLAlchemyError) as problem:
        return {"notice": notice(_in_words(problem), "bad", outcome="refused")}


def _kept(state: AppState, person: Person) -> str:
    with state.db.read() as session:
        return review_actions.kept_block(session, person)


def _in_words(problem: Exception) -> str:
    """What a person can do about it."""
    if isinstance(problem, SQLAlchemyError):
        return of_error(trouble.in_words(problem))
    if isinstance(problem, ValidationError):
        first = problem.errors()[0]
        where = ", ".join(str(part) for part in first["loc"])
        says = _("This could not be read ({where}: {what}). Shorten it, or reload the page; your draft is kept.")
        return says.format(where=where, what=first["msg"])
    says = of_error(str(problem.args[0])) if problem.args else _("This cannot be done")
    return f"{says[:1].upper()}{says[1:].rstrip('.')}."


def _look(state: AppState, person: Person, watch: Watch) -> Reply:
    """One tick of the timer."""
    job = watch.retry_job
    partial = client.partial_text(state.db, state.settings, job) if job is not None else None
    with state.db.read() as session:
        reply: Reply = {"watch": watch}
        if watch.retry_job is not None or watch.judging is not None:
            reply |= review_retry.look(session, person, watch, state.settings, partial)
        return reply | review_lessons.look(session, person, watch, state.settings)
