"""Lessons, rules and exports in German: whole sentences with their values, no English left in a table, and English as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from app.lesson_changes import Retracted
from app.pages import lesson_bulk, project_settings, rule_form
from app.view import exports, languages, lessons, quality_gate, rules
from core.exporters.base import Need

LENGTH = {"field": "answer", "kind": "length", "options": {"of": "words", "at_most": 10}}
NUMBER = {"field": "prompt", "kind": "number", "options": {"take": "last", "check": "between", "low": 1, "high": 5}}
UNIT = {"field": "any", "kind": "unit", "options": {"dimension": "length", "check": "there", "where": "anywhere"}}


@pytest.mark.parametrize(
    ("rule", "english", "german"),
    [
        (LENGTH, "The answer does not have at most 10 words", "Antwort hat nicht höchstens 10 Wörter"),
        (
            NUMBER,
            "The last number of the prompt is between 1 and 5",
            "Die letzte Zahl in Prompt liegt zwischen 1 und 5",
        ),
        (
            UNIT,
            "a unit of length is there beside any number of prompt, context or answer",
            "eine Einheit für Länge steht neben einer Zahl in Prompt, Kontext oder Antwort",
        ),
    ],
)
def test_a_rule_is_said_in_the_language_of_the_page(rule: dict[str, object], english: str, german: str) -> None:
    assert rules.in_words(rule)[0] == english
    with languages.using("de"):
        assert rules.in_words(rule)[0] == german


def test_choices_are_told_in_german_and_keep_their_keys() -> None:
    def texts(pairs: Sequence[tuple[str, object]]) -> list[str]:
        return [label for label, _ in pairs]

    for made in (exports.choices, quality_gate.rule_choices, rule_form._dimensions):
        english = made()
        with languages.using("de"):
            german = made()
        assert sorted(str(key) for _, key in german) == sorted(str(key) for _, key in english)
        assert texts(german) != texts(english)


def test_every_format_says_what_it_is_and_needs_in_german() -> None:
    english = {card.name: card for card in exports.cards(())}
    with languages.using("de"):
        german = exports.cards(tuple(Need))
    for card in german:
        known = english[card.name]
        assert card.title != known.title and card.summary != known.summary
        assert not set(card.needs) & {need.value for need in Need}
        assert re.findall("``.*?``", card.summary) or "``" not in known.summary


def test_what_was_done_is_said_with_its_numbers() -> None:
    done = Retracted(1, 2, 3, 4, 5, 6)
    assert done.says().endswith("Exports marked stale: 6; they can no longer be downloaded.")
    with languages.using("de"):
        assert "Lektionen: 2; Korrekturen: 3." in done.says()
        assert languages.of_error("Lesson 3 stands.") == "Lektion 3 gilt."
        assert project_settings._wrong("Input should be less than or equal to 1") == "darf höchstens 1 sein"
        assert languages.gettext(lesson_bulk.DONE["bulk-accept"]).format(done=1, lessons="2") == "1 von 2 angenommen."


def test_facets_are_named_in_german_and_people_keep_their_names() -> None:
    for group in (lessons.TITLES, *lessons.VALUES.values()):
        with languages.using("de"):
            assert all(languages.gettext(text) != text or text == "Status" for text in group.values())
