"""The frame of every Gradio page: header, navigation, and the little that pages share.

A page is a module with ``build(state) -> None`` that adds its components to the open Blocks. ``app.web`` lists the pages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import gradio.blocks
from gradio.context import Context

from app import auth
from app.pages.streams import keep_answers
from app.view import languages
from app.view.languages import N_, _
from app.view.render import ASSETS, render
from core.types import Role
from store import projects

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.state import AppState

# One listener per block: a button with data-action in our own HTML becomes an event with its data-* values.
ACTIONS_JS = (ASSETS / "js" / "actions.js").read_text("utf-8")
UPLOADS_KEPT = (3600, 86_400)  # seconds: look every hour, drop what arrived more than a day ago; imports keep a copy
# For events that read or write a few rows: no queue of their own, no spinner over the page, not in any API listing.
LIGHT: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
# For a choice that fills a part of the page: one made while the answer to another is on its way is not lost.
LAST: dict[str, Any] = {**LIGHT, "trigger_mode": "always_last"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its title, where it lives (``mount`` + ``path``), and who may open it."""

    title: str
    mount: str  # "/app" or "/admin"
    path: str  # "" for the first page of a mount
    build: Callable[[AppState], None]
    role: Role = Role.ANNOTATOR
    listed: bool = True  # in the navigation; otherwise another page leads there

    @property
    def url(self) -> str:
        return f"{self.mount}/{self.path}"


def build_mount(state: AppState, pages: tuple[Page, ...], mount: str) -> gr.Blocks:
    """The Blocks of one mount with all of its pages; the first is the one at the mount's own address."""
    with _no_spare_apps():
        blocks = gr.Blocks(title="Corrigenda", analytics_enabled=False, fill_width=True, delete_cache=UPLOADS_KEPT)
        own = [page for page in pages if page.mount == mount]
        for page in own[1:]:
            blocks.route(_(page.title), page.path, show_in_navbar=False)
        with blocks:
            for page in own:
                blocks.current_page = page.path
                html(render("header.html", pages=pages, current=page), elem_id="site-header")
                with gr.Column(elem_id="main", elem_classes="page"):
                    page.build(state)
        blocks.queue(max_size=256, default_concurrency_limit=8, api_open=False)
        keep_answers(blocks)
    return blocks


@contextlib.contextmanager
def _no_spare_apps() -> Iterator[None]:
    """Gradio builds an App of 85 routes (0.15 s) when Blocks are made, left and given a queue; only the mounted one serves.

    ``app.web`` gives the Blocks the mounted one, which their queue then works with.
    """
    module: Any = gradio.blocks
    real = module.App
    module.App = SimpleNamespace(create_app=lambda *_, **__: None)
    try:
        yield
    finally:
        module.App = real


def html(value: str = "", *, elem_id: str | None = None, actions: bool = False, classes: str = "") -> gr.HTML:
    """Our own HTML from ``render``. With ``actions``, buttons in it that carry ``data-action`` fire ``.click``."""
    return gr.HTML(
        value,
        elem_id=elem_id,
        elem_classes=classes or None,
        apply_default_css=False,
        js_on_load=ACTIONS_JS if actions else None,
    )


def head(title: str, hint: str) -> gr.Dropdown:
    """The page's title with the choice of a project beside it, which the page fills when it is opened, with ``pick``."""
    with gr.Row(elem_classes="head-row", equal_height=False):
        with gr.Column(scale=3, min_width=240):
            html(render("page_head.html", title=title, hint=hint))
        return gr.Dropdown(
            [], label=_("Project"), elem_id="project", interactive=True, container=False, min_width=240, scale=1
        )


def pick(session: Session, request: gr.Request) -> tuple[gr.Dropdown, int | None]:
    """The filled choice and the project it stands on: the one that the address asks for, else the first by name."""
    known = [(project.name, project.id) for project in projects.list_all(session)]
    asked = as_int(request.query_params.get("project"))
    ids = [id_ for _, id_ in known]
    chosen = asked if asked in ids else (ids[0] if ids else None)
    return gr.Dropdown(known, value=chosen, visible=bool(known)), chosen


def as_int(value: object) -> int | None:
    """A whole number from an address or an event, or ``None``: both come from the browser and may be anything."""
    try:
        return int(str(value))
    except ValueError:
        return None


def parts_page(
    state: AppState, picker: gr.Dropdown, shown: list[gr.HTML], parts: Callable[[Session, int], list[str]]
) -> None:
    """A page for experts that only shows: ``parts`` of the chosen project, in the order of ``shown``; nothing without a project."""

    def read(session: Session, project_id: int | None) -> list[str]:
        return [""] * len(shown) if project_id is None else parts(session, project_id)

    def page_opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            choice, project_id = pick(session, request)
            return [choice, *read(session, project_id)]

    def project_chosen(project: Any, request: gr.Request) -> list[str]:
        auth.require(request, Role.EXPERT)
        with state.db.read() as session:
            return read(session, as_int(project))

    on_load(page_opened, None, [picker, *shown])
    picker.input(project_chosen, picker, shown, **LAST)


def data_of(event: gr.EventData) -> dict[str, str]:
    """The data-* values of the button behind a click in our own HTML. They are the browser's: check each."""
    data = event._data
    return {str(name): str(value) for name, value in data.items()} if isinstance(data, dict) else {}


def changed(seen: dict[str, int], **parts: str) -> tuple[dict[str, int], list[Any]]:
    """Only the parts whose HTML differs from what this page has, so that a refresh moves nothing under the reader."""
    now = {name: hash(value) for name, value in parts.items()}
    kept = seen if isinstance(seen, dict) else {}
    return {**kept, **now}, [gr.skip() if kept.get(name) == now[name] else value for name, value in parts.items()]


def sentence(problem: Exception) -> str:
    """An error's message as people read it, in their language: a capital first, a full stop at the end."""
    text = languages.of_error(str(problem.args[0] if problem.args else problem))
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def said(text: str, tone: str) -> str:
    """A line that says what was done (``ok``), what to mind (``warn``) or what went wrong (``bad``)."""
    return render("said.html", text=languages.of_error(text), tone=tone)


def problem(message: str, title: str = N_("Not done")) -> gr.Error:
    """An error for people: says what to do, and is no bug to be logged."""
    message = languages.of_error(message)
    return gr.Error(message[:1].upper() + message[1:], title=_(title), print_exception=False)


def on_load(handler: Callable[..., Any], inputs: Any = None, outputs: Any = None) -> Any:
    """Run ``handler`` when the page that is being built is opened; its request carries the page's query."""
    blocks = Context.root_block
    if blocks is None:
        raise RuntimeError("on_load belongs inside the build of a page")
    return blocks.load(handler, inputs, outputs, **LIGHT)
