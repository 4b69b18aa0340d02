"""The exports page: every format with what it needs, and why there are no rows."""

from __future__ import annotations

from app.view import exports as view
from core.exporters import REGISTRY
from core.exporters.base import Need
from store import exports, tables
from tests.app.conftest import Web
from tests.factories import build, scene


def test_every_format_can_be_chosen_by_its_title() -> None:
    assert sorted(name for _, name in view.choices()) == REGISTRY.names()
    assert ("Accepted answers (SFT)", "sft") in view.choices()
    assert all(not card.lacks for card in view.cards(Need))


def test_the_page_says_why_a_format_has_no_rows(web: Web) -> None:
    with web.db.write() as session:
        made = scene(session, n_items=1)
    with web.db.read() as session:
        assert "1 format can have rows" in view.formats(session, made.project_id)  # outcomes by reference
        about = view.chosen(session, made.project_id, "dpo")
        assert "no rows yet" in about and f"does not have {Need.ACCEPTED.value}, or {Need.FAULTY.value}" in about
        assert view.chosen(session, made.project_id, "nonsense") == ""
    with web.db.write() as session:
        build(session, tables.Review, output_id=made.outputs[0], user_id=made.users[0], verdict="acceptable")
    with web.db.read() as session:
        assert "no rows yet" not in view.chosen(session, made.project_id, "sft")


def test_an_empty_export_says_why(web: Web) -> None:
    with web.db.write() as session:
        made = scene(session, n_items=1)
        empty = exports.add(session, made.project_id, format="dpo", schema_version=1, filters={}, user_id=None)
        exports.finish(session, empty.id, path="1.zip", rows=0, sha256="0" * 64)
        job = build(
            session,
            tables.Job,
            kind="export",
            project_id=made.project_id,
            state="done",
            result={"dropped": {"<b>too long</b>": 3}},
        )
        full = exports.add(
            session, made.project_id, format="sft", schema_version=1, filters={}, user_id=None, job_id=job.id
        )
        exports.finish(session, full.id, path="2.jsonl", rows=7, sha256="0" * 64)
    with web.db.read() as session:
        shown = view.listing(session, made.project_id)
    assert f"No rows: the project does not have {Need.ACCEPTED.value}" in shown
    assert "data set" in shown and "3 left out: &lt;b&gt;too long&lt;/b&gt;" in shown


def test_an_export_whose_source_was_taken_back_says_so_and_has_no_link(web: Web) -> None:
    with web.db.write() as session:
        made = scene(session, n_items=1)
        rows = [
            exports.add(session, made.project_id, format="sft", schema_version=1, filters={}, user_id=None)
            for _ in range(2)
        ]
        for row in rows:
            exports.finish(session, row.id, path=f"{row.id}.jsonl", rows=1, sha256="0" * 64)
        rows[0].stale_why = "Lesson 3 was retracted: <i>wrong</i>"
    with web.db.read() as session:
        shown = view.listing(session, made.project_id)
    assert "out of date" in shown and "Lesson 3 was retracted: &lt;i&gt;wrong&lt;/i&gt;" in shown
    assert f"/{rows[1].id}/file" in shown and f"/{rows[0].id}/file" not in shown
