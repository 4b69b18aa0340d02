"""Requests that schemathesis makes of the OpenAPI document, good ones and bad ones, in process on a real database: it finds nothing.

Every answer must have a status, a media type and a shape that the document has for it, refuse what does not fit the document, and
never be a server's fault.
"""

from __future__ import annotations

import os
from datetime import date

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from app import auth
from core.scopes import Scope
from core.types import Role
from store import tables
from tests.app.programs import Api
from tests.factories import ALL, build

SEED = int(os.environ.get("CORRIGENDA_TEST_SEED", date.today().toordinal()))  # another third is tried closely every day
CLOSELY, BRIEFLY = (3, 2), (1, 1)  # good and bad examples of an operation; every one is tried in every run
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def filled(api: Api) -> Api:
    """A row of every table, so that small ids lead somewhere."""
    with api.web.db.write() as session:
        for table in ALL:
            if table not in (tables.UserSession, tables.ApiToken):
                build(session, table)
    auth.make_user(api.web.db, "spare", None, Role.ADMIN)  # somebody must stay admin
    return api


def _as_admin(api: Api, number: int) -> TestClient:
    """Whatever an operation before this one did to the token and its owner; from an address of its own, as wrong tokens are limited."""
    with api.web.db.write() as session:
        owner = session.get_one(tables.User, api.admin)
        owner.active, owner.role = True, Role.ADMIN.value
    client = TestClient(api.web.app, base_url="http://127.0.0.1", client=(f"127.0.8.{number}", 50000))
    client.headers["authorization"] = f"Bearer {api.token(*(scope.value for scope in Scope))}"
    return client


def _try(operation: schemathesis.APIOperation, client: TestClient, mode: GenerationMode, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: schemathesis.Case) -> None:
        given_to = case.as_transport_kwargs(base_url="http://127.0.0.1/api/v1")
        how = {name: given_to.get(name) for name in ("method", "url", "params", "headers", "json", "data", "files")}
        sent = requests.Request(**how).prepare()
        answer = client.request(sent.method, sent.url, content=sent.body, headers=dict(sent.headers))
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_schemathesis_finds_nothing(filled: Api) -> None:
    document = filled.web.client().get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.app = filled.web.app
    faults: list[str] = []
    for number, found in enumerate(schema.get_all_operations(), start=1):
        operation = found.ok()
        client = _as_admin(filled, number)
        good, bad = CLOSELY if (number + SEED) % 3 == 0 else BRIEFLY
        for mode, examples in ((GenerationMode.POSITIVE, good), (GenerationMode.NEGATIVE, bad)):
            try:
                _try(operation, client, mode, examples)
            except FailureGroup as problem:
                faults += [f"{operation.label}: {type(one).__name__} {one}" for one in problem.exceptions]
            except Exception as problem:
                faults.append(f"{operation.label}: {mode} {type(problem).__name__} {str(problem)[:1500]}")
    assert not faults, "\n".join([f"CORRIGENDA_TEST_SEED={SEED}", *faults])
