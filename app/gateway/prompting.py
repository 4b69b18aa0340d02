"""The conversation that a program sends: what it asks, and the same with lessons in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SYSTEM = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Asked:
    """``prompt`` is the last thing that the user said, ``context`` what went before it, as "role: text" lines."""

    prompt: str
    context: str = ""


def text_of(content: Any) -> str:
    """The words of a message, which may come in parts; images and other parts have none."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def asked_in(messages: Sequence[Mapping[str, Any]]) -> Asked | None:
    """What the conversation asks; ``None`` when no user says a word in it."""
    last = max((n for n, message in enumerate(messages) if message.get("role") == "user"), default=None)
    if last is None or not text_of(messages[last].get("content")).strip():
        return None
    before = [(message.get("role"), text_of(message.get("content")).strip()) for message in messages[:last]]
    return Asked(
        text_of(messages[last].get("content")), "\n\n".join(f"{role}: {text}" for role, text in before if text)
    )


def with_lessons(messages: Sequence[Mapping[str, Any]], lessons: str) -> list[dict[str, Any]]:
    """The same conversation whose system message ends with ``lessons``; one is put first where there is none."""
    copied = [dict(message) for message in messages]
    if not lessons:
        return copied
    if not copied or copied[0].get("role") not in SYSTEM:
        return [{"role": "system", "content": lessons}, *copied]
    content = copied[0].get("content")
    if isinstance(content, list):
        copied[0]["content"] = [*content, {"type": "text", "text": lessons}]
    else:
        copied[0]["content"] = f"{content}\n\n{lessons}" if content else lessons
    return copied
