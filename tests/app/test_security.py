"""What every request passes: origin, host, size and headers."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app import security
from app.auth import is_loopback
from core.types import Role
from tests.app.conftest import Web, open_web


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1"}, 303),
        ({}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"origin": "http://127.0.0.1.evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_unsafe_requests_of_other_sites_are_refused(web: Web, headers: dict[str, str], status: int) -> None:
    assert web.client("ada").post("/logout", headers=headers).status_code == status


def test_an_event_with_a_foreign_origin_does_not_run(web: Web) -> None:
    body = {"data": [], "fn_index": 0, "session_hash": "x"}
    client = web.client("ada", Role.ADMIN)
    evil = client.post("/app/gradio_api/queue/join", json=body, headers={"origin": "https://evil.example"})
    assert evil.status_code == 403
    assert client.post("/app/gradio_api/queue/join", json=body).status_code == 200


def test_a_foreign_host_name_is_refused_on_loopback(web: Web) -> None:
    assert web.client().get("/health", headers={"host": "rebound.example"}).status_code == 421
    assert web.client().get("/health", headers={"host": "localhost:7860"}).status_code == 200
    assert web.client().get("/health", headers={"host": "[::1]:7860"}).status_code == 200


def test_a_named_origin_is_let_in(tmp_path) -> None:  # type: ignore[no-untyped-def]
    web = open_web(tmp_path / "data", allowed_origins=["https://corr.example"])
    headers = {"host": "corr.example", "origin": "https://corr.example"}
    assert web.client("ada").post("/logout", headers=headers).status_code == 303
    assert web.client("bob").post("/logout", headers={**headers, "origin": "https://x.example"}).status_code == 403
    web.db.dispose()


@pytest.mark.parametrize("path", ["/app/", "/app/config", "/app/theme.css", "/login", "/health", "/style.css"])
def test_no_answer_invites_other_origins_and_all_carry_the_headers(web: Web, path: str) -> None:
    answer = web.client("ada").get(path, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-security-policy"] == security.CSP
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_large_bodies_are_refused_declared_or_not(web: Web) -> None:
    client = web.client("ada", Role.ADMIN)
    big = b"x" * (security.MAX_BODY + 1)
    assert client.post("/login", content=big).status_code == 413
    chunks = (big[at : at + 65536] for at in range(0, len(big), 65536))
    assert (
        client.post("/login", content=chunks, headers={"content-type": "application/x-www-form-urlencoded"}).status_code
        == 413
    )


def test_only_css_and_scripts_are_served_without_a_session(web: Web) -> None:
    client = web.client()
    assert client.get("/static/js/shell.js").status_code == 200
    for path in (
        "/static/templates/login.html",
        "/static/css/../../app/auth.py",
        "/docs",
        "/openapi.json",
        "/app/docs",
    ):
        assert client.get(path).status_code in (401, 404), path


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_client_without_a_session_gets_nothing_of_gradio(web: Web) -> None:
    client: TestClient = web.client()
    for mount in ("/app", "/admin"):
        for path in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x", "/monitoring"):
            assert client.get(mount + path).status_code in (401, 404), mount + path
        for path in ("/gradio_api/queue/join", "/gradio_api/run/predict", "/gradio_api/call/x", "/gradio_api/upload"):
            assert client.post(mount + path, json={"data": []}).status_code == 401, mount + path


def test_the_app_mount_tells_an_annotator_nothing_of_the_admin_pages(web: Web) -> None:
    config = web.client("bob").get("/app/config").text
    assert "lessons-list" in config
    for secret in ("person-password", "import-start", "settings-save"):
        assert secret not in config
    assert web.client("eve").get("/admin/config").status_code == 401


def test_gradio_hands_out_no_file_of_the_installation(web: Web) -> None:
    client = web.client("ada", Role.ADMIN)
    (web.settings.data_dir / "worker.secret").write_text("s", "utf-8")
    for path in (
        web.settings.data_dir / "worker.secret",
        web.settings.data_dir / "corrigenda.sqlite",
        "/etc/passwd",
        "pyproject.toml",
    ):
        for mount in ("/app", "/admin"):
            assert client.get(f"{mount}/gradio_api/file={path}").status_code in (403, 404), path


def test_large_files_are_taken_on_the_admins_side_only(web: Web) -> None:
    client = web.client("ada", Role.ADMIN)
    big = {"files": ("a.csv", b"x" * (security.MAX_BODY + 1))}
    assert client.post("/app/gradio_api/upload", files=big).status_code == 413
    assert client.post("/admin/gradio_api/upload", files=big).status_code == 200
