"""``rules.yaml``: a list of rules, each with name, kind, field, options, says and evidence. Needs no database.

Read by the safe loader alone, with limits: half a megabyte, 2,000 rules, no aliases (a few lines of them can grow to gigabytes), no
key twice. A mistake is a ``ValueError`` that names the rule, its line, and the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from core.signals.rules import RuleSpec, spec

MAX_BYTES, MAX_RULES, MAX_DEPTH = 500_000, 2_000, 40
EMPTY: tuple[str, ...] = ("field", "evidence")


def load(text: str) -> list[RuleSpec]:
    """The rules of a file in their order. Raises ``ValueError``."""
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"a file of rules has at most {MAX_BYTES // 1000} kB: split it")
    try:
        _no_aliases(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        rows = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise ValueError(f"this is not YAML: {_said(problem)}") from None
    except RecursionError:
        raise ValueError("this file is nested too deeply to be a list of rules") from None
    if rows is None:
        return []
    if not isinstance(rows, list) or not isinstance(root, yaml.SequenceNode):
        raise ValueError("a file of rules is a list: every rule begins with a dash, as in '- name: no guessing'")
    if len(rows) > MAX_RULES:
        raise ValueError(f"a file has at most {MAX_RULES:,} rules; this one has {len(rows):,}")
    found: list[RuleSpec] = []
    lines: dict[str, int] = {}
    for number, (row, node) in enumerate(zip(rows, root.value, strict=True), start=1):
        rule = _rule(row, node, number)
        if rule.name in lines:
            raise ValueError(f"{_place(row, node, number)}: line {lines[rule.name]} has a rule of that name already")
        lines[rule.name] = node.start_mark.line + 1
        found.append(rule)
    return found


def dump(rules: Sequence[RuleSpec]) -> str:
    """The file that ``load`` reads; what stands on its default is left out."""
    rows = []
    for rule in rules:
        row = rule.model_dump()
        rows.append({key: value for key, value in row.items() if value or key not in EMPTY})
    written: str = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=100)
    return written


def _no_aliases(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"line {event.start_mark.line + 1} has an alias (*{event.anchor}): write it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"line {event.start_mark.line + 1} is nested more than {MAX_DEPTH} deep")


def _rule(row: Any, node: yaml.Node, number: int) -> RuleSpec:
    place = _place(row, node, number)
    if not isinstance(row, dict):
        raise ValueError(f"{place}: a rule has keys such as name, kind, options and says, not {str(row)[:60]!r}")
    _no_key_twice(node, place)
    if "options" in row and not isinstance(row["options"], dict):
        raise ValueError(f"{place}: options is a mapping, such as {{pattern: '...'}}")
    try:
        return spec(row)
    except ValueError as problem:
        key = str(problem).split(" ", 1)[0].rstrip(":")
        line = _line_of(node, key.split("."))
        raise ValueError(f"{place}{f', line {line}' if line else ''}: {problem}") from None


def _place(row: Any, node: yaml.Node, number: int) -> str:
    name = f" {str(row['name'])[:80]!r}" if isinstance(row, dict) and row.get("name") else ""
    return f"rule {number}{name} (line {node.start_mark.line + 1})"


def _no_key_twice(node: yaml.Node, place: str) -> None:
    """YAML's loader would keep the last one without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ValueError(f"{place}: line {key.start_mark.line + 1} says {key.value!r} a second time")
            seen.add(str(key.value))
            _no_key_twice(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _no_key_twice(child, place)


def _line_of(node: yaml.Node, path: Sequence[str]) -> int | None:
    """The line of the deepest key of ``path`` that stands in the file."""
    line = None
    for name in path:
        if not isinstance(node, yaml.MappingNode):
            break
        match = next(((key, value) for key, value in node.value if key.value == name), None)
        if match is None:
            break
        line, node = match[0].start_mark.line + 1, match[1]
    return line


def _said(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{getattr(problem, 'problem', None) or problem}"
