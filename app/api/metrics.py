"""For those who run it: whether this process may be sent requests, and counts in Prometheus' format.

``/metrics`` answers to this machine, or to whoever sends ``CORRIGENDA_METRICS_TOKEN`` as a bearer token: names of projects are in it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from app.api.sign_in import state_of
from app.auth import is_loopback
from store import metrics, migrate, workers
from store.metrics import Metrics

router = APIRouter()


@router.get("/ready")
def ready(request: Request) -> JSONResponse:
    """200 where the database answers and has this program's tables, 503 otherwise: a proxy then asks another process.

    A worker that is missing is told and is no reason to send people elsewhere: they can review without it.
    """
    state = state_of(request)
    try:
        if migrate.current(state.settings.url) != migrate.head():
            return JSONResponse({"status": "the database is of another version: run corrigenda db upgrade"}, 503)
        with state.db.read() as session:
            alive = len(workers.alive(session, state.settings.worker_dead_seconds))
    except SQLAlchemyError:
        return JSONResponse({"status": "no database"}, 503)
    return JSONResponse({"status": "ok", "workers": alive})


@router.get("/metrics")
def prometheus(request: Request) -> Response:
    state = state_of(request)
    if not _may(request):
        return PlainTextResponse("Send CORRIGENDA_METRICS_TOKEN as a bearer token.", 401)
    from prometheus_client import generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    from prometheus_client.registry import CollectorRegistry

    with state.db.read() as session:
        found = metrics.read(session, state.settings.worker_dead_seconds)
    registry = CollectorRegistry()
    registry.register(_Once(found))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may(request: Request) -> bool:
    token = state_of(request).settings.metrics_token
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if token is not None:
        expected = token.get_secret_value()
        return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), expected.encode())
    # Behind a proxy everybody comes from this machine, so that what the proxy adds means: not from here.
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    return request.client is not None and is_loopback(request.client.host) and not forwarded


class _Once:
    """A collector of one reading."""

    def __init__(self, found: Metrics) -> None:
        self._found = found

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        def gauge(name: str, says: str, labels: list[str], values: dict[Any, float]) -> Any:
            family = GaugeMetricFamily(f"corrigenda_{name}", says, labels=labels)
            for key, value in sorted(values.items()):
                family.add_metric(list(key) if isinstance(key, tuple) else [key], value)
            return family

        found = self._found
        yield gauge("jobs", "Jobs that are not done.", ["kind", "state"], dict(found.jobs))
        yield gauge("slots", "Reviews that wait or are held.", ["project", "queue", "state"], dict(found.slots))
        yield gauge("lessons_active", "Lessons that may be retrieved.", ["project"], dict(found.lessons))
        for name, says, value in (
            ("oldest_job_seconds", "How long the oldest waiting job has waited.", found.oldest_job_seconds),
            ("workers_alive", "Workers that were heard of lately.", found.workers_alive),
            ("reviews", "Reviews in the database, revisions counted.", found.reviews),
        ):
            yield GaugeMetricFamily(f"corrigenda_{name}", says, value=value)
