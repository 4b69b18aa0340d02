from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import ValidationError

from core.error_types import BY_KEY, ERROR_TYPES, ErrorType, lines, offered, parse, title
from core.projects import ProjectSettings


def test_the_eleven_and_our_two() -> None:
    assert len(BY_KEY) == len(ERROR_TYPES) == 13
    assert {"calculation_error", "unsupported_number", "other"} <= set(BY_KEY)
    assert ERROR_TYPES[-1].key == "other"


def test_each_is_one_sentence() -> None:
    for kind in ERROR_TYPES:
        assert kind.definition.endswith(".")
        assert kind.definition.count(".") == 1
        assert kind.key.replace("_", "").islower()


def test_title_of_known_unknown_and_none() -> None:
    assert title("calculation_error") == "Calculation error"
    assert title("wrong_tone") == "Wrong tone"
    assert title(None) == ""


TONE = ErrorType("wrong_tone", "Wrong tone", "The step is rude to the reader.")


def test_a_project_has_types_of_its_own_between_the_known_ones_and_the_last() -> None:
    assert [kind.key for kind in offered([TONE])][-2:] == ["wrong_tone", "other"]
    assert title("wrong_tone", [ErrorType("wrong_tone", "Rudeness", "Rude.")]) == "Rudeness"


def test_lines_are_read_and_written() -> None:
    text = "wrong_tone | Wrong tone | The step is rude to the reader.\n\nOff by one! | The step counts one too many."
    found = parse(text)
    assert found == (TONE, ErrorType("off_by_one", "Off by one!", "The step counts one too many."))
    assert parse(lines(found)) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("calculation_error | Sums | A sum is wrong.", "there already"),
        ("a1 | A | B.\na1 | C | D.", "there already"),
        ("Wrong Tone | Tone | Rude.", "no key"),
        ("wrong_tone | | Rude.", "a title and a definition"),
        ("wrong tone", "one per line"),
        (f"wrong_tone | {'t' * 61} | Rude.", "at most 60"),
    ],
)
def test_what_cannot_be_is_said_in_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_settings_keep_and_check_them() -> None:
    made = ProjectSettings.model_validate({"error_types": [asdict(TONE)]})
    assert made.error_types == [TONE]
    assert ProjectSettings.model_validate(made.model_dump()) == made
    with pytest.raises(ValidationError, match="there already"):
        ProjectSettings.model_validate({"error_types": [asdict(TONE), asdict(TONE)]})
