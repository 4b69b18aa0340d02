"""A project, an admin, and programs with tokens of whatever scopes a test asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from app import auth
from app.worker import engine
from core.types import Role
from store import projects, tokens
from tests.app.conftest import Web


@dataclass
class Api:
    web: Web
    admin: int
    project: int

    def token(self, *scopes: str, **more: Any) -> str:
        with self.web.db.write() as session:
            return tokens.create(session, self.admin, "program", scopes or ["admin"], **more)[1]

    def program(self, *scopes: str, **more: Any) -> TestClient:
        client = self.web.client()
        client.headers["authorization"] = f"Bearer {self.token(*scopes, **more)}"
        return client


def open_api(web: Web) -> Api:
    engine.prepare(web.settings.url)
    admin = auth.make_user(web.db, "ada", None, Role.ADMIN)
    with web.db.write() as session:
        project = projects.create(session, slug="maths", name="Maths", item_type="reasoning").id
    return Api(web, admin, project)
