"""Every handler of every page refuses by itself: hidden events are public HTTP to anyone who is signed in."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from gradio.helpers import EventData, special_args
from starlette.requests import Request
from starlette.routing import Mount

from app import auth
from core.types import Role
from tests.app.conftest import Web

EXPERTS_ONLY = {
    "act",  # the buttons of the lessons page
    *("page_opened", "project_chosen", "slower", "slider_moved", "threshold_kept"),  # the calibration page
}


def handlers(web: Web, mount: str) -> list[Any]:
    mounted: Any = next(route.app for route in web.app.routes if isinstance(route, Mount) and route.path == mount)
    found = [fn for fn in mounted.get_blocks().fns.values() if fn.fn is not None]
    assert len(found) > 10, "the walk must find the pages' events"
    return found


def request_of(web: Web, token: str | None) -> gr.Request:
    cookie = [(b"cookie", f"{auth.COOKIE}={token}".encode())] if token else []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": cookie,
        "corrigenda.state": web.state,
    }
    return gr.Request(request=Request(scope))


def call(handler: Any, request: gr.Request) -> None:
    """Run a handler as Gradio would, with nothing in any control."""
    inputs, *_ = special_args(
        handler.fn,
        [None] * len(handler.inputs),
        request,
        EventData(None, {}),  # type: ignore[arg-type]
    )
    result = handler.fn(*inputs)
    if hasattr(result, "__next__"):
        next(result, None)


@pytest.mark.parametrize("mount", ["/app", "/admin"])
def test_no_handler_serves_somebody_who_is_not_signed_in(web: Web, mount: str) -> None:
    for token in (None, "made-up"):
        for handler in handlers(web, mount):
            with pytest.raises(gr.Error) as refused:
                call(handler, request_of(web, token))
            assert refused.value.title == "Signed out", handler.fn.__qualname__


@pytest.mark.parametrize("role", [Role.ANNOTATOR, Role.EXPERT])
def test_no_admin_handler_serves_another_role(web: Web, role: Role) -> None:
    token = auth.open_session(web.state, auth.make_user(web.db, "bob", None, role))
    for handler in handlers(web, "/admin"):
        with pytest.raises(gr.Error) as refused:
            call(handler, request_of(web, token))
        assert refused.value.title == "Not allowed", handler.fn.__qualname__


def test_what_is_for_experts_refuses_annotators(web: Web) -> None:
    token = auth.open_session(web.state, auth.make_user(web.db, "bob", None, Role.ANNOTATOR))
    refused = set()
    for handler in handlers(web, "/app"):
        try:
            call(handler, request_of(web, token))
        except gr.Error as problem:
            if problem.title == "Not allowed":
                refused.add(handler.fn.__name__)
        except Exception:
            continue
    assert refused >= EXPERTS_ONLY


@pytest.mark.parametrize("mount", ["/app", "/admin"])
def test_every_event_is_refused_over_http(web: Web, mount: str) -> None:
    anonymous, annotator = web.client(), web.client("bob")
    for handler in handlers(web, mount):
        body = {"fn_index": handler._id, "data": [None] * len(handler.inputs), "session_hash": "s"}
        assert anonymous.post(f"{mount}/gradio_api/queue/join", json=body).status_code == 401
        if mount == "/admin":
            assert annotator.post(f"{mount}/gradio_api/queue/join", json=body).status_code == 401


def test_no_event_is_listed_in_an_api(web: Web) -> None:
    info = web.client("ada", Role.ADMIN).get("/app/gradio_api/info").json()
    assert info["named_endpoints"] == {} and info["unnamed_endpoints"] == {}


def test_the_queue_works_with_the_mounted_application(web: Web) -> None:
    for mount in ("/app", "/admin"):
        mounted: Any = next(route.app for route in web.app.routes if isinstance(route, Mount) and route.path == mount)
        assert mounted.get_blocks().app is mounted
