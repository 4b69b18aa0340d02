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
from core.lessons.links import NEAREST
from core.lessons.prompt import estimate_tokens, fill_slots, slot_of
from core.lessons.relations import Relation, Wording, of_draft, relation
from core.lessons.relevance import DEFAULT, Gate
from core.lessons.retrieve import chosen
from core.lessons.sufficiency import Candidate, LookUp, PastUse, Query, candidate, lesson_stems, look_up, queries
from core.lessons.wording import without_instances
from core.lessons.words import stems
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
    """The product's: distilled, looked up by features, links, gate and rounds; ``texts`` plays the database's part.

    Every lesson is a candidate, so that nothing hangs on how many an index would propose. ``families`` is for counting.
    """

    encode: Encoder
    name: str = "lessons"
    gate: Gate = DEFAULT
    texts: dict[int, LessonText] = field(default_factory=dict)
    families: dict[int, str] = field(default_factory=dict)
    stems: dict[int, frozenset[str]] = field(default_factory=dict)
    wordings: dict[int, Wording] = field(default_factory=dict)
    past: dict[str, set[int]] = field(default_factory=dict)

    def learn(self, history: History, family: str) -> None:
        for draft in DeterministicDistiller().distil(history):
            said = of_draft(draft)
            same = next((id_ for id_, old in self.wordings.items() if relation(said, old) is Relation.SAME), None)
            id_ = same or self.add(draft.kind, draft.text, draft.applicability, family, name=draft.name)
            self.wordings.setdefault(id_, said)
            self.link(history.question.prompt, id_)

    def add(self, kind: LessonKind, text: str, applicability: str, family: str, *, name: str | None = None) -> int:
        lesson = LessonText(len(self.texts) + 1, kind, text, applicability, name=name)
        self.texts[lesson.id], self.families[lesson.id] = lesson, family
        self.stems[lesson.id] = lesson_stems(lesson)
        return lesson.id

    def link(self, prompt: str, lesson_id: int) -> None:
        """The lesson came from this item, or was of use there."""
        self.past.setdefault(prompt, set()).add(lesson_id)

    def find(self, question: Question) -> list[LessonText]:
        kept = chosen(self.look_up(question).accepted, SETTINGS.lessons_per_slot)
        return fill_slots(question, kept, SETTINGS.lesson_tokens)[1]

    def look_up(self, question: Question, *, without: str = "") -> LookUp:
        """All rounds; ``without`` is a past prompt whose links are left out."""
        search = look_up(queries(question), self.gate, SETTINGS.lesson_floor)
        try:
            query = next(search)
            while True:
                query = search.send(self.candidates(question, query, without=without))
        except StopIteration as end:
            found: LookUp = end.value
            return found

    def candidates(self, question: Question, query: Query, *, without: str = "") -> list[Candidate]:
        """All lessons with what speaks for each."""
        if not self.texts:
            return []
        asked = self.encode([f"{question.prompt}\n{question.context}".strip(), query.text])
        cosines = self.encode([without_instances(one.applicability) for one in self.texts.values()]) @ asked.T
        past = PastUse.of(self._near(asked[1], without), dict(enumerate(self.past.values())))
        said = stems(query.text)
        return [
            candidate(lesson, (plain, bare), (said, self.stems[lesson.id]), past)
            for lesson, (plain, bare) in zip(self.texts.values(), cosines.tolist(), strict=True)
        ]

    def _near(self, query: NDArray[np.float32], without: str) -> list[tuple[int, float]]:
        """Places of the nearest past prompts, nearest first, with their cosines."""
        if not self.past:
            return []
        cosines = self.encode([without_instances(prompt) for prompt in self.past]) @ query
        places = np.array([place for place, prompt in enumerate(self.past) if prompt != without], int)
        return [(int(place), float(cosines[place])) for place in places[nearest_places(cosines[places], NEAREST)]]


def nearest_places(cosines: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Places of the ``most`` highest, highest first, of equals the first: what a stable sort says, without sorting all."""
    if len(cosines) > most:
        least = np.partition(cosines, len(cosines) - most)[len(cosines) - most]
        kept = np.flatnonzero(cosines >= least)
    else:
        kept = np.arange(len(cosines))
    return kept[np.argsort(-cosines[kept], kind="stable")][:most]


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
