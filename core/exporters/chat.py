"""What the chat-shaped exports share: the prompt as messages, the accepted text of an item, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from core.exporters.base import ExportAttempt, ExportRecord
from core.lessons.prompt import plain_text, question_text, without_reason
from core.types import ItemType, Question, Verdict

Origin = Literal["accepted", "rewrite"]
Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The text that a person let stand for an item, the attempt it came from, and its place among the attempts."""

    text: str
    origin: Origin
    attempt: ExportAttempt
    place: int


def accepted(record: ExportRecord) -> Accepted | None:
    """The latest attempt that was accepted or rewritten; a rewrite stands before the attempt it rewrites.

    The rule that a retry states before its answer (``REASON_FIRST``) is left out."""
    for place in range(len(record.attempts) - 1, -1, -1):
        attempt = record.attempts[place]
        rewrites = [c.rewrite for c in attempt.corrections if c.rewrite]
        if rewrites:
            return Accepted(rewrites[-1], "rewrite", attempt, place)
        if attempt.verdict is Verdict.ACCEPTABLE and attempt.text.strip():
            return Accepted(without_reason(attempt.text), "accepted", attempt, place)
    return None


def prompt_messages(question: Question) -> list[dict[str, str]]:
    """System message with the guidelines, if any, and the user's message: ``fill_slots`` without lessons, so that training takes
    them in."""
    system = _system(question.guidelines)
    said = [turn("user", question_text(question))]
    return [turn("system", system), *said] if system else said


@lru_cache(maxsize=64)
def _system(guidelines: str) -> str:
    return plain_text(guidelines).strip()


def question_messages(question: Question) -> tuple[str, str]:
    """(system, user) of the prompt; the system message may be empty."""
    said = {message["role"]: message["content"] for message in prompt_messages(question)}
    return said.get("system", ""), said["user"]


def turn(role: Literal["system", "user", "assistant"], content: str) -> Message:
    return {"role": role, "content": content}


def faulty(record: ExportRecord, final: Accepted) -> Iterator[ExportAttempt]:
    """Attempts at or before the final one that were judged faulty, corrected or rewritten, and say something else."""
    end = final.place + 1 if final.origin == "rewrite" else final.place
    for attempt in record.attempts[:end]:
        judged = attempt.verdict is Verdict.FAULTY or (attempt.verdict is None and attempt.corrections)
        rewritten = final.origin == "rewrite" and attempt is final.attempt
        said = without_reason(attempt.text).strip()
        if (judged or rewritten) and said and said != final.text.strip():
            yield attempt


def rewrite_of(attempt: ExportAttempt) -> str | None:
    """The last rewrite of the whole answer."""
    return next((c.rewrite for c in reversed(attempt.corrections) if c.rewrite), None)


def provenance(record: ExportRecord, schema: int, origin: str, outputs: Sequence[int]) -> dict[str, Any]:
    """The ``corrigenda`` column: always the same keys with values of the same types, so that loaders infer one schema."""
    return {
        "schema": schema,
        "item": record.item_id,
        "external_id": record.external_id,
        "item_type": str(record.question.item_type),
        "context_chars": len(plain_text(record.question.context).strip()),
        "origin": origin,
        "outputs": list(outputs),
    }


def read_provenance(row: Mapping[str, Any], schema: int) -> Mapping[str, Any]:
    """Raises ``ValueError`` when the column is missing or was written by a newer version."""
    info = row.get("corrigenda")
    if not isinstance(info, Mapping):
        raise ValueError("field 'corrigenda' is missing: this row was not written by Corrigenda")
    if not isinstance(info.get("schema"), int) or info["schema"] > schema:
        raise ValueError(f"field 'corrigenda.schema' is {info.get('schema')!r}; this version reads up to {schema}")
    for name, kind in (("item", int), ("external_id", str), ("outputs", list), ("context_chars", int)):
        if not isinstance(info.get(name), kind):
            raise ValueError(f"field 'corrigenda.{name}' must be of type {kind.__name__}")
    return info


def read_messages(value: object, field: str) -> list[tuple[str, str]]:
    """(role, content) pairs; raises ``ValueError`` naming the field."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"field {field!r} must be a list of messages")
    pairs = [(m.get("role"), m.get("content")) if isinstance(m, Mapping) else (None, None) for m in value]
    if any(role not in ("system", "user", "assistant") or not isinstance(content, str) for role, content in pairs):
        raise ValueError(f"field {field!r}: every message needs a role (system, user, assistant) and a text as content")
    return [(str(role), str(content)) for role, content in pairs]


def read_question(messages: Sequence[tuple[str, str]], info: Mapping[str, Any], field: str) -> Question:
    """The question behind ``prompt_messages``; context and prompt are parted where ``context_chars`` says."""
    said = dict(messages)
    if "user" not in said:
        raise ValueError(f"field {field!r} has no message of the user")
    context, prompt = split_context(said["user"], info["context_chars"])
    item_type = ItemType(info.get("item_type", ItemType.REASONING))
    return Question(prompt, context, said.get("system", ""), item_type)


def split_context(text: str, context_chars: int) -> tuple[str, str]:
    """Context and prompt of a text made by ``core.lessons.prompt.question_text``."""
    return (text[:context_chars], text[context_chars:].lstrip("\n")) if context_chars else ("", text)
