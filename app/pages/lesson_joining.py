"""Merging and splitting by hand: a form with a proposed wording that opens below the list's or the lesson's button."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import lesson_changes
from app.pages import layout
from app.view.languages import N_, _
from app.view.words import words
from core.types import LessonKind
from store import lesson_merging, lessons
from store.tables import Lesson

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])|\n+")
AFTER = N_(
    "What is superseded is suspended, not deleted: Undo on the new lesson gives it back the status that it had. "
    "Sources and parents are kept."
)


def controls() -> dict[str, Any]:
    """A hidden column; ``asked`` holds what is to be done to which lessons."""
    asked = gr.State(None)
    with gr.Column(visible=False, elem_id="lesson-joining", elem_classes="form-column") as group:
        note = layout.html(elem_id="joining-note")
        kind = gr.Dropdown([(words(kind), kind.value) for kind in LessonKind], label=_("Kind of the new lesson"))
        text = gr.Textbox(label=_("Wording"), lines=4, max_lines=16, max_length=16_000, elem_id="joining-text")
        applicability = gr.Textbox(label=_("It applies when"), lines=2, max_lines=6, max_length=2000)
        with gr.Row():
            do = gr.Button(_("Do it"), variant="primary", elem_id="joining-do", min_width=110)
            cancel = gr.Button(_("Cancel"), elem_id="joining-cancel", min_width=110)
    return {
        "asked": asked,
        "group": group,
        "note": note,
        "kind": kind,
        "text": text,
        "applicability": applicability,
        "do": do,
        "cancel": cancel,
    }


def shut(said: str = "") -> list[Any]:
    """Values for ``asked`` to ``applicability``: closed, or open with what stands in the way."""
    if said:
        return [gr.skip(), gr.update(visible=True), layout.said(said, "bad"), *[gr.skip()] * 3]
    return [None, gr.update(visible=False), "", gr.skip(), gr.skip(), gr.skip()]


def merge_asked(session: Session, project_id: int, ids: Sequence[int]) -> list[Any]:
    """The form with a wording for these lessons, for people to change."""
    rows = [row for id_ in ids if (row := lessons.get(session, id_)).project_id == project_id]
    if len(rows) < lesson_merging.FEWEST:
        return [
            None,
            gr.update(visible=True),
            layout.said(_("Choose two or more lessons to merge."), "warn"),
            *[gr.skip()] * 3,
        ]
    kind = Counter(row.kind for row in rows).most_common(1)[0][0]
    note = _("Merge lessons {ids} into one.").format(ids=", ".join(str(row.id) for row in rows)) + " " + _(AFTER)
    return _open(
        {"do": "merge", "ids": [row.id for row in rows]},
        note,
        kind,
        _joined(rows, "text", " "),
        _joined(rows, "applicability", "; "),
    )


def split_asked(session: Session, lesson_id: int) -> list[Any]:
    row = lessons.get(session, lesson_id)
    parts = [part.strip() for part in _SENTENCE.split(row.text) if part.strip()]
    note = (
        _("Split lesson {id} into several: an empty line between one and the next.").format(id=row.id) + " " + _(AFTER)
    )
    return _open({"do": "split", "ids": [row.id]}, note, row.kind, "\n\n".join(parts), row.applicability)


def _open(asked: dict[str, Any], note: str, kind: str, text: str, applicability: str) -> list[Any]:
    shown = gr.update(value=kind, visible=asked["do"] == "merge")
    return [asked, gr.update(visible=True), layout.said(note, ""), shown, text, applicability]


def _joined(rows: Sequence[Lesson], field: str, between: str) -> str:
    """Each wording once, without those that another one holds already."""
    said = list(dict.fromkeys(str(getattr(row, field)).strip() for row in rows))
    kept = [
        one
        for one in said
        if not any(one != other and one.casefold().rstrip(".") in other.casefold() for other in said)
    ]
    return between.join(kept)


def join(session: Session, asked: object, user_id: int, kind: str, text: str, applicability: str) -> tuple[int, str]:
    """Do what the form was opened for: the lesson to show, and what was done. Raises ``ValueError``, ``LookupError``."""
    if not isinstance(asked, dict):
        raise ValueError("choose the lessons again")
    ids = [int(id_) for id_ in asked["ids"]]
    if asked["do"] == "merge":
        made = [lesson_changes.merge(session, ids, user_id, kind=kind, text=text, applicability=applicability)]
        says = _("Merged {n} lessons into this one; they are suspended.").format(n=len(ids))
    else:
        texts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
        made = lesson_changes.split(session, ids[0], user_id, texts=texts, applicability=applicability)
        says = _("Split lesson {id} into {n}; it is suspended. This is the first of them.").format(
            id=ids[0], n=len(made)
        )
    return made[0].id, says
