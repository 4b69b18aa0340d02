"""People's rules of a project: written, changed, switched on and off, and the votes they have cast.

A row's ``options`` are those of its kind, but a pattern has a column of its own. What a rule said goes with the rule: removing it,
switching it off or changing it takes its votes back in the same transaction, and a ``revote`` job casts new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from core import types
from core.signals.rules import RuleSpec, spec
from store import audit, judgements, projects
from store.tables import Item, Output, Project, Rule, Vote
from store.text import clean

MAX_RULES = 2_000
T = TypeVar("T")


def list_all(session: Session, project_id: int, *, enabled: bool = False) -> Sequence[Rule]:
    """The project's rules by name; with ``enabled`` only those that vote."""
    query = select(Rule).where(Rule.project_id == project_id).order_by(Rule.name)
    return session.scalars(query.where(Rule.enabled.is_(True)) if enabled else query).all()


def get(session: Session, rule_id: int, project_id: int | None = None) -> Rule:
    """Raises ``LookupError``, also for a rule of another project than the one named."""
    rule = session.get(Rule, rule_id)
    if rule is None or project_id not in (None, rule.project_id):
        raise LookupError(f"there is no rule {rule_id}: it was removed")
    return rule


def values_of(rule: Rule) -> dict[str, Any]:
    """The rule as ``core.signals.rules.spec`` takes it. Rows are checked there again: an older release may have written them."""
    options = {"pattern": rule.pattern, **rule.options} if rule.kind == "pattern" else dict(rule.options)
    return {
        "name": rule.name,
        "kind": rule.kind,
        "field": rule.field,
        "options": options,
        "says": rule.says,
        "evidence": rule.evidence,
    }


def specs(session: Session, project_id: int) -> list[RuleSpec]:
    """All rules as values, those that are switched off too. Raises ``ValueError`` when a row is no rule any more."""
    return [spec(values_of(rule)) for rule in list_all(session, project_id)]


def state(session: Session, project_id: int, *, lock: bool = False) -> str:
    """Changes whenever a rule that votes is added, changed or leaves; with ``lock`` none can be changed until the transaction ends."""
    query = select(Rule).where(Rule.project_id == project_id, Rule.enabled.is_(True)).order_by(Rule.name)
    if lock:
        query = query.with_for_update(read=True)
    rows = session.scalars(query.execution_options(populate_existing=True))
    parts = [f"{rule.id}:{sorted(values_of(rule).items())}" for rule in rows]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def add(session: Session, project_id: int, rule: RuleSpec, *, user_id: int | None) -> Rule:
    """A new rule. Raises ``ValueError`` on a taken name or a claim that is no verdict or label of the project."""
    project = projects.get(session, project_id)
    _check(session, project, rule)
    if (session.scalar(select(func.count(Rule.id)).where(Rule.project_id == project_id)) or 0) >= MAX_RULES:
        raise ValueError(f"a project has at most {MAX_RULES:,} rules: remove some first")
    row = Rule(project_id=project_id, author_id=user_id, **_columns(rule))
    session.add(row)
    session.flush()
    audit.record(session, "rule.add", "rule", row.id, user_id=user_id, new=values_of(row))
    return row


def change(session: Session, rule_id: int, rule: RuleSpec, *, user_id: int | None) -> Rule:
    """Give a rule another form; its votes are taken back. Raises ``LookupError``, and ``ValueError`` as ``add`` does."""
    row = get(session, rule_id)
    _check(session, projects.get(session, row.project_id), rule, own=rule_id)
    old, columns = values_of(row), _columns(rule)
    if all(getattr(row, name) == value for name, value in columns.items()):
        return row
    _forget(session, row)
    for name, value in columns.items():
        setattr(row, name, value)
    session.flush()
    audit.record(session, "rule.change", "rule", rule_id, user_id=user_id, old=old, new=values_of(row))
    return row


def set_enabled(session: Session, rule_id: int, enabled: bool, *, user_id: int | None) -> Rule:
    """Switch a rule on or off; off takes its votes back. Raises ``LookupError``."""
    row = get(session, rule_id)
    if row.enabled != enabled:
        row.enabled = enabled
        if not enabled:
            _forget(session, row)
        action = "rule.enable" if enabled else "rule.disable"
        audit.record(session, action, "rule", rule_id, user_id=user_id, new={"name": row.name})
        session.flush()
    return row


