"""The API for programs: who may do what, pages, requests sent twice, and what each resource gives."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from core.scopes import ROLE_FOR, Scope
from core.types import Role
from store import projects, queue, reviews
from store.tables import Export, Output
from tests.app.conftest import Web
from tests.app.programs import Api
from tests.factories import build

ANSWER = "3 + 4 = 7.\nSo the answer is 8."


def base(api: Api) -> str:
    return f"/api/v1/projects/{api.project}"


def pushed(api: Api, **more: Any) -> dict[str, Any]:
    item = {"external_id": "i1", "prompt": "What is 3 + 4?", "reference": "7"}
    one = {"item": item, "text": ANSWER, "model": "theirs", **more}
    answer = api.program("outputs:write").post(f"{base(api)}/outputs", json={"outputs": [one]})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def reviewed(api: Api, output_id: int, verdict: str = "faulty", text: str = "7, not 8") -> None:
    with api.web.db.write() as session:
        queue.enqueue_output(session, api.project, output_id, priority=0.5)
        claim = queue.claim_next(session, api.admin, api.project)
        assert claim is not None
        wrong = 1 if verdict == "faulty" else None
        new = reviews.NewReview(claim.assignment_id, api.admin, output_id, verdict, first_wrong_step=wrong)
        words = reviews.NewCorrection(api.admin, output_id, text, step_index=1) if verdict == "faulty" else None
        reviews.submit(session, new, words, claim.token)


ROUTES = (
    ("GET", "/projects", Scope.PROJECTS_READ),
    ("POST", "/projects", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}", Scope.PROJECTS_READ),
    ("PATCH", "/projects/{p}", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}/items", Scope.ITEMS_READ),
    ("POST", "/projects/{p}/items", Scope.ITEMS_WRITE),
    ("GET", "/items/1", Scope.ITEMS_READ),
    ("PUT", "/items/1/images", Scope.ITEMS_WRITE),
    ("GET", "/items/1/images", Scope.ITEMS_READ),
    ("GET", "/items/1/images/0", Scope.ITEMS_READ),
    ("GET", "/projects/{p}/outputs", Scope.OUTPUTS_READ),
    ("POST", "/projects/{p}/outputs", Scope.OUTPUTS_WRITE),
    ("GET", "/outputs/1", Scope.OUTPUTS_READ),
    ("GET", "/projects/{p}/reviews", Scope.REVIEWS_READ),
    ("GET", "/projects/{p}/corrections", Scope.REVIEWS_READ),
    ("GET", "/projects/{p}/lessons", Scope.LESSONS_READ),
    ("POST", "/projects/{p}/lessons/retrieve", Scope.LESSONS_READ),
    ("GET", "/projects/{p}/lessons/effect", Scope.LESSONS_READ),
    ("GET", "/lessons/1/effect", Scope.LESSONS_READ),
    ("GET", "/projects/{p}/retractions", Scope.LESSONS_WRITE),
    ("POST", "/projects/{p}/retractions", Scope.LESSONS_WRITE),
    ("POST", "/retractions/1/undo", Scope.LESSONS_WRITE),
    ("GET", "/projects/{p}/exports", Scope.EXPORTS_READ),
    ("POST", "/projects/{p}/exports", Scope.EXPORTS_WRITE),
    ("POST", "/projects/{p}/evaluation-sets", Scope.EXPORTS_WRITE),
    ("GET", "/projects/{p}/evaluation-sets", Scope.EXPORTS_READ),
    ("GET", "/projects/{p}/runs", Scope.EXPORTS_READ),
    ("POST", "/exports/1/runs", Scope.EXPORTS_WRITE),
    ("GET", "/exports/1", Scope.EXPORTS_READ),
    ("GET", "/exports/1/file", Scope.EXPORTS_READ),
    ("GET", "/projects/{p}/jobs", Scope.JOBS_READ),
    ("GET", "/jobs/1", Scope.JOBS_READ),
    ("POST", "/jobs/1/cancel", Scope.JOBS_WRITE),
    ("GET", "/projects/{p}/queues/annotate", Scope.PROJECTS_READ),
    ("PATCH", "/projects/{p}/queues/annotate", Scope.PROJECTS_WRITE),
    ("POST", "/projects/{p}/imports", Scope.ITEMS_WRITE),
    ("GET", "/projects/{p}/imports", Scope.ITEMS_WRITE),
    ("GET", "/imports/1", Scope.ITEMS_WRITE),
    ("POST", "/projects/{p}/lessons/import", Scope.LESSONS_WRITE),
    ("POST", "/projects/{p}/claims", Scope.REVIEWS_WRITE),
    ("POST", "/projects/{p}/claims/undo", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/heartbeat", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/release", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/skip", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/flag", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/submit", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/retry", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/reask", Scope.REVIEWS_WRITE),
    ("POST", "/claims/1/votes", Scope.REVIEWS_WRITE),
    ("PUT", "/drafts/1", Scope.REVIEWS_WRITE),
    ("POST", "/projects/{p}/lessons", Scope.LESSONS_WRITE),
    ("POST", "/projects/{p}/lessons/merge", Scope.LESSONS_WRITE),
    ("GET", "/lessons/1", Scope.LESSONS_READ),
    ("PATCH", "/lessons/1", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/accept", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/reject", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/retire", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/retirement", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/split", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/undo", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/settle", Scope.LESSONS_WRITE),
    ("GET", "/lessons/1/probes", Scope.LESSONS_READ),
    ("POST", "/lessons/1/probes", Scope.LESSONS_WRITE),
    ("DELETE", "/lessons/1/probes/1", Scope.LESSONS_WRITE),
    ("POST", "/lessons/1/probes/run", Scope.LESSONS_WRITE),
    ("POST", "/retractions/1/relabel", Scope.LESSONS_WRITE),
    ("POST", "/retractions/1/unlabel", Scope.LESSONS_WRITE),
    ("POST", "/retractions/1/unlearn", Scope.LESSONS_WRITE),
    ("GET", "/retractions/1/suspects", Scope.LESSONS_WRITE),
    ("GET", "/projects/{p}/rules", Scope.RULES_WRITE),
    ("POST", "/projects/{p}/rules", Scope.RULES_WRITE),
    ("PUT", "/projects/{p}/rules", Scope.RULES_WRITE),
    ("POST", "/projects/{p}/rules/check", Scope.RULES_WRITE),
    ("GET", "/projects/{p}/rules.yaml", Scope.RULES_WRITE),
    ("GET", "/rules/1", Scope.RULES_WRITE),
    ("PATCH", "/rules/1", Scope.RULES_WRITE),
    ("DELETE", "/rules/1", Scope.RULES_WRITE),
    ("GET", "/projects/{p}/versions/critic", Scope.REPORTS_READ),
    ("PUT", "/projects/{p}/versions/critic", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}/threshold", Scope.REPORTS_READ),
    ("PUT", "/projects/{p}/threshold", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}/reports/quality", Scope.REPORTS_READ),
    ("POST", "/jobs/1/again", Scope.JOBS_WRITE),
    ("POST", "/projects/{p}/answers", Scope.JOBS_WRITE),
    ("POST", "/projects/{p}/critics/train", Scope.JOBS_WRITE),
    ("POST", "/projects/{p}/lessons/trials", Scope.JOBS_WRITE),
    ("GET", "/webhooks", Scope.WEBHOOKS_WRITE),
    ("POST", "/webhooks", Scope.WEBHOOKS_WRITE),
    ("GET", "/webhooks/1", Scope.WEBHOOKS_WRITE),
    ("PATCH", "/webhooks/1", Scope.WEBHOOKS_WRITE),
    ("DELETE", "/webhooks/1", Scope.WEBHOOKS_WRITE),
    ("POST", "/webhooks/1/secret", Scope.WEBHOOKS_WRITE),
    ("POST", "/webhooks/1/test", Scope.WEBHOOKS_WRITE),
    ("GET", "/webhooks/1/deliveries", Scope.WEBHOOKS_WRITE),
    ("POST", "/webhooks/1/deliveries/1/resend", Scope.WEBHOOKS_WRITE),
    ("GET", "/people", Scope.PEOPLE_WRITE),
    ("POST", "/people", Scope.PEOPLE_WRITE),
    ("GET", "/people/1", Scope.PEOPLE_WRITE),
    ("PATCH", "/people/1", Scope.PEOPLE_WRITE),
    ("POST", "/people/1/password", Scope.PEOPLE_WRITE),
    ("GET", "/projects/{p}/queues/annotate/waiting", Scope.OUTPUTS_READ),
    ("GET", "/projects/{p}/queues/annotate/progress", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}/queues/annotate/held", Scope.PROJECTS_WRITE),
    ("GET", "/projects/{p}/queues/annotate/skips", Scope.PROJECTS_WRITE),
    ("POST", "/projects/{p}/queues/annotate/assign", Scope.PROJECTS_WRITE),
    ("POST", "/projects/{p}/queues/annotate/order", Scope.PROJECTS_WRITE),
    ("PUT", "/projects/{p}/queues/annotate/people/999", Scope.PROJECTS_WRITE),
    ("DELETE", "/projects/{p}/queues/annotate/people/999", Scope.PROJECTS_WRITE),
    ("POST", "/projects/{p}/queues/annotate/people/999/go-on", Scope.PROJECTS_WRITE),
    ("POST", "/projects/{p}/queues/annotate/gold", Scope.PROJECTS_WRITE),
    ("DELETE", "/projects/{p}/queues/annotate/gold", Scope.PROJECTS_WRITE),
    ("POST", "/assignments/1/release", Scope.PROJECTS_WRITE),
    ("POST", "/assignments/1/put-back", Scope.PROJECTS_WRITE),
    ("POST", "/claims/1/split", Scope.REVIEWS_WRITE),
    ("GET", "/items/1/sub-tasks", Scope.OUTPUTS_READ),
    ("GET", "/projects/{p}/adjudication", Scope.REVIEWS_READ),
    ("GET", "/adjudication/1", Scope.REVIEWS_READ),
    ("POST", "/adjudication/1/decide", Scope.REVIEWS_WRITE),
    ("GET", "/decisions", Scope.REVIEWS_WRITE),
    ("POST", "/decisions/seen", Scope.REVIEWS_WRITE),
    ("POST", "/people/1/sign-out", Scope.PEOPLE_WRITE),
    ("GET", "/teams", Scope.PEOPLE_WRITE),
    ("POST", "/teams", Scope.PEOPLE_WRITE),
    ("GET", "/teams/1", Scope.PEOPLE_WRITE),
    ("PATCH", "/teams/1", Scope.PEOPLE_WRITE),
    ("DELETE", "/teams/1", Scope.PEOPLE_WRITE),
    ("GET", "/projects/{p}/members", Scope.PROJECTS_WRITE),
    ("PUT", "/projects/{p}/members", Scope.PROJECTS_WRITE),
    ("PUT", "/projects/{p}/access", Scope.PROJECTS_WRITE),
    ("GET", "/tokens", Scope.TOKENS),
    ("POST", "/tokens", Scope.TOKENS),
    ("DELETE", "/tokens/1", Scope.TOKENS),
    ("GET", "/audit", Scope.AUDIT_READ),
)


def test_every_route_asks_for_its_scope_and_role(api: Api) -> None:
    document = api.web.client().get("/api/v1/openapi.json").json()
    described = {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    assert len(described) == len(ROUTES), "a new route belongs into this table"
    people = {role: api.web.client(f"p-{role}", role) for role in Role}
    anonymous = api.web.client()
    for method, path, scope in ROUTES:
        url = "/api/v1" + path.format(p=api.project)
        body = {"json": {}} if method in ("POST", "PATCH") else {}
        others = [other.value for other in Scope if other not in (scope, Scope.ADMIN)]
        assert anonymous.request(method, url, **body).status_code == 401, url
        lacking = api.program(*others).request(method, url, **body)
        assert lacking.status_code == 403 and lacking.json()["code"] == "missing_scope", url
        assert api.program(scope.value).request(method, url, **body).status_code not in (401, 403), url
        for role, client in people.items():
            refused = client.request(method, url, **body).status_code == 403
            assert refused is not (list(Role).index(role) >= list(Role).index(ROLE_FOR[scope])), (url, role)


def test_a_token_of_one_project_opens_no_other(api: Api) -> None:
    with api.web.db.write() as session:
        other = projects.create(session, slug="other", name="Other", item_type="text").id
        output = build(session, Output).id
        export = build(session, Export).id
    client = api.program("admin", project_id=other)
    assert [row["id"] for row in client.get("/api/v1/projects").json()["data"]] == [other]
    for method, path, _ in ROUTES:
        if method == "GET" and path.startswith("/projects/{p}/"):
            assert client.get("/api/v1" + path.format(p=api.project)).status_code == 403, path
    for path in (f"outputs/{output}", f"exports/{export}", f"exports/{export}/file"):
        assert client.get(f"/api/v1/{path}").status_code == 403, path


def test_wrong_tokens_are_limited_and_good_ones_are_not_held_to_it(api: Api) -> None:
    address = ("127.0.0.9", 50000)  # of its own: the application is shared with other tests
    client = TestClient(api.web.app, base_url="http://127.0.0.1", client=address)
    good = TestClient(api.web.app, base_url="http://127.0.0.1", client=address)
    good.headers["authorization"] = f"Bearer {api.token('projects:read')}"
    assert good.get("/api/v1/projects").status_code == 200
    wrong = {"authorization": "Bearer corr_000000000000_x"}
    said = [client.get("/api/v1/projects", headers=wrong).status_code for _ in range(31)]
    assert said[:30] == [401] * 30 and said[30] == 429
    assert good.get("/api/v1/projects").status_code == 200
    basic = client.get("/api/v1/projects", headers={"authorization": "Basic eA=="})
    assert basic.status_code == 401


def test_items_are_pushed_paged_and_upserted(api: Api) -> None:
    client = api.program("items:write", "items:read")
    rows = [{"external_id": f"i{k}", "prompt": f"What is {k} + 1?"} for k in range(7)]
    made = client.post(f"{base(api)}/items", json={"items": rows, "answer": True})
    assert made.status_code == 201 and made.json()["added"] == 7 and made.json()["job_id"]
    rows[0]["prompt"] = "What is 5 + 1?"
    again = client.post(f"{base(api)}/items", json={"items": rows}).json()
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 1, 6) and again["ids"] == made.json()["ids"]
    seen, cursor = [], None
    while True:
        page = client.get(f"{base(api)}/items", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == made.json()["ids"]
    later = client.get(f"{base(api)}/items", params={"cursor": cursor}).json()
    assert later == {"data": [], "next_cursor": cursor, "has_more": False}
    for bad in ("x", "YWZ0ZXI6LTE", "é", "YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk"):
        assert client.get(f"{base(api)}/items", params={"cursor": bad}).json()["code"] == "bad_cursor", bad


def test_an_output_is_kept_once_with_steps_and_judged(api: Api) -> None:
    tokens = [{"text": "3", "logprob": -0.5}, {"text": " +", "logprob": -1.5, "entropy": 0.25}]
    first = pushed(api, tokens=tokens)
    assert first["data"][0]["status"] == "added" and first["job_id"]
    again = pushed(api)
    assert again["data"][0]["id"] == first["data"][0]["id"] and again["data"][0]["status"] == "unchanged"
    assert again["job_id"] is None
    client = api.program("outputs:read", "jobs:read", "items:read")
    output = client.get(f"/api/v1/outputs/{first['data'][0]['id']}").json()
    assert [step["text"] for step in output["steps"]] == ["3 + 4 = 7.", "So the answer is 8."]
    assert output["mean_logprob"] == -1.0 and output["risk"] is None and output["external_id"] == "i1"
    assert client.get(f"/api/v1/jobs/{first['job_id']}").json()["kind"] == "analyse"
    assert client.get(f"/api/v1/items/{output['item_id']}").json()["reference"] == "7"
    missing = api.program("outputs:write").post(
        f"{base(api)}/outputs", json={"outputs": [{"external_id": "none", "text": "x", "model": "m"}]}
    )
    assert missing.status_code == 422 and "Push the item first" in missing.json()["detail"]


def test_a_request_sent_again_under_its_key_changes_nothing(api: Api) -> None:
    client, url = api.program("exports:write", "exports:read"), f"{base(api)}/exports"
    headers = {"idempotency-key": "once"}
    first = client.post(url, json={"format": "sft"}, headers=headers)
    again = client.post(url, json={"format": "sft"}, headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    other = client.post(url, json={"format": "dpo"}, headers=headers)
    assert other.status_code == 409 and other.json()["code"] == "key_reused"
    assert len(client.get(url).json()["data"]) == 1
    bad = client.post(url, json={"format": "none"}, headers={"idempotency-key": "bad"})
    assert bad.status_code == 422
    assert client.post(url, json={"format": "dpo"}, headers={"idempotency-key": "bad"}).status_code == 201


def test_reviews_are_a_feed_with_their_corrections(api: Api) -> None:
    client = api.program("reviews:read")
    start = client.get(f"{base(api)}/reviews").json()
    assert start == {"data": [], "next_cursor": None, "has_more": False}
    output = pushed(api)["data"][0]["id"]
    reviewed(api, output)
    page = client.get(f"{base(api)}/reviews", params={"output_id": [output, output + 1]}).json()
    [row] = page["data"]
    assert (row["verdict"], row["first_wrong_step"], row["external_id"]) == ("faulty", 1, "i1")
    assert (row["protocol"], row["answer_right"], row["blind"], row["alternatives"]) == ("first_error", None, False, [])
    assert [one["text"] for one in row["corrections"]] == ["7, not 8"]
    assert client.get(f"{base(api)}/reviews", params={"cursor": page["next_cursor"]}).json()["data"] == []
    assert client.get(f"{base(api)}/reviews", params={"output_id": output + 1}).json()["data"] == []
    assert client.get(f"{base(api)}/corrections").json()["data"][0]["step_index"] == 1


def test_projects_are_added_and_changed(api: Api) -> None:
    client = api.program("projects:write", "projects:read")
    made = client.post("/api/v1/projects", json={"slug": "new", "name": "New", "item_type": "text"})
    assert made.status_code == 201
    assert client.post("/api/v1/projects", json={"slug": "new", "name": "New"}).status_code == 409
    url = f"/api/v1/projects/{made.json()['id']}"
    changed = client.patch(url, json={"settings": {"lessons_per_slot": 1}}).json()
    assert changed["settings"]["lessons_per_slot"] == 1 and changed["settings"]["lesson_tokens"] == 400
    assert client.patch(url, json={"settings": {"no_such": 1}}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "not_found"),
        ("DELETE", "/projects", None, 405, "method_not_allowed"),
        ("GET", "/projects/999", None, 404, "not_found"),
        ("GET", "/projects/0", None, 422, "invalid_request"),
        ("GET", "/projects/99999999999999999999", None, 422, "invalid_request"),
        ("POST", "/projects", b"{", 422, "invalid_request"),
        ("POST", "/projects", b'{"slug": "a", "name": "\\ud800"}', 422, "invalid_request"),
        ("POST", "/projects", b'{"slug": "a", "name": "A", "settings": {"x": NaN}}', 422, "invalid_request"),
        ("POST", "/projects", b"x" * (8 * 1024 * 1024 + 1), 413, "too_large"),
    ],
)
def test_every_refusal_is_a_problem(
    api: Api, method: str, path: str, content: bytes | None, status: int, code: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = api.program("admin").request(method, "/api/v1" + path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert status != 405 or answer.headers["allow"] == "GET, POST"
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["code"] == code
    assert answer.json()["status"] == status and answer.json()["detail"]


def test_a_foreign_page_is_refused_with_a_problem(web: Web) -> None:
    evil = web.client("ada", Role.ADMIN).post("/api/v1/projects", json={}, headers={"origin": "https://evil.example"})
    assert evil.status_code == 403 and evil.json()["code"] == "foreign_origin"
