"""Distils lessons with a language model (DROC, paper 9): it reads the whole history and says what holds for other items too.

As in the paper the model names the round whose value was right in the end, and the reason comes before the lesson. Different: it
answers in JSON and is never trusted. A lesson that names no correction it rests on is dropped, and values of the item become slots
whatever the model wrote. Any generator backend will do; what it proposes, a person decides on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable
from core.lenient_json import objects
from core.lessons.base import REGISTRY, History
from core.lessons.deterministic import applicability
from core.lessons.wording import says_nothing, with_slots
from core.types import LessonDraft, LessonKind

TOKENS = 600
MOST = 6  # lessons of one history
TEXT_CHARS, NAME_CHARS = 1000, 80
KINDS = (LessonKind.RULE, LessonKind.PARAMETER, LessonKind.MISSING_STEP, LessonKind.TEMPLATE)
SYSTEM = (
    "You turn a reviewer's corrections of one answer into lessons for answers to other questions. Use only what the reviewer said. "
    "Where a later round contradicts an earlier one, the later one is right. Write <quantity> and <entity> for numbers and names of "
    "this question. Reply with a JSON list alone, one object per lesson: why, kind, text, name, value, rounds, applies_when. kind is "
    "rule, parameter (a value that is set: give name and value), missing_step or template (numbered steps of an approach). rounds "
    "lists the numbers of the rounds that it rests on. applies_when says in a few words for which questions. Reply [] when nothing "
    "holds beyond this question."
)
EXAMPLE = (
    "Question:\nTom buys 3 pens at 2 dollars. What does he pay?\n\nRound 1, answer:\n3 + 2 = 5\nRound 1, reviewer:\n"
    "Multiply number and price. And write the currency.",
    '[{"why": "the price of several pieces is a product", "kind": "rule", "text": "Multiply the number of pieces by the price of '
    'one.", "rounds": [1], "applies_when": "prices of several equal things"}, {"why": "the reviewer wants it", "kind": "rule", '
    '"text": "Write the currency with every amount.", "rounds": [1], "applies_when": "amounts of money"}]',
)


@REGISTRY.register("model")
class ModelDistiller:
    name = "model"

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def distil(self, history: History) -> Sequence[LessonDraft]:
        """Raises ``NotAvailable`` when the backend cannot generate, ``GeneratorError`` when it fails."""
        if Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("the distiller 'model' needs a backend that generates text")
        rounds = corrected_rounds(history)
        if not rounds:
            return []
        shown = tuple(Message(role, text) for role, text in zip(("user", "assistant"), EXAMPLE, strict=True))
        messages = (Message("system", SYSTEM), *shown, Message("user", told(history)))
        reply = self._generator.generate([GenerationRequest(messages, max_new_tokens=TOKENS)])[0].text
        drafts = [draft for one in objects(reply) if (draft := read(one, history, rounds)) is not None]
        return list({(draft.kind, draft.text.casefold()): draft for draft in drafts}.values())[:MOST]


def corrected_rounds(history: History) -> dict[int, int]:
    """Correction ids by round, from 1: an attempt that was corrected is a round."""
    ids = [one.correction.id for one in history.attempts if one.correction is not None]
    return dict(enumerate(ids, 1))


def told(history: History) -> str:
    """The history as the model reads it."""
    question = history.question
    parts = [f"Context:\n{question.context}"] if question.context.strip() else []
    parts.append(f"Question:\n{question.prompt}")
    number = 0
    for attempt in history.attempts:
        if attempt.correction is None:
            continue
        number += 1
        parts.append(f"Round {number}, answer:\n{attempt.text}\nRound {number}, reviewer:\n{attempt.correction.text}")
        if attempt.correction.rewrite:
            parts.append(f"Round {number}, the reviewer's own answer:\n{attempt.correction.rewrite}")
    if history.final is not None:
        parts.append(f"Accepted in the end:\n{history.final}")
    return "\n\n".join(parts)


def read(said: Mapping[str, Any], history: History, rounds: Mapping[int, int]) -> LessonDraft | None:
    """One object of the reply as a proposal; ``None`` for what names no round, no known kind, or says nothing."""
    kind, text = str(said.get("kind", "")).strip().lower().replace(" ", "_"), _text(said.get("text"), TEXT_CHARS)
    named = said.get("rounds")
    places = [named] if isinstance(named, int) else named if isinstance(named, list) else []
    sources = tuple(dict.fromkeys(rounds[place] for place in places if type(place) is int and place in rounds))
    if kind not in KINDS or not sources or not text or says_nothing(text):
        return None
    prompt = f"{history.question.context}\n{history.question.prompt}"
    name, value = _text(said.get("name"), NAME_CHARS), _text(said.get("value"), TEXT_CHARS)
    if kind == LessonKind.PARAMETER and not (name and value):
        return None
    general = text if kind == LessonKind.PARAMETER else with_slots(text, prompt)
    when = with_slots(_text(said.get("applies_when"), TEXT_CHARS), prompt)
    return LessonDraft(
        kind=LessonKind(kind),
        text=general,
        applicability=applicability(history.question.prompt, f"{when}\n{general}" if when else general),
        source_corrections=sources,
        name=name if kind == LessonKind.PARAMETER else None,
        why=f"A model read the corrections: {_text(said.get('why'), TEXT_CHARS)}".rstrip(": "),
        extra={"value": value} if kind == LessonKind.PARAMETER else {},
    )


def _text(value: Any, limit: int) -> str:
    """Lines kept, ends trimmed; the empty string for what is no text or number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return "\n".join(" ".join(line.split()) for line in str(value)[:limit].splitlines()).strip()
