"""The list of what waits, over the API."""

from __future__ import annotations

from store import queue
from tests.app.programs import Api
from tests.factories import scene


def test_pages_of_what_waits_claim_nothing(api: Api) -> None:
    with api.web.db.write() as session:
        made = scene(session, n_items=5)
    program = api.program("outputs:read")
    path = f"/api/v1/projects/{made.project_id}/queues/annotate/waiting"
    first = program.get(path, params={"limit": 3}).json()
    rest = program.get(path, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [row["item_id"] for row in first["data"] + rest["data"]] == made.items
    assert first["has_more"] and not rest["has_more"]
    assert [row["external_id"] for row in program.get(path, params={"text": "time 3"}).json()["data"]] == ["i3"]
    assert program.get(path, params={"min_risk": 0.1}).json()["data"] == [], "none of them was judged"
    with api.web.db.read() as session:
        assert queue.counts(session, made.project_id)["claimed"] == 0


def test_what_cannot_be_is_refused(api: Api) -> None:
    path = "/api/v1/projects/{}/queues/{}/waiting"
    program = api.program("outputs:read")
    assert program.get(path.format(99, "annotate")).status_code == 404
    assert program.get(path.format(api.project, "none")).status_code == 422
    assert program.get(path.format(api.project, "annotate"), params={"min_risk": 2}).status_code == 422
    assert api.program("items:read").get(path.format(api.project, "annotate")).status_code == 403
