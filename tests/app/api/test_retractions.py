"""Taking back over the API: a preview, the retraction, the list, and the way back."""

from __future__ import annotations

from core.types import LessonDraft, LessonKind
from store import items, lessons, outputs, reviews
from tests.app.programs import Api


def test_a_program_previews_takes_back_and_rolls_back(api: Api) -> None:
    with api.web.db.write() as session:
        (item,) = items.add_many(session, api.project, [items.NewItem("i", "What is 3 + 4?")]).ids
        output = outputs.add(session, outputs.NewOutput(item, "8", "test")).id
        correction = reviews.add_correction(session, reviews.NewCorrection(api.admin, output, "add again")).id
        draft = LessonDraft(LessonKind.RULE, "Add again.", "sums", (correction,))
        (lesson,) = lessons.propose(session, api.project, [draft], author_id=None)
        lessons.accept(session, lesson, api.admin)
    client, url = api.program("lessons:write"), f"/api/v1/projects/{api.project}/retractions"

    def status() -> str:
        with api.web.db.read() as session:
            return lessons.get(session, lesson).status

    body = {"filter": {"author_id": api.admin, "since": "2020-01-01T00:00:00"}, "why": "wrong guideline"}
    told = client.post(url, json={**body, "preview": True}).json()
    assert (told["id"], told["state"], told["lessons"], told["corrections"]) == (
        None,
        "preview",
        [lesson],
        [correction],
    )
    assert status() == "active"
    done = client.post(url, json=body, headers={"idempotency-key": "k"})
    again = client.post(url, json=body, headers={"idempotency-key": "k"})
    assert done.status_code == 201 and done.json() == again.json() and done.json()["lessons"] == [lesson]
    assert status() == "retracted"
    assert [row["state"] for row in client.get(url).json()["data"]] == ["stands"]
    number = done.json()["id"]
    back = client.post(f"/api/v1/retractions/{number}/undo", json={"why": "it was right"})
    assert back.json()["state"] == "undone" and status() == "active"
    refused = client.post(f"/api/v1/retractions/{number}/undo", json={"why": "again"})
    assert (refused.status_code, refused.json()["code"]) == (409, "undone_already")
    nothing = client.post(url, json={"filter": {}, "why": "x"})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "nothing_to_retract")
    assert client.post(url, json={"filter": {"lesson_ids": [9999]}, "why": "x"}).status_code == 404
