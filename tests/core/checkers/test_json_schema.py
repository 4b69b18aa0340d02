from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkers.json_schema import JsonSchemaChecker, span

SCHEMA = {
    "type": "object",
    "required": ["name", "tags"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "colour": {"enum": ["red", "blue"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def test_each_fault_has_its_place_and_what_would_put_it_right() -> None:
    text = 'So: \n```json\n{"name": "ann", "colour": "green", "tags": ["a", 7]}\n```'
    found = JsonSchemaChecker(SCHEMA).check(text)
    assert [text[f.start : f.end] for f in found] == ['"green"', "7"]
    assert found[0].fixes == ('"red"', '"blue"') and not found[0].ok and found[0].error_class == "schema_mismatch"
    assert found[1].message == "Does not fit the schema at $.tags[1]: 7 is not of type 'string'."


def test_what_fits_is_a_finding_too() -> None:
    (found,) = JsonSchemaChecker(SCHEMA).check('{"name": "ann", "tags": []}')
    assert found.ok and found.message == "Is JSON and fits the schema."


def test_what_is_no_json_says_where() -> None:
    text = '{"name": "ann", }'
    (found,) = JsonSchemaChecker(SCHEMA).check(text)
    assert not found.ok and found.message.startswith("Is not JSON: ") and found.start == text.index("}")
    assert not JsonSchemaChecker(SCHEMA).check("[" * 50_000)[0].ok
    assert "NaN" in JsonSchemaChecker({}).check("NaN")[0].message


@pytest.mark.parametrize("schema", [{"type": "nothing"}, {"$ref": "http://x/y"}, {"patternProperties": {"a": {}}}])
def test_a_schema_that_cannot_be_used(schema: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        JsonSchemaChecker(schema)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.sampled_from([None, 2]))
def test_every_place_of_any_json_is_found(value: object, indent: int | None) -> None:
    body = json.dumps(value, indent=indent)

    def walk(node: object, path: list[str | int]) -> None:
        start, end = span(body, path)
        assert json.loads(body[start:end]) == node
        members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, inner in members:
            walk(inner, [*path, key])

    walk(value, [])
