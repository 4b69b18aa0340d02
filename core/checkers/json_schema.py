"""Checks that an answer is JSON and fits a JSON schema, with the place of each fault in the text and what would put it right.

Draft 2020-12 without what could hang or leave the machine: ``pattern`` is matched by RE2, ``patternProperties`` is not available,
references stay within the schema, and one answer follows at most 10,000 of them. A fenced code block is opened first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from core.checkers.base import REGISTRY, Finding
from core.patterns import compile_pattern, quote

ERROR_CLASS = "schema_mismatch"
MAX_SCHEMA, MAX_TEXT = 20_000, 100_000  # characters of the schema as JSON, and of the checked text
MAX_REFERENCES = 10_000
MOST = 20  # findings in one text
REFUSED = {
    "patternProperties": "patternProperties is not available: list the properties",
    "$dynamicRef": "$dynamicRef is not available: use $ref",
    "$id": "$id is not available: references stay within the schema",
}
_FENCE = re.compile(r"```[A-Za-z0-9]{0,20}[ \t]*\n(.*?)\n?[ \t]*```", re.S)
_SPACE = re.compile(r"[ \t\n\r]*")


@REGISTRY.register("json_schema")
class JsonSchemaChecker:
    name = "json_schema"

    def __init__(self, schema: dict[str, Any], *, most: int = MOST) -> None:
        """Raises ``ValueError`` with a sentence for a schema that cannot be used; ``most`` findings at most are reported."""
        check_schema(schema)
        self._most, self._followed = most, 0
        self._validator = self._made(schema)

    def check(self, text: str, given: str = "") -> list[Finding]:
        """One finding when all is well, else one per fault. Raises ``ValueError`` when the schema's references go round."""
        text = text[:MAX_TEXT]
        fence = _FENCE.search(text)
        body, offset = (fence[1], fence.start(1)) if fence else (text, 0)
        try:
            data = json.loads(body, parse_constant=_no_constant)
        except json.JSONDecodeError as problem:
            near = f' near "{quote(body, problem.pos, problem.pos + 30)}"' if problem.pos < len(body.rstrip()) else ""
            start = offset + problem.pos
            said = f"Is not JSON: {problem.msg}{near}."
            return [Finding(False, ERROR_CLASS, start, min(start + 1, len(text)), said)]
        except (ValueError, RecursionError) as problem:
            said = f"Is not JSON: {type(problem).__name__}: {problem}"[:200]
            return [Finding(False, ERROR_CLASS, offset, offset + len(body), f"{said}.")]
        self._followed = 0
        found = [_finding(body, offset, error) for error in islice(self._validator.iter_errors(data), self._most)]
        good = Finding(True, ERROR_CLASS, offset, offset + len(body), "Is JSON and fits the schema.")
        return sorted(found, key=lambda finding: finding.start) or [good]

    def _made(self, schema: dict[str, Any]) -> Any:
        from jsonschema import Draft202012Validator, ValidationError
        from jsonschema.validators import extend
        from referencing import Registry

        follow = Draft202012Validator.VALIDATORS["$ref"]

        def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
            if isinstance(instance, str) and not compile_pattern(wanted).search(instance):
                yield ValidationError(f'"{quote(instance, 0, 60)}" does not match "{wanted[:80]}"')

        def reference(validator: Any, ref: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
            self._followed += 1
            if self._followed > MAX_REFERENCES:
                raise ValueError(f"the schema's references go round: more than {MAX_REFERENCES:,} were followed")
            yield from follow(validator, ref, instance, schema) or ()

        made = extend(Draft202012Validator, {"pattern": pattern, "$ref": reference})
        return made(schema, registry=Registry())


def _finding(body: str, offset: int, error: Any) -> Finding:
    start, end = span(body, list(error.absolute_path))
    place = "" if error.json_path == "$" else f" at {error.json_path[:80]}"
    said = f"Does not fit the schema{place}: {error.message[:200]}."
    allowed = {"enum": error.validator_value, "const": [error.validator_value]}.get(error.validator, ())
    fixes = tuple(json.dumps(value, ensure_ascii=False) for value in list(allowed)[:5])
    return Finding(False, ERROR_CLASS, offset + start, offset + end, said, fixes)


def span(body: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Where the value at ``path`` stands in a JSON text that can be read: [start, end)."""
    start = _space(body, 0)
    for key in path:
        start = _member(body, start, key) if isinstance(key, str) else _element(body, start, key)
    return start, _value_end(body, start)


def _member(body: str, place: int, wanted: str) -> int:
    """Where the value of a key begins in the object at ``place``; of a repeated key the last, as JSON readers take it."""
    found, place = place, _space(body, place + 1)
    while body[place] != "}":
        key, place = scanstring(body, place + 1)
        place = _space(body, _space(body, place) + 1)
        found = place if key == wanted else found
        place = _space(body, _value_end(body, place))
        place = _space(body, place + 1) if body[place] == "," else place
    return found


def _element(body: str, place: int, wanted: int) -> int:
    place = _space(body, place + 1)
    for _ in range(wanted):
        place = _space(body, _space(body, _value_end(body, place)) + 1)
    return place


def _value_end(body: str, place: int) -> int:
    return int(json.JSONDecoder().raw_decode(body, place)[1])


def _space(body: str, place: int) -> int:
    match = _SPACE.match(body, place)
    return match.end() if match else place


def check_schema(schema: Any) -> None:
    """``ValueError`` with a sentence when the schema is no schema, too long, or uses what is not available."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        written = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise ValueError(f"a schema holds JSON values only: {problem}") from None
    if len(written) > MAX_SCHEMA:
        raise ValueError(f"a schema has at most {MAX_SCHEMA:,} characters; this one has {len(written):,}")
    for where, key, value in _keywords(schema):
        if key in REFUSED:
            raise ValueError(f"{REFUSED[key]} (at {where})")
        if key == "$ref" and not str(value).startswith("#"):
            raise ValueError(f'a reference begins with "#": {value!r} (at {where}) is outside of this schema')
        if key == "pattern" and isinstance(value, str):
            compile_pattern(value)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as problem:
        raise ValueError(f"this is no JSON schema: {problem.message[:200]} (at {problem.json_path})") from None


def _keywords(node: Any, path: str = "$", named: bool = False) -> Iterator[tuple[str, str, Any]]:
    """Keywords of a schema with their places; below "properties" and "$defs" the keys are names of the data."""
    if isinstance(node, dict):
        for key, value in node.items():
            if not named:
                yield path, key, value
            if named or key not in ("const", "enum", "default", "examples"):
                inner = not named and key in ("properties", "$defs", "definitions", "dependentSchemas")
                yield from _keywords(value, f"{path}.{key}", inner)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _keywords(value, f"{path}[{index}]")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
