"""What can be wrong with a step: LEMMA's eleven kinds (paper 5) in words of our own, two more that our checkers need, and a project's.

LEMMA analyses with nine of its kinds and defines eleven; all eleven are here. ``unsupported_number`` and ``other`` are ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorType:
    key: str
    title: str
    definition: str


ERROR_TYPES: tuple[ErrorType, ...] = (
    ErrorType("question_misread", "Question misread", "The step answers something else than what was asked."),
    ErrorType(
        "missing_step",
        "Missing step",
        "Something that the answer needs was left out, and this step goes on without it.",
    ),
    ErrorType(
        "irrelevant_information",
        "Irrelevant information",
        "The step brings in something that has no part in the problem and uses it.",
    ),
    ErrorType(
        "wrong_given_value",
        "Wrong value from the question",
        "The step uses a value that differs from the one in the question or context.",
    ),
    ErrorType(
        "wrong_earlier_value",
        "Wrong value from an earlier step",
        "The step uses a value that differs from what an earlier step found.",
    ),
    ErrorType(
        "unsupported_number", "Number from nowhere", "The step uses a number that is neither given nor worked out."
    ),
    ErrorType(
        "wrong_operator",
        "Wrong operation",
        "The step adds, multiplies or compares where another operation is called for.",
    ),
    ErrorType(
        "wrong_formula", "Wrong formula", "The step uses a formula that does not fit, or states a fitting one wrongly."
    ),
    ErrorType(
        "wrong_concept",
        "Wrong concept",
        "The step rests on an idea that does not apply, or takes one idea for another.",
    ),
    ErrorType("counting_error", "Counting error", "The step counts things wrongly."),
    ErrorType("unit_error", "Unit error", "The step converts a unit wrongly or mixes units."),
    ErrorType("calculation_error", "Calculation error", "The calculation is the right one, but its result is wrong."),
    ErrorType("other", "Something else", "The step is wrong in a way that none of the others describes."),
)

BY_KEY = {kind.key: kind for kind in ERROR_TYPES}
_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
LINE = "key | Title | Definition"
MAX_TITLE, MAX_DEFINITION = 60, 400  # characters


def title(key: str | None, own: Sequence[ErrorType] = ()) -> str:
    """The title of an error type; a key that its project no longer has is shown with spaces; empty for ``None``."""
    if key is None:
        return ""
    known = next((kind for kind in own if kind.key == key), BY_KEY.get(key))
    return known.title if known else key.replace("_", " ").capitalize()


def offered(own: Sequence[ErrorType]) -> tuple[ErrorType, ...]:
    """What a person chooses from: the built-in types, the project's own after them, and "something else" last."""
    return (*ERROR_TYPES[:-1], *own, ERROR_TYPES[-1])


def checked(own: Sequence[ErrorType]) -> tuple[ErrorType, ...]:
    """A project's own types, trimmed; ``ValueError`` for a key that is no name, is there twice, or is built in, and for empty words."""
    found: dict[str, ErrorType] = {}
    for given in own:
        kind = ErrorType(given.key.strip(), " ".join(given.title.split()), " ".join(given.definition.split()))
        if not _KEY.fullmatch(kind.key):
            raise ValueError(f"{kind.key!r} is no key of an error type: use 2 to 40 of a-z, 0-9 and _, a letter first")
        if kind.key in BY_KEY or kind.key in found:
            raise ValueError(f"the error type {kind.key!r} is there already")
        if not kind.title or not kind.definition:
            raise ValueError(f"the error type {kind.key!r} needs a title and a definition")
        if len(kind.title) > MAX_TITLE or len(kind.definition) > MAX_DEFINITION:
            raise ValueError(
                f"the error type {kind.key!r}: at most {MAX_TITLE} characters of title and {MAX_DEFINITION} of definition"
            )
        found[kind.key] = kind
    return tuple(found.values())


def parse(text: str) -> tuple[ErrorType, ...]:
    """A project's own types from lines as in ``LINE``; without a key it is made of the title. ``ValueError`` as in ``checked``."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        parts = [part.strip() for part in line.split("|", 2)]
        if len(parts) == 2:
            parts.insert(0, re.sub(r"[^a-z0-9]+", "_", parts[0].casefold()).strip("_"))
        if len(parts) != 3:
            raise ValueError(f"{line.strip()!r} is no error type: write {LINE}, one per line")
        found.append(ErrorType(*parts))
    return checked(found)


def lines(own: Sequence[ErrorType]) -> str:
    """What ``parse`` reads."""
    return "\n".join(f"{kind.key} | {kind.title} | {kind.definition}" for kind in own)
