"""A facet that is pressed while the list is being drawn: whichever answer comes last, the person's choice stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from starlette.routing import Mount

from app import auth
from app.auth import Person
from app.pages import lesson_pressing, lessons
from app.state import AppState
from core.types import LessonDraft, LessonKind, Role
from store import lessons as rows
from store import projects
from tests.app.conftest import Web

RULE, VALUE = "Check each sum.", "Say three."
REQUEST = SimpleNamespace(query_params={})


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def project(state: AppState, monkeypatch: pytest.MonkeyPatch) -> int:
    user = auth.make_user(state.db, "eve", None, Role.EXPERT)
    monkeypatch.setattr(auth, "require", lambda *_: Person(user, "eve", Role.EXPERT))
    with state.db.write() as session:
        made = projects.create(session, slug="p", name="P", item_type="reasoning").id
        drafts = [
            LessonDraft(LessonKind.RULE, RULE, "sums", ()),
            LessonDraft(LessonKind.PARAMETER, VALUE, "counts", (), name="count"),
        ]
        rows.propose(session, made, drafts, author_id=None)
    return made


def press(**data: str) -> Any:
    return SimpleNamespace(_data=data)


def test_a_list_that_was_being_drawn_does_not_bring_an_earlier_filter_back(state: AppState, project: int) -> None:
    _, refresh, renew, settle, _ = lessons._drawing(state)
    facet = lesson_pressing.on_facet(state)

    def asked(kept: Any, seen: Any) -> tuple[Any, ...]:
        return project, "", "words", False, kept, seen, None

    seen, _, listing = refresh(REQUEST, *asked({}, {}))
    assert RULE in listing and VALUE in listing
    for slow in (renew, refresh):
        kept, new, _, filtered = facet(REQUEST, press(facet="kind", value="rule"), *asked({}, seen))
        assert RULE in filtered and VALUE not in filtered
        late, _, stale = slow(REQUEST, *asked({}, seen))  # it was asked before the facet and answers after it
        assert VALUE in stale
        shown, _, settled = settle(REQUEST, *asked(kept, late))
        assert RULE in settled and VALUE not in settled and shown["choice"] == kept["choice"] == {"kind": "rule"}
        assert all(part == gr.skip() for part in settle(REQUEST, *asked(kept, new))), "what is right is left alone"
    cleared = facet(REQUEST, press(action="clear"), *asked(kept, shown))
    assert cleared[0]["choice"] == {} and VALUE in cleared[3]
    other = refresh(REQUEST, project + 1, *asked(kept, shown)[1:])
    assert other[0]["choice"] == {}, "another project begins without a filter"


def test_only_a_pressed_facet_changes_the_choice_and_every_drawing_is_settled(web: Web) -> None:
    mounts = [route.app for route in web.app.routes if isinstance(route, Mount)]
    events = [one for app in mounts if hasattr(app, "blocks") for one in app.blocks.fns.values()]
    events = [one for one in events if getattr(one.fn, "__module__", "").startswith("app.pages.lesson")]
    (facet,) = [one for one in events if one.name == "facet_pressed"]
    kept = facet.outputs[0]
    assert [one.name for one in events if kept in one.outputs] == ["facet_pressed"]
    drawing = [one for one in events if one.name in ("refresh", "renew", "list_pressed")]
    assert len(drawing) == 9
    for one in drawing:
        assert [after.name for after in events if after.trigger_after == one._id] == ["settle"], one.name
