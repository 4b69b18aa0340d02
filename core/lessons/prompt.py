"""The three lesson slots of a prompt: rules, exemplars, values (DROC, paper 9), filled under one token budget.

Missing steps go in the rule slot and templates in the exemplar slot. A lesson is somebody's text: its lines are stripped of
whatever could pass for one of our headings or for a chat role before they reach a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from core.generators.base import Message
from core.types import LessonKind, LessonText, PromptSlot, Question

CountTokens = Callable[[str], int]

HEADINGS = {
    PromptSlot.RULES: "### Rules to follow",
    PromptSlot.EXEMPLARS: "### Solved examples",
    PromptSlot.VALUES: "### Values to use",
}
_SLOTS = {
    LessonKind.RULE: PromptSlot.RULES,
    LessonKind.MISSING_STEP: PromptSlot.RULES,
    LessonKind.EXEMPLAR: PromptSlot.EXEMPLARS,
    LessonKind.TEMPLATE: PromptSlot.EXEMPLARS,
    LessonKind.PARAMETER: PromptSlot.VALUES,
    LessonKind.ENTITY: PromptSlot.VALUES,
}
REASON_FIRST = (
    "First state in one sentence, starting with “Rule:”, what the correction means for answers of this kind. "
    "Then give the full new answer from the beginning, starting with “Answer:”."
)
_REASONED = re.compile(
    r"\s*\W{0,3}rule\W{0,3}:.*?\n\s*\W{0,3}answer\W{0,3}:(?:\*\*|__)?\s*(?=\S)", re.IGNORECASE | re.DOTALL
)
_PIECE = re.compile(r"[A-Za-z]+|[0-9]|\n|[^\sA-Za-z0-9]")
_ROLE_TOKEN = re.compile(r"<\|(\w{1,40})\|>")
_HEADING = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff#]*#\s*")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def slot_of(kind: LessonKind) -> PromptSlot:
    """The slot in which lessons of that kind stand."""
    return _SLOTS[kind]


def estimate_tokens(text: str) -> int:
    """An upper estimate for English prose: four letters a token and none shared by two words; digits, signs and bytes
    beyond ASCII count one each."""
    return sum(
        -(-len(piece) // 4) if piece.isascii() else len(piece.encode("utf-8", "surrogatepass"))
        for piece in _PIECE.findall(text)
    )


def plain_text(text: str) -> str:
    """``text`` without chat-role tokens such as ``<|im_start|>`` (a space breaks them) and with ``\\n`` line ends."""
    lines = "\n".join(f"{text}.".splitlines())[:-1]
    return _ROLE_TOKEN.sub(r"< |\1| >", lines) if "<|" in lines else lines


def quoted_text(text: str) -> str:
    """``text`` as part of a section of ours: ``plain_text`` whose lines cannot start with ``#``."""
    return "\n".join(_HEADING.sub("", line).rstrip() for line in plain_text(text).split("\n"))


def without_reason(text: str) -> str:
    """A reply to ``REASON_FIRST`` without its "Rule: ..." and the word "Answer:"; any other text as it is."""
    return _REASONED.sub("", text, count=1) if _REASONED.match(text) else text


def render_slots(lessons: Sequence[LessonText]) -> str:
    """The headings and entries of ``lessons`` in slot order; the empty string for none."""
    sections = []
    for slot in PromptSlot:
        entries = [_entry(lesson) for lesson in lessons if slot_of(lesson.kind) is slot]
        if entries:
            gap = "\n\n" if slot is PromptSlot.EXEMPLARS else "\n"
            sections.append(HEADINGS[slot] + "\n" + gap.join(entries))
    return "\n\n".join(sections)


def _entry(lesson: LessonText) -> str:
    if slot_of(lesson.kind) is PromptSlot.EXEMPLARS:
        return quoted_text(lesson.text).strip()
    text = " ".join(quoted_text(lesson.text).split())
    name = " ".join(quoted_text(lesson.name or "").split())
    named = lesson.kind is LessonKind.PARAMETER and name and name.casefold() not in text.casefold()
    return f"- {name}: {text}" if named else f"- {text}"


def keep_within(
    lessons: Sequence[LessonText], token_budget: int, count: CountTokens = estimate_tokens
) -> list[LessonText]:
    """The lessons that fit ``token_budget`` together with their headings, best score first, in slot order.

    A lesson that is too long is passed over and shorter ones after it still fit; equal scores keep their order.
    """
    by_score = sorted(range(len(lessons)), key=lambda i: (-lessons[i].score, i))
    kept: list[int] = []
    for i in by_score:
        if lessons[i].text.strip() and count(render_slots([lessons[j] for j in [*kept, i]])) <= token_budget:
            kept.append(i)
    slots = list(PromptSlot)
    return [lessons[i] for i in sorted(kept, key=lambda i: (slots.index(slot_of(lessons[i].kind)), kept.index(i)))]


def fill_slots(
    question: Question,
    lessons: Sequence[LessonText],
    token_budget: int,
    *,
    instructions: str = "",
    count: CountTokens = estimate_tokens,
) -> tuple[list[Message], list[LessonText]]:
    """The prompt of a question and the lessons that fitted, in slot order.

    System: ``instructions`` of the item type, the project's guidelines, then the slots; left out when all are empty.
    User: context and prompt. ``token_budget`` is for the slots alone.
    """
    kept = keep_within(lessons, token_budget, count)
    parts = [instructions.strip(), plain_text(question.guidelines).strip(), render_slots(kept)]
    system = "\n\n".join(part for part in parts if part)
    messages = [Message("system", system)] if system else []
    return [*messages, Message("user", question_text(question))], kept


def question_text(question: Question) -> str:
    """Context, when there is one, and prompt: what stands in the user's message."""
    parts = [plain_text(question.context).strip(), plain_text(question.prompt).strip()]
    return "\n\n".join(part for part in parts if part)
