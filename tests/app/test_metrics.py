"""What operators read: readiness for a proxy, and counts for Prometheus, for whom they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from store import jobs, migrate, workers
from store.engine import Database
from tests.app.conftest import Web
from tests.conftest import Clock
from tests.factories import corrected, scene


def _values(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counts_are_those_of_the_database(web: Web, clock: Clock) -> None:
    with web.db.write() as session:
        made = scene(session, n_items=3)
        corrected(session, made)
        jobs.create(session, kind="analyse", payload={}, priority=50, project_id=made.project_id)
        workers.beat(session, "w1", host="here", pid=1, url=None)
        clock.forward(60)
        workers.beat(session, "w2", host="here", pid=2, url=None)
    answer = web.client().get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    found = _values(answer.text)
    assert found["corrigenda_jobs", "analyse", "queued"] == 1
    assert found["corrigenda_oldest_job_seconds",] == 60
    assert found["corrigenda_workers_alive",] == 1, "w1 fell silent"
    slots = {key: value for key, value in found.items() if key[0] == "corrigenda_slots"}
    assert list(slots.values()) == [3] and next(iter(slots))[2:] == ("annotate", "open")


def test_metrics_are_for_this_machine_or_a_token(web: Web) -> None:
    client = web.client()
    assert client.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 401
    object.__setattr__(web.state, "settings", web.settings.model_copy(update={"metrics_token": SecretStr("s3cret")}))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer wrong-é".encode()}).status_code == 401
    allowed = client.get("/metrics", headers={"authorization": "Bearer s3cret", "x-forwarded-for": "203.0.113.9"})
    assert allowed.status_code == 200


def test_ready_says_when_the_database_is_of_another_version_or_gone(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert web.client().get("/ready").json() == {"status": "ok", "workers": 0}
    monkeypatch.setattr(migrate, "current", lambda url: "0001")
    answer = web.client().get("/ready")
    assert answer.status_code == 503 and "db upgrade" in answer.json()["status"]
    monkeypatch.undo()
    gone = Path(web.settings.data_dir / "nowhere" / "x.sqlite")
    object.__setattr__(web.state, "db", Database(f"sqlite:///{gone}"))
    assert web.client().get("/ready").status_code == 503