def remove(session: Session, rule_id: int, *, user_id: int | None) -> None:
    """Delete a rule and take its votes back. Raises ``LookupError``."""
    row = get(session, rule_id)
    audit.record(session, "rule.remove", "rule", rule_id, user_id=user_id, old=values_of(row))
    _forget(session, row)
    session.delete(row)
    session.flush()


def take_in(session: Session, project_id: int, rules: Sequence[RuleSpec], *, user_id: int | None) -> tuple[int, int]:
    """Add the rules of a file; one whose name is there already is changed. How many were added and how many changed, all or none."""
    there = {row.name: row for row in list_all(session, project_id)}
    added = changed = 0
    for rule in rules:
        if (known := there.get(rule.name)) is None:
            add(session, project_id, rule, user_id=user_id)
            added += 1
        elif values_of(known) != {**rule.model_dump(), "name": known.name}:
            change(session, known.id, rule, user_id=user_id)
            changed += 1
    return added, changed


def _check(session: Session, project: Project, rule: RuleSpec, own: int | None = None) -> None:
    rule.check_says([str(label) for label in project.labels])
    taken = session.scalar(select(Rule.id).where(Rule.project_id == project.id, Rule.name == clean(rule.name)))
    if taken not in (None, own):
        raise ValueError(f"there is a rule {rule.name!r} already: choose another name")


def _columns(rule: RuleSpec) -> dict[str, Any]:
    options: dict[str, Any] = clean(dict(rule.options))
    pattern = str(options.pop("pattern")) if rule.kind == "pattern" else ""
    return {
        "name": clean(rule.name),
        "kind": rule.kind,
        "pattern": pattern,
        "field": rule.field,
        "options": options,
        "says": clean(rule.says),
        "evidence": clean(rule.evidence),
    }


def _of_project(project_id: int) -> ColumnElement[bool]:
    return Vote.output_id.in_(
        select(Output.id).join(Item, Item.id == Output.item_id).where(Item.project_id == project_id)
    )


def _forget(session: Session, rule: Rule) -> None:
    session.execute(delete(Vote).where(_of_project(rule.project_id), Vote.source == rule.name))


def is_silent(vote: types.Vote) -> bool:
    """An abstention that says nothing: not worth a row for every rule and answer."""
    return vote.abstains and not vote.error and not vote.evidence


def save_votes(session: Session, cast: Mapping[int, Sequence[types.Vote]], sources: Sequence[str]) -> int:
    """Make these the votes of ``sources`` on these outputs, by output id; silent ones are not kept. How many outputs changed."""
    judgements.take_turn(session, cast)
    known: dict[tuple[int, str], Vote] = {}
    for part in _parts(sources):
        query = select(Vote).where(Vote.output_id.in_(cast), Vote.source.in_(part))
        known |= {(row.output_id, row.source): row for row in session.scalars(query)}
    changed, gone, new = set[int](), list[int](), list[Vote]()
    for output_id, votes in cast.items():
        for vote in votes:
            row, values = known.pop((output_id, vote.source), None), _vote_values(vote)
            if row is not None and all(getattr(row, name) == value for name, value in values.items()):
                continue
            if row is not None:
                gone.append(row.id)
            if not is_silent(vote):
                new.append(Vote(output_id=output_id, source=vote.source, **values))
            if row is not None or not is_silent(vote):
                changed.add(output_id)
    gone += [row.id for row in known.values()]
    changed |= {output_id for output_id, _ in known}
    for part_ids in _parts(gone):
        session.execute(delete(Vote).where(Vote.id.in_(part_ids)))
    session.add_all(new)  # a changed vote is a new row: its id tells readers that something moved
    session.flush()
    return len(changed)


def _vote_values(vote: types.Vote) -> dict[str, Any]:
    return {
        "verdict": vote.verdict.value if vote.verdict else None,
        "label": vote.label,
        "evidence": clean(vote.evidence),
        "step_index": vote.step_index,
        "error": clean(vote.error),
        "details": clean(dict(vote.details)),
    }


def _parts(values: Sequence[T], size: int = 500) -> list[Sequence[T]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
