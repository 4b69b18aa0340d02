"""How one queue works, as a form: given out to whom, for how long, in which order, and what happens to what is left."""

from __future__ import annotations

from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth, choosing
from app.pages import layout
from app.state import AppState
from app.view import queue as view
from app.view.languages import N_, _, choices
from core import queues
from core.types import QueueKind, Role
from store import projects

ACCESS = [
    (N_("Anybody with the role"), "any"),
    (N_("Whom it is assigned to"), "assigned"),
    (N_("People of the queue in turn"), "round_robin"),
]
SKIPS = [
    (N_("Offer it to others"), "to_others"),
    (N_("Put it at the end of the line"), "to_me"),
    (N_("Set it aside for a manager"), "set_aside"),
]
BLIND = [(N_("The project’s share of items"), "share"), (N_("Always"), "always"), (N_("Never"), "never")]
GOLD_ACTIONS = [(N_("They are told"), "tell"), (N_("They are told and paused"), "pause")]
PERCENT = ("audit_share", "agreement_floor", "gold_share", "gold_floor")
MINUTES = ("lease_seconds",)
WHOLE = ("overlap", "heartbeat_seconds", "extra_reviews")
PLAIN = ("access", "skip_policy", "reason_required", "blind", "order_policy", "gold_action")
NAMES = (*WHOLE, *MINUTES, *PLAIN, *PERCENT)


def build(state: AppState, picker: gr.Dropdown, kind: gr.Radio, said: gr.HTML) -> list[Any]:
    """Add the form to the open Blocks; returns its controls in the order of ``values``."""
    made = _controls()
    fields = [made[name] for name in NAMES]

    def keep(project: Any, which: Any, request: gr.Request, *given: Any) -> str:
        person = auth.require(request, Role.LEAD)
        try:
            with state.db.write() as session:
                text = _save(
                    session, layout.as_int(project) or 0, which, dict(zip(NAMES, given, strict=True)), person.id
                )
        except (ValueError, LookupError, TypeError) as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(text, "ok")

    made["save"].click(keep, [picker, kind, *fields], said, **layout.LIGHT)
    return fields


def _controls() -> dict[str, Any]:
    from core import policies

    made: dict[str, Any] = {}
    with gr.Accordion(_("Settings of this queue"), open=False, elem_id="queue-settings"):
        with gr.Row():
            made["access"] = gr.Dropdown(choices(ACCESS), label=_("Who gets an item"))
            made["order_policy"] = gr.Dropdown(policies.REGISTRY.names(), label=_("Order"))
            made["audit_share"] = gr.Number(
                label=_("Drawn at random, in percent"),
                info=_("Whatever their order. Of the audit queue: of reviewed items that are looked at again."),
                minimum=0,
                maximum=100,
            )
        with gr.Row():
            made["overlap"] = gr.Number(label=_("People per item"), precision=0, minimum=1, maximum=100)
            made["extra_reviews"] = gr.Number(
                label=_("Further people where they disagree"), precision=0, minimum=0, maximum=20
            )
            made["agreement_floor"] = gr.Number(
                label=_("Agreement that settles, in percent"),
                info=_("The majority’s share. 100: all must agree."),
                minimum=0,
                maximum=100,
            )
        with gr.Row():
            made["lease_seconds"] = gr.Number(
                label=_("Minutes an item is held"), precision=0, minimum=1, maximum=10_080
            )
            made["heartbeat_seconds"] = gr.Number(
                label=_("Seconds between signs of life"),
                info=_("Of the open page."),
                precision=0,
                minimum=2,
                maximum=3600,
            )
            made["blind"] = gr.Dropdown(choices(BLIND), label=_("Reviewed blind"), info=_("Without what machines say."))
        with gr.Row():
            made["skip_policy"] = gr.Dropdown(choices(SKIPS), label=_("When somebody skips an item"))
            made["reason_required"] = gr.Checkbox(label=_("A skip needs a reason"))
        with gr.Row():
            made["gold_share"] = gr.Number(
                label=_("Gold items among the others, in percent"), info=_("Of known verdict."), minimum=0, maximum=100
            )
            made["gold_floor"] = gr.Number(
                label=_("Fewest right of them, in percent"),
                info=_("Judged from {n} on.").format(n=queues.FEWEST_GOLD),
                minimum=0,
                maximum=100,
            )
            made["gold_action"] = gr.Dropdown(choices(GOLD_ACTIONS), label=_("Who is below that"))
        made["save"] = gr.Button(_("Save these settings"), variant="primary", elem_id="queue-save")
    return made


def values(session: Session, project_id: int | None, kind: QueueKind) -> list[Any]:
    """What each control shows, in the order of ``NAMES``."""
    if project_id is None:
        return [gr.skip()] * len(NAMES)
    line = projects.queue_of(session, project_id, kind)
    return [_shown(name, getattr(line, name)) for name in NAMES]


def _shown(name: str, value: Any) -> Any:
    if name in MINUTES:
        return max(1, value // 60)
    return round(100 * value, 2) if name in PERCENT else value


def _meant(name: str, value: Any) -> Any:
    if value is None:
        raise ValueError(_("fill in every field"))
    if name in MINUTES:
        return 60 * int(value)
    if name in PERCENT:
        return float(value) / 100
    return int(value) if name in WHOLE else bool(value) if name == "reason_required" else str(value)


def _save(session: Session, project_id: int, which: Any, given: dict[str, Any], user_id: int) -> str:
    kind = QueueKind(which) if which in set(QueueKind) else QueueKind.ANNOTATE
    line = projects.queue_of(session, project_id, kind)
    before = {name: getattr(line, name) for name in NAMES}
    meant = {name: _meant(name, one) for name, one in given.items()}
    choosing.change_queue(session, project_id, kind, user_id, **meant)
    changed = {name for name in NAMES if before[name] != getattr(line, name)}
    if not changed:
        return _("Nothing was changed.")
    if not changed & {"order_policy", "access"}:
        return _("Saved.")
    lacks = view.ordering(session, project_id, kind)
    said = _("Saved. The worker brings what waits to it, and people go on meanwhile.")
    return f"{said} {lacks}".strip()
