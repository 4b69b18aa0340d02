"""Every POST of the API that changes something may be sent again under its key: the same answer, and nothing happens twice."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from core.types import LessonDraft, LessonKind, QueueKind, Role
from store import items, jobs, lesson_proposals, lessons, projects, queue, tables
from store.engine import Database
from tests.app.api.test_resources import pushed
from tests.app.programs import Api
from tests.factories import build

ASKS = {"/projects/{project_id}/lessons/retrieve", "/projects/{project_id}/rules/check"}  # change nothing
SECRET = {"/people/{person_id}/password"}  # shown once
NOT_KEPT = {"api_token", "idempotency_key"}  # when a token was last used, and the keys themselves
P = "/projects/{project_id}"
Q = P + "/queues/{kind}"


def posts(api: Api) -> dict[str, dict[str, Any]]:
    document = api.web.client().get("/api/v1/openapi.json").json()
    return {path: ways["post"] for path, ways in document["paths"].items() if "post" in ways}


def everything(db: Database) -> dict[str, list[str]]:
    with db.read() as session:
        return {
            table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for table in tables.Base.metadata.sorted_tables
            if table.name not in NOT_KEPT
        }


def test_every_post_that_changes_something_takes_a_key(api: Api) -> None:
    found = posts(api)
    assert found.keys() >= ASKS and len(found) > 50
    lacking = {
        path
        for path, operation in found.items()
        if not any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", ()))
    }
    assert lacking == ASKS
    assert not [path for path in found if path not in ASKS and "409" not in found[path]["responses"]]


class Ground:
    """A project in which one thing of each kind can be done."""

    def __init__(self, api: Api) -> None:
        self.api, self.output = api, pushed(api)["data"][0]["id"]
        with api.web.db.write() as session:
            project, admin = api.project, api.admin
            output = session.get_one(tables.Output, self.output)
            queue.enqueue_output(session, project, self.output, priority=0.5)
            queue.dispute(session, project, self.output, reason="hard", priority=0.5)
            self.item = output.item_id
            self.expert = self._slot(session, QueueKind.EXPERT)
            drafts = [LessonDraft(LessonKind.RULE, f"Rule {n}.", "sums", ()) for n in range(7)]
            self.lessons = lessons.propose(session, project, drafts, author_id=None)
            for one in self.lessons[3:]:
                lessons.accept(session, one, admin)
            self.person = build(session, tables.User, role=Role.ANNOTATOR.value, active=True).id
            self.hook = build(session, tables.Webhook, project_id=project, active=True).id
            self.delivery = build(session, tables.WebhookDelivery, webhook_id=self.hook, state="failed").id
            self.export = build(session, tables.Export, project_id=project, format="sft").id
            self.job = jobs.create(session, "analyse", {}, priority=5, project_id=project)[0].id
            self.failed = jobs.create(session, "revote", {"project_id": project}, priority=5, project_id=project)[0].id
            session.get_one(tables.Job, self.failed).state = "failed"

    def _slot(self, session: Any, kind: QueueKind) -> tables.Assignment:
        line = projects.queue_of(session, self.api.project, kind)
        query = select(tables.Assignment).where(tables.Assignment.queue_id == line.id)
        slot: tables.Assignment = session.scalars(query.limit(1)).one()
        return slot

    def claimed(self, kind: str = "annotate") -> tuple[int, str]:
        """A slot in the admin's hands, with its token."""
        with self.api.web.db.write() as session:
            got = queue.claim_next(session, self.api.admin, self.api.project, kind)
            assert got is not None
            return got.assignment_id, got.token


def once_and_again(ground: Ground, client: TestClient, url: str, **how: Any) -> tuple[Any, Any]:
    """Both answers; what is kept must be the same after the second as after the first."""
    before = everything(ground.api.web.db)
    headers = {"idempotency-key": f"k {url}"}
    first = client.post(f"/api/v1{url}", headers=headers, **how)
    assert first.is_success, (url, first.text)
    after = everything(ground.api.web.db)
    second = client.post(f"/api/v1{url}", headers=headers, **how)
    assert everything(ground.api.web.db) == after, f"{url} did something twice"
    assert before != after, f"{url} did nothing"
    return first, second


