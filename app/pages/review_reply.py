"""What the browser asks of the review page and what it gets back."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.view.render import render
from app.view.review import Board, ChipView, Empty, LessonsCard, Live, LookupView
from app.view.review_form import ReviewForm
from app.view.words import capital, words
from core.types import LessonKind, QueueKind
from store.text import clean

BLOCKS = ("item", "compare", "answer", "composer", "chips", "similar", "attempt", "lessons", "kept", "notice")

Reply = dict[str, Any]  # new HTML by block, and under "watch" a new ``Watch``; what is missing stays as it is


class Act(BaseModel):
    """One event. Ids in it are claims of the browser: whoever uses one checks it against the token and the person."""

    model_config = ConfigDict(extra="ignore")

    action: str = Field(max_length=30)
    query: str = Field("", max_length=2000)
    assignment: int = Field(0, ge=0)
    output: int = Field(0, ge=0)
    token: str = Field("", max_length=64)
    form: ReviewForm = Field(default_factory=ReviewForm)
    reason: str = Field("", max_length=2000)
    retrieval: int = Field(0, ge=0)
    vote: Literal["used", "not_relevant"] | None = None
    lesson: int = Field(0, ge=0)
    decision: Literal["accept", "reject"] = "accept"
    kind: LessonKind | None = None
    text: str | None = Field(None, max_length=8000)
    applicability: str | None = Field(None, max_length=2000)
    draft: int = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _text_that_can_be_kept(cls, sent: Any) -> Any:
        return clean(sent)

    @property
    def wanted(self) -> Wanted:
        """The item that the address names is for opening the page alone: what comes after it is the next one of the queue."""
        return replace(Wanted.of(parse_qs(self.query.removeprefix("?"))), item=0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which queue, and which item of it, the page's address asks for."""

    project: str = ""
    kind: QueueKind = QueueKind.ANNOTATE
    item: int = 0  # 0: the most urgent one

    @classmethod
    def of(cls, query: dict[str, list[str]]) -> Wanted:
        kind = query.get("queue", [""])[0]
        queue = QueueKind(kind) if kind in set(QueueKind) else QueueKind.ANNOTATE
        item = query.get("item", [""])[0]
        return cls(query.get("project", [""])[0], queue, int(item) if re.fullmatch(r"[0-9]{1,18}", item) else 0)


@dataclass(slots=True)
class Watch:
    """What the page's timer looks after: a retry, the judging of its answer, and the lessons of one item."""

    assignment_id: int = 0
    retry_job: int | None = None
    judging: int | None = None  # the new answer that has no risk yet
    card_item: int | None = None
    distil_job: int | None = None
    lesson_ids: list[int] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        return any(one is not None for one in (self.retry_job, self.judging, self.distil_job))


class Refused(ValueError):
    """The person has to change something first; ``field`` is the id of the field to go to."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def notice(text: str, tone: str = "", *, outcome: str = "", assignment_id: int = 0, field: str = "") -> str:
    """A line above the page. The browser acts on ``outcome``: submitted, left, stored, lost, refused."""
    values = {"text": text, "tone": tone, "outcome": outcome, "assignment_id": assignment_id, "field": field}
    return render("review/notice.html", notice={**values, "serial": secrets.token_hex(6)})


def board_blocks(board: Board) -> Reply:
    """Every block that shows an item, for ``board``."""
    return {
        "item": render("review/item.html", item=board.item),
        "compare": render("review/compare.html", compare=board.compare),
        "answer": render("review/answer.html", answer=board.answer),
        "composer": render("review/composer.html", board=board),
        "chips": chips_block(board.answer.chips, board.answer.lookup),
        "attempt": "",
    }


def chips_block(chips: Sequence[ChipView], lookup: LookupView | None) -> str:
    return render("review/chips.html", chips=chips, lookup=lookup)


def empty_blocks(empty: Empty) -> Reply:
    return {
        **dict.fromkeys(("item", "compare", "composer", "chips", "similar", "attempt"), ""),
        "answer": render("review/empty.html", empty=empty),
    }


def live_block(live: Live | None) -> str:
    return render("review/attempt.html", live=live)


def kind_title(kind: str) -> str:
    return capital(words(kind))


def lessons_block(card: LessonsCard | None) -> str:
    return render("review/lessons.html", card=card, kinds=[(kind.value, kind_title(kind)) for kind in LessonKind])
