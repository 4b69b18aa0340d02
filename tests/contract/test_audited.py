"""Every function of the store that changes rows writes into the audit log, or it is said here why it does not."""

from __future__ import annotations

import ast
from pathlib import Path

STORE = Path(__file__).parents[2] / "store"
WRITES = {"add", "add_all", "delete", "merge"}  # of a session
STATEMENTS = {"insert", "update", "delete"}
ROWS = {
    "row",
    "user",
    "project",
    "team",
    "lesson",
    "slot",
    "job",
    "export",
}  # what functions call a row that they change

MACHINE = "what a program found or made; its rows say which"
PART = "one step of functions that are audited"
EXEMPT = {
    "bulk.insert_rows": PART,
    "drafts.discard": "a text that nobody has submitted is its author's alone",
    "edit_suites.add_run": MACHINE,
    "edit_suites.put": MACHINE,
    "evidence.save": MACHINE,
    "idempotency.begin": "what is done under the key is audited",
    "idempotency.forget": "nothing was done under the key",
    "jobs.create": "the row says who asked for it",
    "jobs.fail": MACHINE,
    "jobs.unpark": PART,
    "judgements.save": MACHINE,
    "label_drivers.save": MACHINE,
    "lesson_maps.save": MACHINE,
    "lesson_trials.add": MACHINE,
    "lessons.forms.keep_revision": "revisions are a log themselves",
    "lessons.undoing.still_suspended": "revisions are a log themselves",
    "lookups.add": MACHINE,
    "outputs.add": MACHINE,
    "outputs.add_rollouts": MACHINE,
    "queue.access.member": PART,
    "queue.slots.set_priority": MACHINE,
    "queue.states.leave": PART,
    "reviews.deciding.keep": PART,
    "rollouts.note_outcome": MACHINE,
    "row_scores.keep": MACHINE,
    "rules.save_votes": MACHINE,
    "subtasks.put_off": PART,
    "users.end_all": PART,
    "users.end_session": "one's own browser is signed out",
    "users.session_user": "notes a visit",
    "vectors.put": MACHINE,
    "vectors.remove": PART,
    "webhooks.delivered": "the log of what was sent says it",
    "workers.beat": MACHINE,
}


def functions() -> dict[str, ast.FunctionDef]:
    found = {}
    for path in sorted(STORE.rglob("*.py")):
        if "tables" in path.parts:
            continue
        module = ".".join(path.relative_to(STORE).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found[f"{module}.{node.name}"] = node
    return found


def calls(node: ast.AST) -> set[str]:
    return {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}


def leads_to(called: str, audited: set[str]) -> bool:
    """Whether a call may be of one of these functions."""
    *before, name = called.split(".")
    for function in audited:
        *parts, last = function.split(".")
        if last == name and (before[-1] in parts if before else True) and before[:1] != ["session"]:
            return True
    return False


def writes(node: ast.AST) -> bool:
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            called = ast.unparse(one.func)
            if called in STATEMENTS or called in {f"session.{name}" for name in WRITES}:
                return True
        if isinstance(one, ast.Assign) and any(
            isinstance(target, ast.Attribute) and ast.unparse(target.value) in ROWS for target in one.targets
        ):
            return True
    return False


def test_every_writing_function_is_audited_or_says_why_not() -> None:
    known = functions()
    audited = {"audit.record"}
    while more := {
        name
        for name, node in known.items()
        if name not in audited and any(leads_to(called, audited) for called in calls(node))
    }:
        audited |= more
    silent = {
        n for n, node in known.items() if not n.rsplit(".", 1)[-1].startswith("_") and writes(node) and n not in audited
    }
    assert silent <= set(EXEMPT), "write a row with audit.record, or say in EXEMPT why not"
    assert set(EXEMPT) <= set(known), "these are gone"
