"""A project and programs with tokens."""

from __future__ import annotations

import pytest

from tests.app.conftest import Web
from tests.app.programs import Api, open_api


@pytest.fixture
def api(web: Web) -> Api:
    return open_api(web)
