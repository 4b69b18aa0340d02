"""What the rules page shows: each rule in words with how it does, and a rule that is being written tried on the latest answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.view.render import render
from core.signals.base import cast
from core.signals.number import WORDS
from core.signals.rules import RuleSpec, spec
from core.types import JobState, Vote
from store import jobs, rule_stats, rules, samples

TRIED = 300
TRY_SECONDS = 0.5  # a slow rule is tried on fewer answers rather than holding the page
EXAMPLES = 5
_WHERE = {"answer": "the answer", "prompt": "the prompt", "context": "the context", "any": "prompt, context or answer"}


def listed(session: Session, project_id: int) -> str:
    """Every rule with its figures, and how far a vote that is under way has come."""
    rows = rules.list_all(session, project_id)
    figures = rule_stats.stats(session, project_id) if rows else {}
    shown = [(row, *in_words(rules.values_of(row)), figures[row.name]) for row in rows]
    return render(
        "projects/rules.html",
        rules=shown,
        project_id=project_id,
        answers=next((one.answers for one in figures.values()), 0),
        latest=rule_stats.LATEST,
        fewest=rule_stats.FEWEST_REVIEWS,
        job=voting(session, project_id),
    )


def voting(session: Session, project_id: int) -> Any:
    """The job that lets the project's rules vote again, if one is waiting or running."""
    unfinished = (JobState.QUEUED, JobState.RUNNING)
    return next((j for j in jobs.recent(session, project_id, 20) if j.kind == "revote" and j.state in unfinished), None)


def marks(session: Session, project_id: int) -> list[Any]:
    """What ``listed`` depends on, cheaply: as long as this stays the same, so does the list."""
    job = voting(session, project_id)
    progress = None if job is None else (job.id, job.state, job.done, job.total)
    rows = [(row.id, row.enabled, str(rules.values_of(row))) for row in rules.list_all(session, project_id)]
    return [project_id, *rule_stats.marks(session), hash(str(progress)), hash(str(rows))]


def in_words(rule: Mapping[str, Any]) -> tuple[str, str]:
    """(what the rule looks for, what is written in code beside it)."""
    options, where = rule["options"], _WHERE[rule["field"]]
    match rule["kind"]:
        case "pattern":
            return f"{'Not found' if options.get('absent') else 'Found'} in {where}:", str(options.get("pattern", ""))
        case "number":
            return _number(options, where)
        case "unit":
            wanted = options.get("unit") or f"a unit of {options.get('dimension')}"
            beside = "the final answer" if options.get("where", "final") == "final" else f"any number of {where}"
            return f"{wanted} is {options.get('check', 'missing')} beside {beside}", ""
        case "json_schema":
            fits = "fits" if options.get("check") == "passes" else "is not JSON that fits"
            return f"{where[:1].upper()}{where[1:]} {fits} the schema", json.dumps(
                options.get("schema"), ensure_ascii=False
            )[:200]
    low, high = options.get("at_least"), options.get("at_most")
    bounds = f"{low} to {high}" if None not in (low, high) else f"at least {low}" if high is None else f"at most {high}"
    has = "has" if options.get("check") == "within" else "does not have"
    return f"{where[:1].upper()}{where[1:]} {has} {bounds} {options.get('of', 'words')}", ""


def _number(options: Mapping[str, Any], where: str) -> tuple[str, str]:
    takes = {
        "final": "The final answer",
        "first": f"The first number of {where}",
        "last": f"The last number of {where}",
    }
    what = takes.get(options.get("take", "final"), f"The number captured in {where}")
    said = f"{what} is {WORDS[options['check']]}"
    if "low" in options:
        said += f" {options['low']} and {options['high']}"
    elif options.get("prompt_number") is not None:
        said += f" number {options['prompt_number']} of the prompt"
    elif options.get("value") is not None:
        said += f" {options['value']}"
    return said, str(options.get("pattern") or "")


def tried(session: Session, project_id: int, values: Mapping[str, Any]) -> str:
    """Whether a rule that is being written can work, and what it would say of the latest answers."""
    try:
        rule = spec({**values, "name": "rule", "says": values["says"] or "faulty"})
    except ValueError as problem:
        return _check(problem=str(problem))
    found = try_on(rule, samples.recent(session, project_id, TRIED))
    return _check(examples=found.examples, tried=found.tried, hits=found.hits, errors=found.errors)


@dataclass(frozen=True, slots=True)
class Tried:
    """``examples`` are votes with different evidence, ``errors`` what stopped the rule from voting."""

    tried: int
    hits: int
    examples: list[Vote]
    errors: list[str]


def try_on(rule: RuleSpec, found: Sequence[samples.Sample]) -> Tried:
    """What a rule says of these answers, of as many as half a second allows."""
    signal, votes, looked = rule.signal(), [], 0
    until = time.monotonic() + TRY_SECONDS
    for one in found:
        votes.append(cast(signal, one.as_input()))
        looked += 1
        if time.monotonic() > until:
            break
    hits = [vote for vote in votes if not vote.abstains]
    examples = list({vote.evidence: vote for vote in hits}.values())[:EXAMPLES]
    return Tried(looked, len(hits), examples, [vote.error for vote in votes if vote.error])


def _check(**values: Any) -> str:
    filled = {"problem": "", "examples": (), "tried": 0, "hits": 0, "errors": (), **values}
    return render("projects/rule_check.html", **filled)
