"""The audit log as admins see it: filters, pages, the download, and nobody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from app.view import audit as view
from core.types import Role
from store import audit, users
from store.engine import Database
from tests.app.conftest import Web
from tests.conftest import Clock


def _events(db: Database, clock: Clock) -> int:
    with db.write() as session:
        ann = users.create(session, "<b>ann</b>", "admin").id
        for n in range(120):
            clock.forward(3600)
            audit.record(
                session,
                "rule.change" if n % 2 else "lesson.retract",
                "rule" if n % 2 else "lesson",
                n,
                user_id=ann if n % 3 else None,
                old={"pattern": f"old <i>{n}</i>"},
                new={"pattern": f"new {n}", "why": "x" * 500},
            )
            session.flush()  # its time is that of its own moment
    return ann


def test_events_are_filtered_and_paged_newest_first(db: Database, clock: Clock) -> None:
    ann = _events(db, clock)
    with db.read() as session:
        html, older = view.table(session, {"subject": "rule"})
        assert html.count("rule.change") == 50 and "new 119" in html and older is not None
        rest, end = view.table(session, {"subject": "rule"}, older)
        assert rest.count("rule.change") == 10 and end is None
        assert (
            "&lt;i&gt;119&lt;/i&gt;" in html and "&lt;b&gt;ann" in html and "<i>" not in html and "<b>ann" not in html
        )
        assert "x" * 401 not in html, "a long value is cut on the page"
        (only,) = audit.page(session, text="OLD <i>7</i>")
        assert only.subject_id == 7
        assert audit.page(session, text="100%") == [] and audit.page(session, text="_ld") == [], "no wildcards"
        mine = list(audit.each(session, part=7, user_id=ann))
        assert len({event.id for event in mine}) == 80 and all(event.user_id == ann for event in mine)
        assert all(event.user_id is None for event in audit.page(session, user_id=0, subject="rule"))
        day = view.wanted({"since": "2026-03-02", "until": "2026-03-02"})
        assert (day["since"], day["until"] - day["since"]) == (datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1))
        assert len(audit.page(session, limit=500, **day)) == 24


@pytest.mark.parametrize("given", [{"since": "yesterday"}, {"person": "ann"}, {"until": "2026-13-01"}])
def test_what_cannot_be_looked_for_says_so(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"Write days|Choose a person"):
        view.wanted(given)


def test_admins_download_it_and_that_is_noted(web: Web, clock: Clock) -> None:
    _events(web.db, clock)
    admin = web.client("ada", Role.ADMIN)
    answer = admin.get("/audit.jsonl", params={"subject": "lesson", "text": "retract"})
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 200 and len(rows) == 60
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert rows[0]["old"] == {"pattern": "old <i>118</i>"} and len(rows[0]["new"]["why"]) == 500
    with web.db.read() as session:
        (noted,) = audit.page(session, action="audit.download")
        assert noted.new == {"subject": "lesson", "text": "retract"}
    assert admin.get("/audit.jsonl", params={"since": "x"}).status_code == 400
    assert web.client("eve", Role.EXPERT).get("/audit.jsonl").status_code == 403
    assert web.client().get("/audit.jsonl").status_code == 401
