"""Pictures over the API and in the browser: who may put and see them, and what is refused."""

from __future__ import annotations

import base64

import pytest

from store.tables import Job
from tests.app.programs import Api
from tests.pictures import file

PLAIN = base64.b64encode(file(1)).decode()


def _item(api: Api) -> int:
    rows = {"items": [{"external_id": "i1", "prompt": "What is shown?"}]}
    answer = api.program("items:write").post(f"/api/v1/projects/{api.project}/items", json=rows)
    found: int = answer.json()["ids"][0]
    return found


def test_pictures_are_put_listed_and_given_out(api: Api) -> None:
    item = _item(api)
    program = api.program("items:write", "items:read")
    rows = [{"data": PLAIN, "caption": "<b>a scene</b>"}, {"data": f"data:image/png;base64,{PLAIN}"}]
    answer = program.put(f"/api/v1/items/{item}/images", json={"images": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] is True
    assert [one["caption"] for one in answer.json()["images"]] == ["<b>a scene</b>", ""]
    again = program.put(f"/api/v1/items/{item}/images", json={"images": rows})
    assert again.json()["changed"] is False
    listed = program.get(f"/api/v1/items/{item}/images").json()["images"]
    assert listed[0] == {
        "place": 0,
        "media_type": "image/png",
        "width": 240,
        "height": 180,
        "caption": "<b>a scene</b>",
    }
    picture = program.get(f"/api/v1/items/{item}/images/0")
    assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert program.get(f"/api/v1/items/{item}/images/2").json()["code"] == "no_image"
    assert program.put(f"/api/v1/items/{item}/images", json={"images": []}).json()["images"] == []
    with api.web.db.read() as session:
        assert session.query(Job).filter(Job.kind == "embed").count() == 0, "no lesson came from there"


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([{"data": "%%%"}], 422),
        ([{"data": base64.b64encode(b"<svg onload=alert(1)>").decode()}], 422),
        ([{"data": PLAIN, "caption": "x" * 2001}], 422),
        ([{"data": PLAIN}] * 9, 422),
        ([{"path": "/etc/passwd"}], 422),
        ("x", 422),
    ],
    ids=["no base64", "svg", "caption", "nine", "path", "no list"],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(api: Api, rows: object, status: int) -> None:
    item = _item(api)
    program = api.program("items:write", "items:read")
    program.put(f"/api/v1/items/{item}/images", json={"images": [{"data": PLAIN}]})
    answer = program.put(f"/api/v1/items/{item}/images", json={"images": rows})
    assert answer.status_code == status and answer.json()["detail"], answer.text
    assert len(program.get(f"/api/v1/items/{item}/images").json()["images"]) == 1
    assert program.put("/api/v1/items/999/images", json={"images": []}).status_code == 404


def test_a_picture_is_shown_to_people_who_are_signed_in_and_to_nobody_else(api: Api) -> None:
    item = _item(api)
    api.program("items:write").put(f"/api/v1/items/{item}/images", json={"images": [{"data": PLAIN}]})
    annotator = api.web.client("ann")
    shown = annotator.get(f"/images/{item}/0")
    assert shown.status_code == 200 and shown.headers["cache-control"].startswith("private")
    assert annotator.get(f"/images/{item}/1").status_code == 404
    assert api.web.client().get(f"/images/{item}/0").status_code == 401
    other = api.token("items:read", project_id=_other(api))
    bound = api.web.client()
    bound.headers["authorization"] = f"Bearer {other}"
    assert bound.get(f"/api/v1/items/{item}/images/0").status_code == 403


def _other(api: Api) -> int:
    from store import projects

    with api.web.db.write() as session:
        return projects.create(session, slug="other", name="Other", item_type="text").id
