"""Operations of a program that reviews, decides on lessons, or runs the installation; as ``app.client.operations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from app.client.admin_values import Claim, Decided, NewRule, Person, Rule, RuleTried, Webhook
from app.client.operations import Call, Operation, post
from app.client.values import Job, Lesson, read

T = TypeVar("T")


def every(kind: type[T], path: str, **asked: Any) -> Operation[list[T]]:
    """Every page of a list."""
    found: list[T] = []
    cursor = None
    while True:
        body = yield Call("GET", path, {"limit": 200, **asked, **({"cursor": cursor} if cursor else {})})
        found += [read(kind, row) for row in body["data"]]
        if not body["has_more"]:
            return found
        cursor = body["next_cursor"]


def rules(project_id: int) -> Operation[list[Rule]]:
    return every(Rule, f"/projects/{project_id}/rules")


def add_rule(project_id: int, rule: NewRule) -> Operation[Rule]:
    return read(Rule, (yield post(f"/projects/{project_id}/rules", asdict(rule))))


def check_rule(project_id: int, rule: NewRule) -> Operation[RuleTried]:
    return read(RuleTried, (yield Call("POST", f"/projects/{project_id}/rules/check", json=asdict(rule))))


def change_rule(rule_id: int, changes: Mapping[str, Any]) -> Operation[Rule]:
    return read(Rule, (yield Call("PATCH", f"/rules/{rule_id}", json=dict(changes))))


def remove_rule(rule_id: int) -> Operation[None]:
    yield Call("DELETE", f"/rules/{rule_id}")


def people() -> Operation[list[Person]]:
    return every(Person, "/people")


def add_person(name: str, password: str, role: str) -> Operation[Person]:
    return read(Person, (yield post("/people", {"name": name, "password": password, "role": role})))


def change_person(person_id: int, changes: Mapping[str, Any]) -> Operation[Person]:
    return read(Person, (yield Call("PATCH", f"/people/{person_id}", json=dict(changes))))


def set_member(project_id: int, role: str | None, person_id: int | None, team_id: int | None) -> Operation[None]:
    body = {"role": role, "person_id": person_id, "team_id": team_id}
    yield Call("PUT", f"/projects/{project_id}/members", json=body)


def webhooks() -> Operation[list[Webhook]]:
    return every(Webhook, "/webhooks")


def add_webhook(url: str, events: Sequence[str], project_id: int | None) -> Operation[Webhook]:
    body = {"url": url, "events": list(events), "project_id": project_id}
    return read(Webhook, (yield post("/webhooks", body)))


def change_webhook(webhook_id: int, changes: Mapping[str, Any]) -> Operation[Webhook]:
    return read(Webhook, (yield Call("PATCH", f"/webhooks/{webhook_id}", json=dict(changes))))


def remove_webhook(webhook_id: int) -> Operation[None]:
    yield Call("DELETE", f"/webhooks/{webhook_id}")


def propose_lesson(project_id: int, kind: str, text: str, applicability: str, why: str) -> Operation[Lesson]:
    body = {"kind": kind, "text": text, "applicability": applicability, "why": why}
    return read(Lesson, (yield post(f"/projects/{project_id}/lessons", body)))


def accept_lesson(lesson_id: int, changes: Mapping[str, Any]) -> Operation[Lesson]:
    return read(Lesson, (yield post(f"/lessons/{lesson_id}/accept", dict(changes))))


def reject_lesson(lesson_id: int, why: str) -> Operation[Lesson]:
    return read(Lesson, (yield post(f"/lessons/{lesson_id}/reject", {"why": why})))


def retire_lesson(lesson_id: int, why: str) -> Operation[int]:
    """The number of the retraction, by which it can be undone."""
    body = yield post(f"/lessons/{lesson_id}/retire", {"why": why})
    return int(body["id"])


def claim(project_id: int, queue: str, item_id: int | None, ahead: bool) -> Operation[Claim | None]:
    body = yield post(f"/projects/{project_id}/claims", {"queue": queue, "item_id": item_id, "ahead": ahead})
    return read(Claim, body) if body["assignment_id"] is not None else None


def submit(held: Claim, action: str, form: Mapping[str, Any]) -> Operation[Decided]:
    output_id = held.output["id"]
    body = {"token": held.token, "action": action, "output_id": output_id, "form": {**form, "output": output_id}}
    return read(Decided, (yield post(f"/claims/{held.assignment_id}/submit", body)))


def leave(held: Claim, how: str, reason: str | None) -> Operation[None]:
    body = {"token": held.token, **({"reason": reason} if reason is not None else {})}
    yield post(f"/claims/{held.assignment_id}/{how}", body)


def report(project_id: int, name: str) -> Operation[dict[str, Any]]:
    body = yield Call("GET", f"/projects/{project_id}/reports/{name}")
    return dict(body["figures"])


def try_again(job_id: int) -> Operation[Job]:
    return read(Job, (yield post(f"/jobs/{job_id}/again")))