CALLS: dict[str, Any] = {
    "/projects": {"slug": "new", "name": "New"},
    f"{P}/items": {"items": [{"external_id": "n", "prompt": "What is 1 + 1?"}]},
    f"{P}/outputs": {"outputs": [{"external_id": "i1", "text": "It is 7.", "model": "m"}]},
    f"{P}/claims": {},
    f"{P}/lessons": {"kind": "rule", "text": "Count.", "applicability": "sums"},
    f"{P}/rules": {"name": "eight", "options": {"pattern": "is 8"}, "says": "faulty"},
    f"{P}/exports": {"format": "sft"},
    f"{P}/evaluation-sets": {"name": "held", "texts": ["What is 9 + 9?"]},
    f"{P}/answers": None,
    f"{P}/lessons/trials": None,
    f"{Q}/order": None,
    f"{Q}/gold": lambda ground: {"output_id": ground.output, "verdict": "faulty", "first_wrong_step": 1},
    f"{Q}/assign": lambda ground: {"people": [ground.person]},
    f"{P}/retractions": lambda ground: {"filter": {"lesson_ids": ground.lessons[3:4]}, "why": "wrong"},
    f"{P}/lessons/merge": lambda ground: {
        "lesson_ids": ground.lessons[3:5],
        "kind": "rule",
        "text": "Both.",
        "applicability": "sums",
    },
    "/lessons/{lesson_id}/accept": {},
    "/lessons/{lesson_id}/reject": {"why": "no"},
    "/lessons/{lesson_id}/retire": {"why": "no"},
    "/lessons/{lesson_id}/probes": {"kind": "negative", "text": "What is a sum?"},
    "/lessons/{lesson_id}/probes/run": None,
    "/lessons/{lesson_id}/split": {"texts": ["One.", "Two."], "applicability": "sums"},
    "/lessons/{lesson_id}/settle": lambda ground: {"other_id": ground.lessons[4], "keep": "this"},
    "/exports/{export_id}/runs": {"loss": 1.5, "means": {"length": 3.0}},
    "/jobs/{job_id}/cancel": None,
    "/jobs/{job_id}/again": None,
    "/webhooks": {"url": "https://example.org/h", "events": ["review.submitted"]},
    "/webhooks/{webhook_id}/secret": None,
    "/webhooks/{webhook_id}/test": None,
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend": None,
    "/people": {"name": "bob", "password": "correct horse"},
    "/people/{person_id}/password": None,
    "/people/{person_id}/sign-out": None,
    "/teams": {"name": "Readers"},
}


def path_of(ground: Ground, route: str) -> str:
    accepted = ground.lessons[3] if route.rsplit("/", 1)[-1] in ("retire", "split", "settle", "run") else None
    values = {
        "project_id": ground.api.project,
        "kind": "annotate",
        "lesson_id": accepted or ground.lessons[0],
        "export_id": ground.export,
        "job_id": ground.failed if route.endswith("/again") else ground.job,
        "webhook_id": ground.hook,
        "delivery_id": ground.delivery,
        "person_id": ground.person,
    }
    return route.format(**values)


@pytest.mark.parametrize("route", CALLS)
def test_a_post_that_comes_again_answers_the_same_and_does_nothing_twice(api: Api, route: str) -> None:
    ground, body = Ground(api), CALLS[route]
    if route.endswith("/settle"):
        with api.web.db.write() as session:
            related = [[ground.lessons[4], "contradicts"]]
            session.get_one(tables.Lesson, ground.lessons[3]).extra = {"related": related}
    if route.endswith("/answers"):
        with api.web.db.write() as session:
            items.add_many(session, api.project, [items.NewItem("open", "What is 2 + 2?")])
    body = body(ground) if callable(body) else body
    how = {"json": body} if body is not None else {}
    client = api.program()
    first, second = once_and_again(ground, client, path_of(ground, route), **how)
    if route in SECRET:
        assert (second.status_code, second.json()["code"]) == (409, "shown_once")
        return
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    if how:
        key = {"idempotency-key": f"k {path_of(ground, route)}"}
        other = client.post(f"/api/v1{path_of(ground, route)}?x=1", headers=key, **how)
        assert (other.status_code, other.json()["code"]) == (409, "key_reused")


