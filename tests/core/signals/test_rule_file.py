"""``rules.yaml``: what is read, what is written, and how a mistake is told."""

from __future__ import annotations

import pytest

from core.signals.rule_file import dump, load

GOOD = """\
# rules of the maths project
- name: no guessing
  options: {pattern: "(?i)i guess"}
  says: faulty
  evidence: Answers must not guess.
- name: positive
  kind: number
  options:
    check: below
    value: 0
  says: faulty
- name: short prompt
  kind: length
  field: prompt
  options: {at_most: 5}
  says: spam
"""


def test_rules_are_read_and_written_again() -> None:
    rules = load(GOOD)
    assert [(r.name, r.kind, r.field, r.says) for r in rules] == [
        ("no guessing", "pattern", "answer", "faulty"),
        ("positive", "number", "answer", "faulty"),
        ("short prompt", "length", "prompt", "spam"),
    ]
    assert rules[0].options == {"pattern": "(?i)i guess"} and rules[0].evidence == "Answers must not guess."
    assert load(dump(rules)) == rules


def test_an_empty_file_has_no_rules() -> None:
    assert load("") == [] == load("# nothing yet\n") and load(dump([])) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("value: 0", "valeu: 0"), "rule 2 'positive' (line 6), line 10: options.valeu is not known"),
        (GOOD.replace("below", "under"), "rule 2 'positive' (line 6), line 9: options.check is 'under'"),
        (GOOD.replace("kind: length", "kind: size"), "rule 3 'short prompt' (line 12), line 13: kind is 'size'"),
        (GOOD.replace("name: positive", "name: no guessing"), "line 2 has a rule of that name already"),
        (GOOD.replace("  says: spam\n", ""), "rule 3 'short prompt' (line 12): says is missing"),
        (GOOD.replace("says: spam", "says: no"), "says: input should be a valid string"),
        ("- name: a\n  name: b\n  options: {pattern: x}\n  says: faulty\n", "line 2 says 'name' a second time"),
        ("name: a\n", "a file of rules is a list"),
        ("- just words\n", "rule 1 (line 1): a rule has keys"),
        ("- name: a\n  options: x\n  says: faulty\n", "options is a mapping"),
        ("- name: [a\n", "this is not YAML: line 2"),
        ("- &a {name: x}\n- *a\n", "line 2 has an alias (*a)"),
        ("[" * 50 + "]" * 50, "nested more than 40 deep"),
        ("x" * 500_001, "at most 500 kB"),
        ("- !!python/object/apply:os.system ['true']\n", "this is not YAML"),
        ("- {name: a}\n" * 2001, "at most 2,000 rules"),
    ],
)
def test_a_mistake_names_rule_line_and_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        load(text)
    assert message in str(refused.value), str(refused.value)
