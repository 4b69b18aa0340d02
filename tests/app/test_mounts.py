"""A mount that is built at its first request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.mounts import Later


def test_a_mount_that_cannot_begin_says_why_and_may_be_tried_again() -> None:
    served: list[str] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        served.append(scope["path"])

    state = SimpleNamespace(settings=SimpleNamespace(languages=("en", "de")))
    mounts: Any = SimpleNamespace(state=state, build=lambda app, mount: pages)
    later = Later(mounts, "/app", "de")
    broken = [True]

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        if broken.pop():
            raise OSError("no queue today")
        yield

    later._holder.router.lifespan_context = lifespan

    async def requests() -> None:
        await later.begin()
        with pytest.raises(OSError, match="no queue today"):
            await asyncio.wait_for(later({"path": "/1"}, None, None), 5)  # type: ignore[arg-type]
        broken.append(False)
        await asyncio.wait_for(later({"path": "/2"}, None, None), 5)  # type: ignore[arg-type]
        await later.end()

    asyncio.run(requests())
    assert served == ["/2"]