@pytest.mark.parametrize(
    "what", ["heartbeat", "release", "skip", "flag", "submit", "retry", "split", "force-release", "put-back", "go-on"]
)
def test_what_is_done_with_a_claim_comes_again(api: Api, what: str) -> None:
    ground, client = Ground(api), api.program()
    slot, token = ground.claimed("expert" if what == "split" else "annotate")
    form = {"text": "7, not 8", "first_wrong_step": 1, "output": ground.output}
    said = {
        "skip": {"reason": "hard"},
        "flag": {"reason": "hard"},
        "submit": {"output_id": ground.output, "form": form},
        "retry": {"output_id": ground.output, "form": form},
        "split": {"prompts": ["What is 3?", "What is 4?"]},
    }
    url, how = f"/claims/{slot}/{what}", {"json": {"token": token, **said.get(what, {})}}
    if what == "force-release":
        url, how = f"/assignments/{slot}/release", {}
    if what == "go-on":
        url, how = f"/projects/{api.project}/queues/annotate/people/{api.admin}/go-on", {}
    if what == "put-back":
        with api.web.db.write() as session:
            session.get_one(tables.Assignment, slot).state = "set_aside"
        url, how = f"/assignments/{slot}/put-back", {}
    first, second = once_and_again(ground, client, url, **how)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["idempotency-replayed"] == "true"


def test_uploads_come_again_without_a_second_file_or_job(api: Api) -> None:
    ground, client = Ground(api), api.program()
    rows = b'{"prompt": "What is 1 + 1?"}\n'
    for url, name, content in (("imports", "rows.jsonl", rows), ("lessons/import", "l.json", b'["Check the unit."]')):
        how = {"files": {"file": (name, content)}}
        first, second = once_and_again(ground, client, f"/projects/{api.project}/{url}", **how)
        assert second.content == first.content and second.headers["idempotency-replayed"] == "true"
        key = {"idempotency-key": f"k /projects/{api.project}/{url}"}
        other = client.post(
            f"/api/v1/projects/{api.project}/{url}", headers=key, files={"file": (name, content + b" ")}
        )
        assert other.json()["code"] == "key_reused"
    kept = list(api.web.settings.uploads_dir.glob("*.jsonl"))
    assert len(kept) == 2, "what came again or was refused is not kept"


def test_a_refused_request_may_be_mended_under_its_key(api: Api) -> None:
    ground, client = Ground(api), api.program()
    slot, token = ground.claimed()
    key = {"idempotency-key": "k"}
    bad = {"token": token, "output_id": ground.output}
    assert client.post(f"/api/v1/claims/{slot}/submit", json=bad, headers=key).status_code == 422
    stale = {"token": "lost", "output_id": ground.output, "form": {"text": "7, not 8", "output": ground.output}}
    for _ in range(2):
        lost = client.post(f"/api/v1/claims/{slot}/submit", json=stale, headers=key)
        assert (lost.status_code, lost.json()["code"]) == (409, "lost_claim"), lost.text
    good = {**bad, "action": "accept"}
    assert client.post(f"/api/v1/claims/{slot}/submit", json=good, headers=key).status_code == 200


def test_a_new_token_is_shown_once(api: Api) -> None:
    browser = api.web.client("eve", Role.EXPERT)
    new, key = {"name": "ci", "scopes": ["lessons:read"]}, {"idempotency-key": "t"}
    made = browser.post("/api/v1/tokens", json=new, headers=key)
    again = browser.post("/api/v1/tokens", json=new, headers=key)
    assert made.status_code == 201 and (again.status_code, again.json()["code"]) == (409, "shown_once")
    assert len(browser.get("/api/v1/tokens").json()["data"]) == 1
    with api.web.db.read() as session:
        [row] = session.scalars(select(tables.IdempotencyKey)).all()
        assert made.json()["token"] not in str(row.answer)


def test_the_proposal_to_retire_is_decided_once(api: Api) -> None:
    ground, client = Ground(api), api.program()
    with api.web.db.write() as session:
        proposal = build(session, tables.LessonProposal, lesson_id=ground.lessons[3], state="open")
        assert lesson_proposals.of_lesson(session, ground.lessons[3]) and proposal.id
    url = f"/lessons/{ground.lessons[3]}/retirement"
    first, second = once_and_again(ground, client, url, json={"confirm": False})
    assert first.json() == second.json()
