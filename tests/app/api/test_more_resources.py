"""What the API does that pages do too: reviewing, rules, lessons, people, reports, versions, imports, webhooks, tokens, audit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.types import LessonDraft, LessonKind, Role
from store import jobs, lessons, queue, tables, users, webhooks
from tests.app.api.test_resources import ANSWER, base, pushed, reviewed
from tests.app.programs import Api
from tests.factories import build

PEOPLE = "/api/v1/people"


def queued(api: Api) -> int:
    output: int = pushed(api)["data"][0]["id"]
    with api.web.db.write() as session:
        queue.enqueue_output(session, api.project, output, priority=0.5)
    return output


def lesson(api: Api, text: str = "Add the digits.") -> int:
    with api.web.db.write() as session:
        draft = LessonDraft(LessonKind.RULE, text, "sums of digits", ())
        return lessons.propose(session, api.project, [draft], author_id=None)[0]


def test_a_program_claims_and_decides_in_its_owners_name(api: Api) -> None:
    output, client = queued(api), api.program("reviews:write", "reviews:read")
    held = client.post(f"{base(api)}/claims", json={}).json()
    assert held["output"]["id"] == output and held["prompt"] == "What is 3 + 4?" and held["reference"] == "7"
    assert held["output"]["text"] == ANSWER and [s["index"] for s in held["output"]["steps"]] == [0, 1]
    url, proof = f"/api/v1/claims/{held['assignment_id']}", {"token": held["token"]}
    assert client.post(f"{url}/heartbeat", json=proof).json()["deadline"] >= held["deadline"]
    words = {"text": "7, not 8", "first_wrong_step": 1, "output": output, "rewrite": "3 + 4 = 7."}
    draft = {"revision": 1, "body": words}
    kept = client.put(f"/api/v1/drafts/{held['assignment_id']}", json=draft).json()
    assert kept["revision"] == 1 and kept["handling"]["scope"]
    empty = client.post(f"{url}/submit", json={**proof, "output_id": output})
    assert empty.status_code == 422 and "Nothing is marked" in empty.json()["detail"]
    done = client.post(f"{url}/submit", json={**proof, "output_id": output, "form": words})
    assert done.status_code == 200, done.text
    assert done.json()["verdict"] == "faulty" and done.json()["correction_id"] and done.json()["distil_job_id"]
    again = client.post(f"{url}/submit", json={**proof, "output_id": output, "form": words}).json()
    assert again["review_id"] == done.json()["review_id"], "sent twice with one token it counts once"
    [row] = client.get(f"{base(api)}/reviews").json()["data"]
    assert (row["verdict"], row["first_wrong_step"], row["user_id"]) == ("faulty", 1, api.admin)
    nothing = client.post(f"{base(api)}/claims", json={}).json()
    assert nothing["assignment_id"] is None and nothing["causes"]["submitted"] == 1
    back = client.post(f"{base(api)}/claims/undo", json={}).json()
    assert back["assignment_id"] == held["assignment_id"] and back["token"] != held["token"]
    accepted = {"token": back["token"], "output_id": output, "action": "accept"}
    assert client.post(f"{url}/submit", json=accepted).json()["verdict"] == "acceptable"
    revisions = client.get(f"{base(api)}/reviews").json()["data"]
    assert [one["revision"] for one in revisions] == [1, 2]


def test_the_item_after_the_one_in_hand_is_claimed_ahead(api: Api) -> None:
    first = queued(api)
    with api.web.db.write() as session:
        item = build(session, tables.Item, project_id=api.project)
        second = build(session, tables.Output, item_id=item.id)
        queue.enqueue_output(session, api.project, second.id, priority=0.4)
        after = second.id
    client = api.program("reviews:write")
    held = client.post(f"{base(api)}/claims", json={}).json()
    ahead = client.post(f"{base(api)}/claims", json={"ahead": True}).json()
    assert [held["output"]["id"], ahead["output"]["id"]] == [first, after]
    assert client.post(f"{base(api)}/claims", json={"ahead": True}).json()["assignment_id"] == ahead["assignment_id"]
    client.post(f"/api/v1/claims/{held['assignment_id']}/skip", json={"token": held["token"], "reason": "no"})
    assert client.post(f"{base(api)}/claims", json={}).json()["assignment_id"] == ahead["assignment_id"]


def test_leaving_an_item_and_stale_or_foreign_claims(api: Api) -> None:
    queued(api)
    client = api.program("reviews:write")
    held = client.post(f"{base(api)}/claims", json={}).json()
    url, proof = f"/api/v1/claims/{held['assignment_id']}", {"token": held["token"]}
    eve = api.web.client("eve")
    for what, more in (("heartbeat", {}), ("skip", {"reason": "no"}), ("release", {})):
        assert eve.post(f"{url}/{what}", json={**proof, **more}).json()["code"] == "not_yours"
    assert client.post(f"{url}/skip", json=proof).status_code == 422, "a reason is needed"
    assert client.post(f"{url}/release", json=proof).status_code == 204
    lost = client.post(f"{url}/skip", json={**proof, "reason": "too hard"})
    assert lost.status_code == 409 and lost.json()["code"] == "lost_claim"
    held = client.post(f"{base(api)}/claims", json={"item_id": held["item_id"]}).json()
    proof = {"token": held["token"]}
    assert client.post(f"{url}/flag", json={**proof, "reason": "is this one right?"}).status_code == 204
    assert client.post(f"{base(api)}/claims", json={"queue": "expert"}).json()["queue"] == "expert"
    assert eve.post(f"{base(api)}/claims", json={"queue": "expert"}).json()["code"] == "missing_role"
    gone = client.post(f"{base(api)}/claims", json={"item_id": 999})
    assert gone.status_code == 409 and gone.json()["code"] == "not_claimed"


def test_a_retry_keeps_the_words_and_queues_one_job(api: Api) -> None:
    output, client = queued(api), api.program("reviews:write")
    held = client.post(f"{base(api)}/claims", json={}).json()
    url = f"/api/v1/claims/{held['assignment_id']}"
    body = {"token": held["token"], "output_id": output}
    assert client.post(f"{url}/retry", json=body).status_code == 422
    body["form"] = {"text": "7, not 8", "output": output}
    job = client.post(f"{url}/retry", json=body)
    assert job.status_code == 201 and job.json()["kind"] == "retry"
    assert "still working" in client.post(f"{url}/retry", json=body).json()["detail"]
    assert client.post(f"{url}/reask", json=body).status_code == 422


def test_rules_are_tried_kept_changed_and_removed(api: Api) -> None:
    pushed(api)
    client, rules = api.program("rules:write"), f"{base(api)}/rules"
    rule = {"name": "eight", "options": {"pattern": "is 8"}, "says": "faulty", "evidence": "It is never 8."}
    found = client.post(f"{rules}/check", json=rule).json()
    assert (found["tried"], found["hits"]) == (1, 1) and client.get(rules).json()["data"] == []
    made = client.post(rules, json=rule, headers={"idempotency-key": "r"})
    assert (
        made.status_code == 201
        and made.json() == client.post(rules, json=rule, headers={"idempotency-key": "r"}).json()
    )
    assert client.post(rules, json=rule).status_code == 422, "the name is taken"
    assert client.post(rules, json={**rule, "name": "b", "options": {"pattern": "("}}).status_code == 422
    one = f"/api/v1/rules/{made.json()['id']}"
    assert client.patch(one, json={"evidence": "Count.", "enabled": False}).json()["enabled"] is False
    assert client.get(one).json()["evidence"] == "Count."
    text = client.get(f"{rules}.yaml").text
    assert client.delete(one).status_code == 204 and client.get(one).status_code == 404
    assert client.put(rules, json={"yaml": text}).json() == {"added": 1, "changed": 0}
    assert client.put(rules, json={"yaml": "- name: ["}).status_code == 422
    with api.web.db.read() as session:
        assert any(job.kind == "revote" for job in jobs.recent(session, api.project))


def test_lessons_are_proposed_decided_merged_and_retired(api: Api) -> None:
    client = api.program("lessons:write", "lessons:read")
    new = {"kind": "rule", "text": "Carry the one.", "applicability": "sums over ten"}
    made = client.post(f"{base(api)}/lessons", json=new).json()
    one = f"/api/v1/lessons/{made['id']}"
    assert made["status"] == "proposed"
    assert client.patch(one, json={"text": "Carry the one!", "why": "louder"}).json()["revision"] == 2
    assert client.post(f"{one}/accept", json={}).json()["status"] == "active"
    refused = client.post(f"{one}/reject", json={"why": "late"})
    assert refused.status_code == 409 and refused.json()["code"] == "bad_transition"
    other = lesson(api)
    wanted = {"lesson_ids": [made["id"], other], "kind": "rule", "text": "Both.", "applicability": "sums"}
    both = client.post(f"{base(api)}/lessons/merge", json=wanted).json()
    assert both["status"] == "active" and client.get(one).json()["status"] == "suspended"
    assert client.get(f"/api/v1/lessons/{both['id']}").json()["parents"] == [made["id"], other]
    assert client.post(f"/api/v1/lessons/{both['id']}/undo").json()["again"] == [made["id"], other]
    assert client.get(one).json()["status"] == "active"
    probe = client.post(f"{one}/probes", json={"kind": "negative", "text": "What is a sum?"}).json()
    assert [p["id"] for p in client.get(f"{one}/probes").json()] == [probe["id"]]
    assert client.delete(f"{one}/probes/{probe['id']}").status_code == 204
    assert client.post(f"{one}/retirement", json={"confirm": True}).status_code == 404
    gone = client.post(f"{one}/retire", json={"why": "wrong"}).json()
    assert gone["lessons"] == [made["id"]] and client.get(one).json()["status"] == "retracted"
    assert client.post(f"/api/v1/retractions/{gone['id']}/undo", json={"why": "right"}).json()["state"] == "undone"
    assert [r["revision"] for r in client.get(one).json()["revisions"]][:3] == [1, 2, 3]


def test_people_are_added_changed_and_kept_from_locking_everybody_out(api: Api) -> None:
    client = api.program("people:write")
    new = {"name": "bob", "role": "annotator", "password": "correct horse"}
    bob = client.post(PEOPLE, json=new).json()
    assert client.post(PEOPLE, json={**new, "name": "BOB"}).json()["code"] == "name_taken"
    assert client.post(PEOPLE, json={**new, "name": "c", "password": "short"}).status_code == 422
    assert client.patch(f"{PEOPLE}/{bob['id']}", json={"role": "expert", "active": False}).json()["active"] is False
    assert {row["name"] for row in client.get(PEOPLE).json()["data"]} == {"ada", "bob"}
    mine = client.patch(f"{PEOPLE}/{api.admin}", json={"active": False})
    assert mine.status_code == 422 and "yourself" in mine.json()["detail"]
    last = client.patch(f"{PEOPLE}/{api.admin}", json={"role": "expert"})
    assert last.status_code == 422 and "admin" in last.json()["detail"]
    new_password = client.post(f"{PEOPLE}/{bob['id']}/password").json()
    assert len(new_password["password"]) > 12
    bound = api.program("people:write", project_id=api.project)
    assert bound.get(PEOPLE).json()["code"] == "other_project"


@pytest.mark.parametrize("name", ["quality", "calibration", "critics", "self-correction", "lessons", "loop"])
def test_reports_are_the_figures_of_the_pages(api: Api, name: str) -> None:
    client, url = api.program("reports:read"), f"{base(api)}/reports/{name}"
    assert client.get(url).json()["figures"], "also where nothing is known"
    reviewed(api, pushed(api)["data"][0]["id"])
    figures = client.get(url).json()["figures"]
    if name == "quality":
        assert figures["overlap"] == 1 and "steps" in figures
    if name == "calibration":
        assert figures["reviews"] == 1 and figures["wrong"] == 1 and figures["figures"] is None
    if name == "loop":
        assert figures["queue"]["submitted"] == 1
    assert client.get(f"{base(api)}/reports/none").status_code == 422


def test_threshold_queue_and_versions(api: Api) -> None:
    client = api.program("projects:write", "projects:read", "reports:read")
    assert client.put(f"{base(api)}/threshold", json={"value": 0.7, "only_risky": True}).json()["moved"] == 0
    assert client.get(f"{base(api)}/threshold").json()["value"] == 0.7
    changed = client.patch(f"{base(api)}/queues/annotate", json={"overlap": 2, "audit_share": 0.5}).json()
    assert (changed["overlap"], changed["audit_share"]) == (2, 0.5)
    assert client.patch(f"{base(api)}/queues/annotate", json={"order_policy": "none"}).status_code == 422
    with api.web.db.write() as session:
        made = build(session, tables.CriticModel, project_id=api.project, critic="step_head", current=False).id
    versions = f"{base(api)}/versions/critic"
    assert [row["current"] for row in client.get(versions).json()["data"]] == [False]
    assert [row["current"] for row in client.put(versions, json={"version_id": made}).json()["data"]] == [True]
    with api.web.db.write() as session:
        older = [build(session, tables.CriticModel, project_id=api.project, critic="step_head").id for _ in range(2)]
    newest = client.get(versions, params={"limit": 2}).json()
    assert [row["id"] for row in newest["data"]] == older[::-1] and newest["has_more"]
    rest = client.get(versions, params={"limit": 2, "cursor": newest["next_cursor"]}).json()
    assert [row["id"] for row in rest["data"]] == [made] and not rest["has_more"]
    assert client.put(versions, json={"version_id": 999}).status_code == 404
    assert client.put(f"{base(api)}/versions/risk", json={"version_id": None}).status_code == 422
    patched = client.patch(base(api), json={"settings": {"gateway": {"redact": ["("]}}})
    assert patched.status_code == 422 and "pattern 1" in patched.json()["detail"]


def upload(client: TestClient, url: str, name: str, content: bytes, **form: Any) -> Any:
    return client.post(url, files={"file": (name, content)}, data=form)


def test_a_file_is_imported_by_a_job_with_its_rows_errors(api: Api) -> None:
    client, url = api.program("items:write"), f"{base(api)}/imports"
    rows = b'{"question": "What is 1 + 1?"}\n{"question": ""}\n'
    done = upload(client, url, "rows.jsonl", rows, mapping=json.dumps({"prompt": "question"}))
    assert done.status_code == 201, done.text
    job = done.json()["job"]
    assert job["kind"] == "import" and done.json()["report"]["rows"] == 0
    kept = list(api.web.settings.uploads_dir.glob("*.jsonl"))
    assert [path.read_bytes() for path in kept] == [rows]
    with api.web.db.write() as session:
        report = {"rows": 2, "added": 1, "error_count": 1, "errors": [{"row": 2, "message": "no prompt"}]}
        session.get_one(tables.Job, job["id"]).result = report
    told = client.get(f"/api/v1/imports/{job['id']}").json()["report"]
    assert told["added"] == 1 and told["errors"] == [{"row": 2, "message": "no prompt"}]
    assert [one["job"]["id"] for one in client.get(url).json()["data"]] == [job["id"]]
    for name, content, form, says in (
        ("rows.exe", rows, {}, "ends with"),
        ("rows.jsonl", rows, {"mapping": "{"}, "JSON object"),
        ("rows.jsonl", rows, {"mapping": '{"prompt": "none"}'}, "question"),
        ("rows.jsonl", rows, {"mapping": '{"who": "question"}'}, "known roles"),
        ("rows.jsonl", b'{"a": 1}', {}, "prompt"),
        ("rows.jsonl", b"\xff\xfe\x00", {}, ""),
    ):
        bad = upload(client, url, name, content, **form)
        assert bad.status_code == 422 and says in bad.json()["detail"], (name, form, bad.text)
    assert list(api.web.settings.uploads_dir.glob("*.jsonl")) == kept, "what was refused is not kept"


def test_a_knowledge_base_is_imported(api: Api) -> None:
    expert = api.web.client("eve", Role.EXPERT)
    url = f"{base(api)}/lessons/import"
    assert upload(expert, url, "l.json", b'["Always check the unit."]').json()["kind"] == "import_lessons"
    assert upload(expert, url, "l.json", b"{").json()["code"] == "bad_knowledge_base"
    refused = upload(expert, f"{url}?as_they_stand=true", "l.json", b'["x"]')
    assert refused.status_code == 403 and refused.json()["code"] == "missing_role"


def test_webhooks_are_set_up_tested_and_kept_to_their_project(api: Api) -> None:
    client, url = api.program("webhooks:write"), "/api/v1/webhooks"
    new = {"url": "https://example.org/h?key=1", "events": ["review.submitted"], "project_id": api.project}
    made = client.post(url, json=new).json()
    assert made["secret"].startswith("whsec_") and "secret" not in client.get(f"{url}/{made['id']}").json()
    one = f"{url}/{made['id']}"
    for bad in (
        "ftp://example.org",
        "https://a:b@example.org/",
        "example.org",
        "https://exa mple.org/",
        "https://x:999999/",
    ):
        assert client.post(url, json={**new, "url": bad}).status_code == 422, bad
    assert client.post(url, json={**new, "events": ["no.such"]}).status_code == 422
    reviewed(api, pushed(api)["data"][0]["id"])
    assert client.post(f"{one}/test").status_code == 201
    log = client.get(f"{one}/deliveries").json()["data"]
    assert [row["event"] for row in log] == ["webhook.test", "review.submitted"]
    assert log[1]["data"]["verdict"] == "faulty" and log[1]["state"] == "waiting"
    assert client.post(f"{one}/deliveries/{log[1]['id']}/resend").status_code == 200
    assert client.post(f"{one}/secret").json()["secret"] != made["secret"]
    assert client.patch(one, json={"active": False}).json()["active"] is False
    assert client.post(f"{one}/test").status_code == 422
    bound = api.program("webhooks:write", project_id=api.project)
    with api.web.db.write() as session:
        everywhere = webhooks.add(session, "https://example.org/", ["job.failed"], project_id=None, user_id=None).id
    assert [row["id"] for row in bound.get(url).json()["data"]] == [made["id"]]
    assert bound.get(f"{url}/{everywhere}").status_code == 403
    assert bound.post(url, json={**new, "project_id": None}).json()["code"] == "other_project"
    assert client.delete(one).status_code == 204 and client.get(one).status_code == 404
    found = api.program("audit:read").get("/api/v1/audit", params={"subject": "webhook"}).json()["data"]
    assert "webhook.remove" in {row["action"] for row in found}
    assert "key=1" not in json.dumps(found) and made["secret"] not in json.dumps(found)


def test_ones_own_tokens(api: Api) -> None:
    client, url = api.program("tokens"), "/api/v1/tokens"
    assert [row["name"] for row in client.get(url).json()["data"]] == ["program"]
    new = {"name": "ci", "scopes": ["items:read"]}
    assert client.post(url, json=new).json()["code"] == "needs_sign_in"
    eve = api.web.client("eve", Role.EXPERT)
    assert eve.post(url, json=new).status_code == 422, "beyond her role"
    made = eve.post(url, json={"name": "ci", "scopes": ["lessons:read"]}).json()
    assert made["token"].startswith("corr_") and "token" not in eve.get(url).json()["data"][0]
    assert client.delete(f"{url}/{made['id']}").status_code == 404, "somebody else's"
    assert eve.delete(f"{url}/{made['id']}").status_code == 204


def test_jobs_start_again_and_the_audit_log_is_searched(api: Api) -> None:
    client = api.program("jobs:write", "jobs:read", "audit:read")
    pushed(api)
    [job] = client.get(f"{base(api)}/jobs").json()["data"]
    assert client.post(f"/api/v1/jobs/{job['id']}/again").status_code == 422
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{job['id']}/again").json()["state"] == "queued"
    assert client.post(f"{base(api)}/answers").json() == {"items": 0}
    few = client.post(f"{base(api)}/critics/train")
    assert few.status_code == 422 and "Too few" in few.json()["detail"]
    page = client.get("/api/v1/audit", params={"subject": "job", "limit": 1}).json()
    assert page["data"][0]["action"] == "job.try_again" and page["has_more"]
    older = client.get("/api/v1/audit", params={"subject": "job", "cursor": page["next_cursor"]}).json()["data"]
    assert [row["action"] for row in older] == ["job.cancel"]
    assert client.get("/api/v1/audit", params={"since": "2026-13-01"}).status_code == 422
    with api.web.db.read() as session:
        assert users.get(session, api.admin).active
