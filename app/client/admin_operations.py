"""Operations of a program that reviews, decides on lessons, or runs the installation; as ``app.client.operations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from app.client.admin_values import Claim, Decided, NewRule, Person, Rule, RuleTried, Webhook
from app.client.operations import Call, Operation, post
from app.client.values import Job, Lesson, read

T = TypeVar("T")


def _all(kind: type[T], path: str) -> Operation[list[T]]:
    """Every page of a list."""
    found: list[T] = []
    cursor = None
    while True:
        body = yield Call("GET", path, {"limit": 200, **({"cursor": cursor} if cursor else {})})
        found += [read(kind, row) for row in body["data"]]
        if not body["has_more"]:
            return found
        cursor = body["next_cursor"]


def rules(project_id: int) -> Operation[list[Rule]]:
    return _all(Rule, f"/projects/{project_id}/rules")


def add_rule(project_id: int, rule: NewRule) -> Operation[Rule]:
    return read(Rule, (yield post(f"/projects/{project_id}/rules", asdict(rule))))


def check_rule(project_id: int, rule: NewRule) -> Operation[RuleTried]:
    return read(RuleTried, (yield Call("POST", f"/projects/{project_id}/rules/check", json=asdict(rule))))


def change_rule(rule_id: int, changes: Mapping[str, Any]) -> Operation[Rule]:
    return read(Rule, (yield Call("PATCH", f"/rules/{rule_id}", json=dict(changes))))


def remove_rule(rule_id: int) -> Operation[None]:
    yield Call("DELETE", f"/rules/{rule_id}")


def people() -> Operation[list[Person]]:
    return _all(Person, "/people")


def add_person(name: str, password: str, role: str) -> Operation[Person]:
    return read(Person, (yield post("/people", {"name": name, "password": password, "role": role})))


def change_person(person_id: int, changes: Mapping[str, Any]) -> Operation[Person]:
    return read(Person, (yield Call("PATCH", f"/people/{person_id}", json=dict(changes))))


def webhooks() -> Operation[list[Webhook]]:
    return _all(Webhook, "/webhooks")


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
    return read(Lesson, (yield Call("POST", f"/lessons/{lesson_id}/accept", json=dict(changes))))


def reject_lesson(lesson_id: int, why: str) -> Operation[Lesson]:
    return read(Lesson, (yield Call("POST", f"/lessons/{lesson_id}/reject", json={"why": why})))


def retire_lesson(lesson_id: int, why: str) -> Operation[int]:
    """The number of the retraction, by which it can be undone."""
    body = yield Call("POST", f"/lessons/{lesson_id}/retire", json={"why": why})
    return int(body["id"])


def claim(project_id: int, queue: str, item_id: int | None) -> Operation[Claim | None]:
    body = yield Call("POST", f"/projects/{project_id}/claims", json={"queue": queue, "item_id": item_id})
    return read(Claim, body) if body["assignment_id"] is not None else None


def submit(held: Claim, action: str, form: Mapping[str, Any]) -> Operation[Decided]:
    output_id = held.output["id"]
    body = {"token": held.token, "action": action, "output_id": output_id, "form": {**form, "output": output_id}}
    return read(Decided, (yield Call("POST", f"/claims/{held.assignment_id}/submit", json=body)))


def leave(held: Claim, how: str, reason: str | None) -> Operation[None]:
    body = {"token": held.token, **({"reason": reason} if reason is not None else {})}
    yield Call("POST", f"/claims/{held.assignment_id}/{how}", json=body)


def report(project_id: int, name: str) -> Operation[dict[str, Any]]:
    body = yield Call("GET", f"/projects/{project_id}/reports/{name}")
    return dict(body["figures"])


def try_again(job_id: int) -> Operation[Job]:
    return read(Job, (yield Call("POST", f"/jobs/{job_id}/again")))
