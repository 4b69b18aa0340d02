"""Rules over the API: list them with how they do, try one before it is kept, add, change, switch, remove, and ``rules.yaml``.

Rules have no order: each casts a vote of its own.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints

from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from app.view.rules import TRIED, try_on
from app.worker.waking import wake_rules
from core.scopes import Scope
from core.signals._rule import Field as WhereFound
from core.signals.rule_file import MAX_BYTES, dump, load
from core.signals.rules import MAX_EVIDENCE, MAX_NAME, MAX_SAYS, Kind, spec
from store import listing, projects, rule_stats, rules, samples
from store.rule_stats import RuleStats
from store.tables import Rule

router = APIRouter(tags=["rules"])
Writer = Annotated[Caller, needs(Scope.RULES_WRITE)]


RuleName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Claim = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SAYS)]
Why = Annotated[str, StringConstraints(max_length=MAX_EVIDENCE)]


class RuleValues(Body):
    """``options`` are those of the kind (REFERENCE.md, *Rules*); ``says`` is acceptable, faulty, or a label of the project."""

    name: RuleName
    kind: Kind = "pattern"
    field: WhereFound = "answer"
    options: dict[str, Any]
    says: Claim
    evidence: Why = ""


class RuleChanges(Body):
    """What is left out stays; its votes are taken back and cast anew."""

    name: RuleName | None = None
    kind: Kind | None = None
    field: WhereFound | None = None
    options: dict[str, Any] | None = None
    says: Claim | None = None
    evidence: Why | None = None
    enabled: bool | None = None


class RuleFigures(BaseModel):
    """Of the newest 10,000 answers: on how many it votes, how often others contradict it, how often people agree."""

    answers: int
    votes: int
    conflicts: int
    reviewed: int
    right: int
    errors: int


class RuleOut(BaseModel):
    id: int
    project_id: int
    name: str
    kind: str
    field: str
    options: dict[str, Any]
    says: str
    evidence: str
    enabled: bool
    figures: RuleFigures | None = None


class RuleTried(BaseModel):
    """On the newest answers: how many were looked at, on how many it would vote, what it would quote, and what went wrong."""

    tried: int
    hits: int
    examples: list[str]
    errors: list[str]


class RulesFile(Body):
    yaml: Annotated[str, StringConstraints(max_length=MAX_BYTES)]


class RulesTaken(BaseModel):
    """Rules that are not in the file stay."""

    added: int
    changed: int


def _told(row: Rule, figures: RuleStats | None = None) -> RuleOut:
    known = RuleFigures.model_validate(figures, from_attributes=True) if figures is not None else None
    values = {**rules.values_of(row), "id": row.id, "project_id": row.project_id, "enabled": row.enabled}
    return RuleOut(**values, figures=known)


@router.get("/projects/{project_id}/rules", responses=documented(404))
def list_rules(project_id: Id, state: State, caller: Writer, where: Paging) -> Page[RuleOut]:
    """With their figures."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.rules(session, project_id, after=where.after, limit=where.limit + 1)
        figures = rule_stats.stats(session, project_id) if rows else {}
    told = [_told(row, figures.get(row.name)) for row in rows]
    return Page[RuleOut](**where.page(told, [row.id for row in rows]))


@router.post("/projects/{project_id}/rules", status_code=201, response_model=RuleOut, responses=documented(404, 409))
def add_rule(request: Request, project_id: Id, new: RuleValues, caller: Writer, key: Key = None) -> Response:
    """It votes on all answers, by a job."""
    caller.in_project(project_id)

    def act(session: Any) -> RuleOut:
        projects.get(session, project_id)
        row = rules.add(session, project_id, spec(new.model_dump()), user_id=caller.person.id)
        wake_rules(session, project_id, caller.person.id)
        return _told(row)

    return once(request, caller, key, new, act)


@router.post("/projects/{project_id}/rules/check", responses=documented(404))
def check_rule(project_id: Id, new: RuleValues, state: State, caller: Writer) -> RuleTried:
    """Try a rule on the newest answers; nothing is kept."""
    caller.in_project(project_id)
    rule = spec(new.model_dump())
    with state.db.read() as session:
        rule.check_says([str(label) for label in projects.get(session, project_id).labels])
        found = try_on(rule, samples.recent(session, project_id, TRIED))
    return RuleTried(
        tried=found.tried, hits=found.hits, examples=[vote.evidence for vote in found.examples], errors=found.errors
    )


@router.put("/projects/{project_id}/rules", response_model=RulesTaken, responses=documented(404, 409))
def import_rules(request: Request, project_id: Id, file: RulesFile, caller: Writer, key: Key = None) -> Response:
    """Take in the text of a ``rules.yaml``: all of it or nothing. A rule whose name is there already is changed."""
    caller.in_project(project_id)

    def act(session: Any) -> RulesTaken:
        projects.get(session, project_id)
        added, changed = rules.take_in(session, project_id, load(file.yaml), user_id=caller.person.id)
        if added or changed:
            wake_rules(session, project_id, caller.person.id)
        return RulesTaken(added=added, changed=changed)

    return once(request, caller, key, file, act, 200)


@router.get(
    "/projects/{project_id}/rules.yaml",
    response_class=Response,
    responses={**documented(404, 409), 200: {"description": "The file", "content": {"application/yaml": {}}}},
)
def download(project_id: Id, state: State, caller: Writer) -> Response:
    """The file that the page and ``corrigenda eval risk`` read. 409 when a rule of an older release cannot be read any more."""
    caller.in_project(project_id)
    with state.db.read() as session:
        slug = projects.get(session, project_id).slug
        try:
            text = dump(rules.specs(session, project_id))
        except ValueError as problem:
            why = f"A rule cannot be read any more: {problem}. Edit or remove it."
            raise Problem(409, "unreadable_rule", why) from None
    headers = {
        "content-disposition": f'attachment; filename="{slug}-rules.yaml"',
        "cache-control": "no-store",
        "content-security-policy": "sandbox",
    }
    return Response(text, media_type="application/yaml", headers=headers)


@router.get("/rules/{rule_id}", responses=documented(404))
def get_rule(rule_id: Id, state: State, caller: Writer) -> RuleOut:
    with state.db.read() as session:
        row = _own(session, rule_id, caller)
        return _told(row, rule_stats.stats(session, row.project_id).get(row.name))


@router.patch("/rules/{rule_id}", responses=documented(404))
def change_rule(rule_id: Id, changes: RuleChanges, state: State, caller: Writer) -> RuleOut:
    """Give it another form, switch it on or off."""
    given = changes.model_dump(exclude_none=True)
    enabled = given.pop("enabled", None)
    with state.db.write() as session:
        row = _own(session, rule_id, caller)
        if given:
            rules.change(session, rule_id, spec({**rules.values_of(row), **given}), user_id=caller.person.id)
        if enabled is not None:
            rules.set_enabled(session, rule_id, enabled, user_id=caller.person.id)
        wake_rules(session, row.project_id, caller.person.id)
        return _told(row)


@router.delete("/rules/{rule_id}", status_code=204, responses=documented(404))
def remove_rule(rule_id: Id, state: State, caller: Writer) -> Response:
    """Its votes go with it."""
    with state.db.write() as session:
        row = _own(session, rule_id, caller)
        rules.remove(session, rule_id, user_id=caller.person.id)
        wake_rules(session, row.project_id, caller.person.id)
    return Response(status_code=204)


def _own(session: Any, rule_id: int, caller: Caller) -> Rule:
    row = rules.get(session, rule_id)
    caller.in_project(row.project_id)
    return row
