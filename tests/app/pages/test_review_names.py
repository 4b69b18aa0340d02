"""Names beside a transcript: what they mean is asked of the worker afterwards, and of no blind item."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest

from app.pages import review_board, review_names
from app.state import AppState
from app.worker.client import Found
from core.lessons.entities import Entity, as_draft
from store import items, lessons, outputs, projects, queue, users
from tests.app.pages.conftest import Desk

BEST = "then gonner rode to the shop boy"


def _project(state: AppState, blind: float) -> tuple[int, int]:
    """Ids of two names that people put right; a transcript that may hold both."""
    with state.db.write() as session:
        expert = users.create(session, "ex", "expert").id
        made = projects.create(
            session, slug="heard", name="H", item_type="asr_transcript", settings={"blind_share": blind}
        )
        projects.set_queue(session, made.id, "annotate", user_id=None, audit_share=0.0)
        row = items.NewItem("t", BEST, meta={"hypotheses": [BEST, "then gunner rode to the shop boy"]})
        item_id = items.add_many(session, made.id, [row]).ids[0]
        output = outputs.add(session, outputs.NewOutput(item_id, BEST, "recogniser"))
        queue.enqueue_output(session, made.id, output.id, priority=1.0)
        drafts = [as_draft(one, ()) for one in (Entity("gunner", "Gunnar", "name"), Entity("shop boy", "shopboy"))]
        gunnar, shop = lessons.propose(session, made.id, drafts, author_id=expert)
        for id_ in (gunnar, shop):
            lessons.accept(session, id_, expert)
    return gunnar, shop


@pytest.mark.parametrize("blind", [0.0, 1.0])
def test_meaning_comes_after_the_page_and_never_blind(
    state: AppState, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, blind: float
) -> None:
    gunnar, _ = _project(state, blind)
    asked: list[tuple[str, ...]] = []

    def search(_db: Any, _settings: Any, _project: int, scopes: list[str], text: str, _k: int) -> list[Found]:
        asked.append((*scopes, text))
        return [Found(gunnar, "entity", 0.4)] if text == "gonner" else []

    monkeypatch.setattr(review_names.client, "search", search)
    monkeypatch.setattr(review_board, "no_worker", lambda *_: "")
    bob = desk()
    shown = bob.open("project=heard")
    assert ("shopboy" in shown["answer"]) is (blind == 0.0)
    bob.act("similar")
    similar = html.unescape(bob.shown["similar"])
    assert (f'{{"{gunnar}": 40}}' in similar) is (blind == 0.0)
    spans = {one[1] for one in asked if one[0] == "entity"}
    assert spans == (set() if blind else {"gonner", "shop boy"})
