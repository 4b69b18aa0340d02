"""Kinds of memory that a stream of corrections can be kept in, for measurement: the product's own, and the ones it must beat.

Each learns the history of an item and says what it would put in the prompt of the next. The product's own is its distiller, its index
and its look-up, without the database. The others are what people build first: nothing, all of the history, the nearest past item, or
all rules in every prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.lessons.base import History
from core.lessons.deterministic import DeterministicDistiller
from core.lessons.index import ScopeIndex
from core.lessons.prompt import estimate_tokens, fill_slots, slot_of
from core.lessons.retrieve import retrieve
from core.projects import ProjectSettings
from core.types import LessonKind, LessonText, PromptSlot, Question

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Prompt = tuple[str, list[LessonText]]  # what stands before the question, and the lessons in it
SETTINGS = ProjectSettings()


class Memory(Protocol):
    name: str

    def learn(self, history: History, family: str) -> None:
        """``family`` is only counted with, never read by a memory."""
        ...

    def find(self, question: Question) -> list[LessonText]:
        """What goes into the prompt of a question, in slot order."""
        ...


@dataclass
class Encoder:
    """``embed`` with what it has embedded before."""

    embed: Embed
    known: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        if new:
            self.known.update(zip(new, self.embed(new), strict=True))
        return np.stack([self.known[text] for text in texts])


@dataclass
class Lessons:
    """The product's: distilled, indexed by kind, looked up; ``texts`` plays the database's part, ``families`` is for counting."""

    encode: Encoder
    name: str = "lessons"
    texts: dict[int, LessonText] = field(default_factory=dict)
    families: dict[int, str] = field(default_factory=dict)
    indexes: dict[LessonKind, ScopeIndex] = field(default_factory=dict)

    def learn(self, history: History, family: str) -> None:
        for draft in DeterministicDistiller().distil(history):
            self.add(draft.kind, draft.text, draft.applicability, family, name=draft.name)

    def add(self, kind: LessonKind, text: str, applicability: str, family: str, *, name: str | None = None) -> int:
        lesson = LessonText(len(self.texts) + 1, kind, text, applicability, name=name)
        vectors = self.encode([applicability])
        self.texts[lesson.id], self.families[lesson.id] = lesson, family
        self.indexes.setdefault(kind, ScopeIndex(vectors.shape[1])).add([lesson.id], vectors)
        return lesson.id

    def find(self, question: Question) -> list[LessonText]:
        vector = self.encode([question.prompt])[0]
        found = retrieve(
            lambda kind, _, k: self.indexes[kind].search(vector, k) if kind in self.indexes else [],
            question.prompt,
            floor=SETTINGS.lesson_floor,
            per_slot=SETTINGS.lessons_per_slot,
            recheck=lambda ids: {i: self.texts[i] for i in ids},
        )
        return fill_slots(question, found, SETTINGS.lesson_tokens)[1]


@dataclass
class Nothing:
    name: str = "no_memory"

    def learn(self, history: History, family: str) -> None: ...

    def find(self, question: Question) -> list[LessonText]:
        return []


@dataclass
class AllRules(Lessons):
    """A rules-only memory that puts every rule and value into every prompt."""

    name: str = "all_rules_in_prompt"

    def find(self, question: Question) -> list[LessonText]:
        return [x for x in self.texts.values() if slot_of(x.kind) is not PromptSlot.EXEMPLARS]


@dataclass
class AllHistory:
    """Every past item with what was said of it and what was accepted, in every prompt."""

    name: str = "all_history_in_prompt"
    texts: list[LessonText] = field(default_factory=list)

    def learn(self, history: History, family: str) -> None:
        self.texts.append(transcript(history, len(self.texts) + 1))

    def find(self, question: Question) -> list[LessonText]:
        return self.texts


@dataclass
class NearestPast:
    """The one past item whose prompt is most alike, whatever its similarity."""

    encode: Encoder
    name: str = "nearest_past_item"
    texts: list[LessonText] = field(default_factory=list)

    def learn(self, history: History, family: str) -> None:
        self.texts.append(transcript(history, len(self.texts) + 1))

    def find(self, question: Question) -> list[LessonText]:
        if not self.texts:
            return []
        likeness = self.encode([x.applicability for x in self.texts]) @ self.encode([question.prompt])[0]
        return [self.texts[int(likeness.argmax())]]


def transcript(history: History, number: int) -> LessonText:
    """An item as it went: question, what people said, and the accepted answer."""
    said = [f"Feedback: {one.correction.text}" for one in history.attempts if one.correction is not None]
    answer = [f"Answer: {history.final}"] if history.final is not None else []
    lines = [f"Question: {history.question.prompt}", *said, *answer]
    return LessonText(number, LessonKind.EXEMPLAR, "\n".join(lines), history.question.prompt)


def tokens_of(found: Sequence[LessonText]) -> int:
    """An upper estimate of what lessons cost in a prompt."""
    return sum(estimate_tokens(x.text) for x in found)
