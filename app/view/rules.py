"""What the rules page shows: each rule in words with how it does, and a rule that is being written tried on the latest answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import N_, _, of_error
from app.view.render import render
from core.signals.base import cast
from core.signals.rules import RuleSpec, spec
from core.types import JobState, Vote
from store import jobs, rule_stats, rules, samples

TRIED = 300
TRY_SECONDS = 0.5  # a slow rule is tried on fewer answers rather than holding the page
EXAMPLES = 5
DIMENSIONS = ("length", "mass", "volume", "time", "money", "angle")
DIMENSION_NAMES = N_("length, mass, volume, time, money, angle")  # one text: "time" alone is a count of times too
_WHERE = {
    "answer": N_("the answer"),
    "prompt": N_("the prompt"),
    "context": N_("the context"),
    "any": N_("prompt, context or answer"),
}
_UNITS = {  # (check, whether beside the final answer)
    ("missing", True): N_("{unit} is missing beside the final answer"),
    ("missing", False): N_("{unit} is missing beside any number of {where}"),
    ("there", True): N_("{unit} is there beside the final answer"),
    ("there", False): N_("{unit} is there beside any number of {where}"),
}
_NUMBERS = {
    "final": N_("The final answer"),
    "first": N_("The first number of {where}"),
    "last": N_("The last number of {where}"),
    "pattern": N_("The number captured in {where}"),
}
_CHECKS = {  # as ``core.signals.number.WORDS`` has them
    "below": N_("{what} is below {value}"),
    "at_most": N_("{what} is at most {value}"),
    "equal": N_("{what} is equal to {value}"),
    "not_equal": N_("{what} is not equal to {value}"),
    "at_least": N_("{what} is at least {value}"),
    "above": N_("{what} is above {value}"),
    "between": N_("{what} is between {low} and {high}"),
    "outside": N_("{what} is not between {low} and {high}"),
    "whole": N_("{what} is whole"),
    "not_whole": N_("{what} is not whole"),
}


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
    options, where = rule["options"], _(_WHERE[rule["field"]])
    match rule["kind"]:
        case "pattern":
            found = _("Not found in {where}:") if options.get("absent") else _("Found in {where}:")
            return found.format(where=where), str(options.get("pattern", ""))
        case "number":
            return _number(options, where)
        case "unit":
            kind = str(options.get("dimension"))
            dimension = _("a unit of {dimension}").format(dimension=dimensions().get(kind, kind))
            beside = options.get("where", "final") == "final"
            says = _(_UNITS[options.get("check", "missing"), beside])
            return says.format(unit=options.get("unit") or dimension, where=where), ""
        case "json_schema":
            passes = options.get("check") == "passes"
            fits = _("{where} fits the schema") if passes else _("{where} is not JSON that fits the schema")
            return _capital(fits.format(where=where)), json.dumps(options.get("schema"), ensure_ascii=False)[:200]
    return _length(options, where), ""


def dimensions() -> dict[str, str]:
    """The kinds of units with their names in the current language."""
    return dict(zip(DIMENSIONS, _(DIMENSION_NAMES).split(", "), strict=True))


def _length(options: Mapping[str, Any], where: str) -> str:
    low, high = options.get("at_least"), options.get("at_most")
    bounds = _("{low} to {high}")
    if None in (low, high):
        bounds = _("at least {low}") if high is None else _("at most {high}")
    within = options.get("check") == "within"
    has = _("{where} has {bounds} {what}") if within else _("{where} does not have {bounds} {what}")
    what = _(options.get("of", "words"))
    return _capital(has.format(where=where, bounds=bounds.format(low=low, high=high), what=what))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _number(options: Mapping[str, Any], where: str) -> tuple[str, str]:
    what = _(_NUMBERS[options.get("take", "final")]).format(where=where)
    value = options.get("value")
    if options.get("prompt_number") is not None:
        value = _("number {n} of the prompt").format(n=options["prompt_number"])
    said = _(_CHECKS[options["check"]]).format(what=what, value=value, low=options.get("low"), high=options.get("high"))
    return said, str(options.get("pattern") or "")


def tried(session: Session, project_id: int, values: Mapping[str, Any]) -> str:
    """Whether a rule that is being written can work, and what it would say of the latest answers."""
    try:
        rule = spec({**values, "name": "rule", "says": values["says"] or "faulty"})
    except ValueError as problem:
        return _check(problem=_capital(of_error(str(problem)).removesuffix(".")) + ".")
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
