"""What the pages *Queues*, *Review* (adjudication, sub-tasks), *People* and *Members* do, over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.types import Role
from store import items, outputs, projects, queue, tables
from tests.app.api.test_resources import ANSWER, base
from tests.app.programs import Api
from tests.factories import build


def answers(api: Api, count: int, kind: str = "annotate") -> list[int]:
    """Answers of two steps that wait in a queue."""
    found = []
    with api.web.db.write() as session:
        new = [items.NewItem(f"i{n}", f"What is {n} + 4?") for n in range(count)]
        for item in items.add_many(session, api.project, new).ids:
            output = outputs.add(session, outputs.NewOutput(item, ANSWER, "m"))
            session.add_all(
                tables.Step(output_id=output.id, index=n, text=text, start=0, end=len(text), kind="reasoning")
                for n, text in enumerate(ANSWER.split("\n"))
            )
            session.flush()
            queue.enqueue_output(session, api.project, output.id, kind=kind, priority=0.5)
            found.append(output.id)
    return found


def person(api: Api, name: str, role: Role = Role.ANNOTATOR) -> tuple[int, TestClient]:
    client = api.web.client(name, role)
    rows = api.program("people:write").get("/api/v1/people").json()["data"]
    return next(row["id"] for row in rows if row["name"] == name), client


def test_a_queue_is_looked_at_given_out_and_ordered(api: Api) -> None:
    answers(api, 3)
    (bob, as_bob), line = person(api, "bob"), f"{base(api)}/queues/annotate"
    client = api.program("projects:write", "projects:read", "jobs:read")
    assert client.post(f"{line}/assign", json={"people": [bob], "limit": 2}).json() == {"slots": 2}
    assert client.post(f"{line}/assign", json={"people": []}).status_code == 422
    assert client.post(f"{line}/assign", json={"people": [999]}).status_code == 422
    assert client.patch(line, json={"access": "assigned", "reason_required": False}).json()["access"] == "assigned"
    kinds = [job["kind"] for job in client.get(f"{base(api)}/jobs").json()["data"]]
    assert kinds.count("order_queue") == 1, "another access sets the order anew"
    assert client.post(f"{line}/order").json()["kind"] == "order_queue"
    held = as_bob.post(f"{base(api)}/claims", json={}).json()
    told = client.get(f"{line}/progress").json()
    assert (told["counts"]["claimed"], told["nobodys"], told["gold"], sum(told["finished_by_hour"])) == (1, 1, 0, 0)
    [row] = told["people"]
    assert (row["person_id"], row["takes_part"], row["waits"], row["holds"]) == (bob, True, 1, 1)
    page = client.get(f"{line}/held").json()
    assert [(one["assignment_id"], one["name"]) for one in page["data"]] == [(held["assignment_id"], "bob")]
    assert client.get(f"{line}/held", params={"cursor": page["next_cursor"]}).json()["data"] == []
    taken = client.post(f"/api/v1/assignments/{held['assignment_id']}/release")
    assert taken.json() == {"holder_id": bob}
    assert client.post(f"/api/v1/assignments/{held['assignment_id']}/release").status_code == 422
    lost = as_bob.post(f"/api/v1/claims/{held['assignment_id']}/heartbeat", json={"token": held["token"]})
    assert lost.json()["code"] == "lost_claim"
    assert client.delete(f"{line}/people/{bob}").json() == {"slots": 2}
    assert client.delete(f"{line}/people/999").status_code == 404
    assert client.put(f"{line}/people/{bob}").status_code == 204
    bound = api.program("projects:write", project_id=_other(api))
    assert bound.get(f"{line}/held").json()["code"] == "other_project"
    assert bound.post(f"/api/v1/assignments/{held['assignment_id']}/release").json()["code"] == "other_project"


def _other(api: Api) -> int:
    with api.web.db.write() as session:
        return projects.create(session, slug="other", name="Other", item_type="text").id


def test_skips_are_seen_and_put_back(api: Api) -> None:
    answers(api, 2)
    client, line = api.program("projects:write", "projects:read", "reviews:write"), f"{base(api)}/queues/annotate"
    client.patch(line, json={"skip_policy": "set_aside"})
    for _ in range(2):
        held = client.post(f"{base(api)}/claims", json={}).json()
        url = f"/api/v1/claims/{held['assignment_id']}/skip"
        assert client.post(url, json={"token": held["token"], "reason": "too hard"}).status_code == 204
    first = client.get(f"{line}/skips", params={"limit": 1}).json()
    assert first["has_more"] and first["data"][0]["assignment_id"] == held["assignment_id"]
    assert (first["data"][0]["reason"], first["data"][0]["state"]) == ("too hard", "set_aside")
    second = client.get(f"{line}/skips", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert len(second["data"]) == 1 and not second["has_more"]
    back = f"/api/v1/assignments/{held['assignment_id']}/put-back"
    assert client.post(back).status_code == 204 and client.post(back).status_code == 422
    assert client.get(line).json()["counts"]["open"] == 1


def test_gold_items_are_mixed_in(api: Api) -> None:
    [one, two] = answers(api, 2)
    client, gold = api.program("projects:write"), f"{base(api)}/queues/annotate/gold"
    new = {"output_id": one, "verdict": "faulty", "first_wrong_step": 1}
    assert client.post(gold, json=new).json() == {"gold": 1}
    assert client.post(gold, json={"output_id": one, "verdict": "acceptable"}).status_code == 422, "decided otherwise"
    assert client.post(gold, json={**new, "output_id": two, "first_wrong_step": 7}).status_code == 422
    for bad in ({"output_id": two}, {"verdict": "faulty"}, {"first_wrong_step": 1}):
        assert client.post(gold, json=bad).status_code == 422, bad
    assert client.post(gold, json={**new, "output_id": 999}).status_code == 404
    assert client.post(gold, json={}).json() == {"gold": 1}, "the newest decided answers: that one is there"
    assert client.delete(gold).json() == {"gold": 0}
    assert client.post(f"{base(api)}/queues/annotate/people/999/go-on").status_code == 404


def disputed(api: Api) -> tuple[int, dict[str, TestClient]]:
    """An answer that bob finds wrong and eve right, with who said so."""
    client = api.program("projects:write")
    client.patch(f"{base(api)}/queues/annotate", json={"overlap": 2})
    client.patch(base(api), json={"settings": {"disagreements": "adjudication"}})
    [output] = answers(api, 1)
    people = {name: person(api, name, Role.EXPERT)[1] for name in ("bob", "eve")}
    for name, who in people.items():
        held = who.post(f"{base(api)}/claims", json={}).json()
        words = {"text": "7, not 8", "first_wrong_step": 1, "output": output, "rewrite": "3 + 4 = 7."}
        action = {"form": words} if name == "bob" else {"action": "accept"}
        body = {"token": held["token"], "output_id": output, **action}
        done = who.post(f"/api/v1/claims/{held['assignment_id']}/submit", json=body)
        assert done.status_code == 200, done.text
    return output, people


def test_a_case_is_seen_and_decided_and_its_subjects_are_told(api: Api) -> None:
    output, people = disputed(api)
    client = api.program("reviews:read", "reviews:write")
    [case] = client.get(f"{base(api)}/adjudication").json()["data"]
    assert (case["output_id"], case["state"]) == (output, "open") and "disagree" in case["why"]
    url = f"/api/v1/adjudication/{case['assignment_id']}"
    seen = client.get(url).json()
    assert [(one["letter"], one["verdict"]) for one in seen["reviews"]] == [("A", "faulty"), ("B", "acceptable")]
    assert seen["reviews"][0]["words"] == "7, not 8" and seen["reviews"][0]["rewrite"] == "3 + 4 = 7."
    assert "the verdict" in seen["differ_in"] and seen["decision_id"] is None
    assert "bob" not in json.dumps(seen) and seen["output"]["text"] == ANSWER
    took = {"takes": seen["reviews"][0]["review_id"], "reason": "3 + 4 is 7."}
    own = people["bob"].post(f"{url}/decide", json=took)
    assert (own.status_code, own.json()["code"]) == (409, "not_claimed"), "nobody decides over themselves"
    assert client.post(f"{url}/decide", json={**took, "takes": 999}).status_code == 422
    assert client.post(f"{url}/decide", json={**took, "reason": " "}).status_code == 422
    assert client.get(url).json()["state"] == "open", "a refusal claims nothing"
    done = client.post(f"{url}/decide", json=took, headers={"idempotency-key": "d"})
    assert done.status_code == 200 and done.json()["verdict"] == "faulty", done.text
    assert client.post(f"{url}/decide", json=took, headers={"idempotency-key": "d"}).json() == done.json()
    assert client.post(f"{url}/decide", json=took).status_code == 409, "it is decided"
    assert client.get(url).json()["decision_id"] == done.json()["review_id"]
    for name, taken in (("bob", True), ("eve", False)):
        [told] = people[name].get("/api/v1/decisions", params={"unseen": True}).json()["data"]
        assert (told["taken"], told["decided"], told["reason"]) == (taken, "faulty", "3 + 4 is 7.")
        assert people[name].post("/api/v1/decisions/seen", json={"ids": [told["id"]]}).json() == {"seen": 1}
        assert people[name].get("/api/v1/decisions", params={"unseen": True}).json()["data"] == []
        assert len(people[name].get("/api/v1/decisions").json()["data"]) == 1
    assert client.get("/api/v1/decisions").json()["data"] == []


def test_a_case_is_decided_in_words_of_ones_own_by_experts_alone(api: Api) -> None:
    output, _ = disputed(api)
    [case] = api.program("reviews:read").get(f"{base(api)}/adjudication").json()["data"]
    url = f"/api/v1/adjudication/{case['assignment_id']}/decide"
    form = {"text": "Seven.", "first_wrong_step": 0, "output": output}
    wanted = {"reason": "Both were near.", "form": form}
    assert person(api, "kim")[1].post(url, json=wanted).json()["code"] == "missing_role"
    done = api.program("reviews:write").post(url, json=wanted).json()
    assert done["verdict"] == "faulty" and done["correction_id"]
    [annotated] = [slot for slot in _slots(api) if slot.queue.kind == "annotate"][:1]
    assert api.program("reviews:read").get(f"/api/v1/adjudication/{annotated.id}").status_code == 404


def _slots(api: Api) -> list[tables.Assignment]:
    with api.web.db.read() as session:
        found = session.query(tables.Assignment).order_by(tables.Assignment.id).all()
        assert all(slot.queue for slot in found)
        return found


def test_an_expert_splits_an_item(api: Api) -> None:
    [output] = answers(api, 1, "expert")
    client = api.program("reviews:write", "outputs:read")
    held = client.post(f"{base(api)}/claims", json={"queue": "expert"}).json()
    assert held["output"]["id"] == output
    url = f"/api/v1/claims/{held['assignment_id']}/split"
    assert client.post(url, json={"token": held["token"], "prompts": ["One?"]}).status_code == 422
    made = client.post(url, json={"token": held["token"], "prompts": ["What is 3?", "What\n\nis 4?"]})
    assert made.status_code == 201 and len(made.json()["item_ids"]) == 2 and made.json()["job_id"]
    pieces = client.get(f"/api/v1/items/{held['item_id']}/sub-tasks").json()
    assert [piece["prompt"] for piece in pieces] == ["What is 3?", "What\n\nis 4?"] and pieces[0]["answer"] is None
    again = client.post(url, json={"token": held["token"], "prompts": ["What is 5?"]})
    assert again.json()["code"] == "lost_claim", "the whole went back"
    assert len(client.get(f"/api/v1/items/{held['item_id']}/sub-tasks").json()) == 2


def test_teams_and_members(api: Api) -> None:
    (bob, as_bob), (eve, _) = person(api, "bob"), person(api, "eve")
    client = api.program("people:write", "projects:write")
    team = client.post("/api/v1/teams", json={"name": "Readers", "people": [bob]}).json()
    assert team["people"] == [bob] and client.post("/api/v1/teams", json={"name": "readers"}).status_code == 422
    url = f"/api/v1/teams/{team['id']}"
    assert client.patch(url, json={"name": "Graders", "people": [eve, bob]}).json()["people"] == [bob, eve]
    assert client.patch(url, json={"people": [999]}).status_code == 404
    assert client.get("/api/v1/teams").json()["data"] == [client.get(url).json()]
    assert as_bob.get(base(api)).status_code == 200
    assert client.put(f"{base(api)}/access", json={"restricted": True}).json()["restricted"]
    assert as_bob.get(base(api)).status_code == 404, "who holds nothing there sees nothing of it"
    members = f"{base(api)}/members"
    told = client.put(members, json={"team_id": team["id"], "role": "expert"}).json()["members"]
    assert told == [{"kind": "team", "id": team["id"], "name": "Graders", "role": "expert"}]
    assert as_bob.get(base(api)).status_code == 200
    assert client.put(members, json={"person_id": bob, "team_id": 1, "role": "lead"}).status_code == 422
    assert client.put(members, json={"person_id": bob, "role": "admin"}).status_code == 422
    assert client.put(members, json={"person_id": 999, "role": "lead"}).status_code == 404
    assert client.delete(url).status_code == 204 and client.get(members).json()["members"] == []
    assert as_bob.get(base(api)).status_code == 404
    bound = api.program("people:write", project_id=api.project)
    assert bound.get("/api/v1/teams").json()["code"] == "other_project"


def test_a_lead_does_not_shut_themselves_out(api: Api) -> None:
    lead, as_lead = person(api, "lee", Role.LEAD)
    refused = as_lead.put(f"{base(api)}/access", json={"restricted": True})
    assert refused.status_code == 422 and "lose the project yourself" in refused.json()["detail"]
    assert as_lead.get(f"{base(api)}/members").json() == {"restricted": False, "members": []}
    assert as_lead.put(f"{base(api)}/members", json={"person_id": lead, "role": "lead"}).status_code == 200
    assert as_lead.put(f"{base(api)}/access", json={"restricted": True}).json()["restricted"]


def test_somebody_is_signed_out(api: Api) -> None:
    bob, as_bob = person(api, "bob")
    client = api.program("people:write")
    assert client.post(f"/api/v1/people/{bob}/sign-out").json() == {"sessions": 1}
    assert as_bob.get("/api/v1/projects").status_code == 401
    assert client.post("/api/v1/people/999/sign-out").status_code == 404


def test_retractions_are_pages(api: Api) -> None:
    with api.web.db.write() as session:
        made = [build(session, tables.Retraction, project_id=api.project).id for _ in range(3)]
    client, url = api.program("lessons:write"), f"{base(api)}/retractions"
    first = client.get(url, params={"limit": 2}).json()
    assert [row["id"] for row in first["data"]] == made[:0:-1] and first["has_more"]
    rest = client.get(url, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["id"] for row in rest["data"]] == made[:1] and not rest["has_more"]


def test_exported_rows_come_back(api: Api) -> None:
    row = {"prompt": "What is 3 + 4?", "chosen": "It is 7.", "rejected": "It is 8."}
    client, url = api.program("items:write"), f"{base(api)}/imports"

    def sent(who: TestClient, content: dict[str, Any]) -> Any:
        file = {"file": ("rows.jsonl", json.dumps(content).encode() + b"\n")}
        return who.post(url, files=file, data={"back": "true"})

    done = sent(client, row)
    assert done.status_code == 201, done.text
    with api.web.db.read() as session:
        payload = session.get_one(tables.Job, done.json()["job"]["id"]).payload
    assert payload["export"] == "dpo"
    unknown = sent(client, {"question": "What is 3 + 4?"})
    assert unknown.status_code == 422 and "exported" in unknown.json()["detail"]
    assert sent(person(api, "lee", Role.LEAD)[1], row).json()["code"] == "missing_role"
    assert len(list(api.web.settings.uploads_dir.glob("*.jsonl"))) == 1


@pytest.mark.parametrize("state", ["done", "cancelled", "failed", "running", "queued"])
def test_jobs_that_sent_messages_are_listed_where_they_failed(api: Api, state: str) -> None:
    with api.web.db.write() as session:
        build(session, tables.Job, kind="webhook", state=state, project_id=api.project)
    listed = api.program("jobs:read").get(f"{base(api)}/jobs").json()["data"]
    assert len(listed) == (state not in ("done", "cancelled"))
