"""The sufficiency gate (SIM-RAG, paper 42): a round of search was enough, or it is searched again in other words, or a person may know.

The paper's critic reads an answer and its rationale; here a round is judged by what the relevance gate made of it, so that it
costs no model call. Queries are reworded by rules, at most ``MOST_ROUNDS`` are sent, and none twice. Where nothing came near, no
further words are tried: a prompt that no lesson bears on costs one search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from core.lessons.links import closest, link_scores
from core.lessons.relevance import Features, Gate
from core.lessons.retrieve import LessonVotes
from core.lessons.wording import without_instances
from core.lessons.words import content_words, overlap, stems
from core.types import LessonText, Question

MOST_ROUNDS = 4
NEAR = 0.25  # chance from which a lesson is nearly relevant
LOGGED = 6  # hits of a round that are kept
KEY_TERMS = 12
NO_VOTES = LessonVotes()
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


class Stopped(StrEnum):
    """Why a look-up ended."""

    ENOUGH = "enough"
    NOTHING_NEAR = "nothing_near"
    UNSURE = "unsure"  # the rounds are used up, and something was nearly relevant: a person may know


@dataclass(frozen=True, slots=True)
class Query:
    how: str  # in words: how it was made of the prompt
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """``closest``: the highest cosine of the query with anything that the lesson is known to bear on."""

    lesson: LessonText
    features: Features
    closest: float


@dataclass(frozen=True, slots=True)
class PastUse:
    """What the nearest past items say of lessons, by lesson: the score of its links, and the cosine of the nearest that it bears on."""

    scores: Mapping[int, float]
    nearest: Mapping[int, float]

    @classmethod
    def of(
        cls,
        near: Sequence[tuple[int, float]],
        links: Mapping[int, Collection[int]],
        shown: Sequence[tuple[int, float]] = (),
    ) -> PastUse:
        """``near``: (item, cosine); ``links``: lessons of each item; ``shown``: items with the same picture, and how far.

        A picture is a link and no more: the words still have to come near, because one picture may be asked anything.
        """
        return cls(link_scores([*near, *shown], links), closest(near, links))


def lesson_stems(lesson: LessonText) -> frozenset[str]:
    """The words by which a lesson may be found."""
    return stems(f"{lesson.name or ''} {lesson.text} {lesson.applicability}")


def candidate(
    lesson: LessonText,
    cosines: tuple[float, float],
    words: tuple[frozenset[str], frozenset[str]],
    past: PastUse,
    votes: LessonVotes = NO_VOTES,
) -> Candidate:
    """A lesson with all that speaks for it: the one place where features are made, for the product and for its measurement.

    ``cosines``: of its applicability with the prompt and with the query; ``words``: stems of the query and of the lesson. A merged
    lesson bears on all that it came from, so that the nearest linked item counts where that is nearer.
    """
    linked = past.nearest.get(lesson.id, -1.0)
    cosine, bare = (max(one, linked) for one in cosines)
    shared, link = overlap(*words), past.scores.get(lesson.id, 0.0)
    return Candidate(lesson, Features(cosine, bare, shared, link, votes.used, votes.not_relevant), max(cosine, bare))


@dataclass(frozen=True, slots=True)
class Hit:
    lesson_id: int
    chance: float
    accepted: bool
    why: str
    features: Features


@dataclass(frozen=True, slots=True)
class Round:
    query: Query
    hits: tuple[Hit, ...]  # best first

    @property
    def best(self) -> float:
        return self.hits[0].chance if self.hits else 0.0


@dataclass(frozen=True, slots=True)
class LookUp:
    """What was found, best first, with the chance as score; and how."""

    accepted: tuple[LessonText, ...] = ()
    rounds: tuple[Round, ...] = ()
    stopped: Stopped = Stopped.NOTHING_NEAR

    @property
    def best(self) -> float:
        return max((one.best for one in self.rounds), default=0.0)

    def log(self) -> dict[str, Any] | None:
        """What the database keeps of it; ``None`` where nothing was looked up."""
        return {"rounds": self.as_rows(), "stopped": self.stopped.value, "best": self.best} if self.rounds else None

    def as_rows(self) -> list[dict[str, Any]]:
        """The rounds as JSON, short: what the database keeps."""
        return [
            {
                "how": one.query.how,
                "query": one.query.text[:300],
                "hits": [
                    {
                        "lesson": hit.lesson_id,
                        "chance": round(hit.chance, 3),
                        "accepted": hit.accepted,
                        "why": hit.why,
                        "features": [round(x, 3) for x in hit.features.row()[:4]],
                    }
                    for place, hit in enumerate(one.hits)
                    if place < LOGGED or hit.accepted  # what went into a prompt can be learned from
                ],
            }
            for one in self.rounds
        ]


def queries(question: Question) -> list[Query]:
    """At most ``MOST_ROUNDS`` different queries: the prompt without its instance words, then shorter forms of it."""
    prompt, context = question.prompt.strip(), question.context.strip()
    sentences = [one.strip() for one in _SENTENCE.findall(prompt) if one.strip()]
    asked = [one for one in sentences if one.endswith("?")] or sentences
    forms = [
        Query("the prompt", without_instances(f"{prompt}\n{context}".strip())),
        Query("the question alone", without_instances(asked[-1]) if asked else ""),
        Query("its key terms", " ".join(sorted(content_words(prompt), key=len, reverse=True)[:KEY_TERMS])),
        Query("the context alone", without_instances(context)),
    ]
    seen: dict[str, Query] = {}
    for form in forms:
        if form.text:
            seen.setdefault(" ".join(form.text.casefold().split()).strip(".?!"), form)
    return list(seen.values())[:MOST_ROUNDS]


def is_enough(found: Round) -> bool:
    """Whether a lesson of the round may go into the prompt."""
    return any(hit.accepted for hit in found.hits)


def look_up(
    asked: Sequence[Query], gate: Gate, floor: float, enough: Callable[[Round], bool] = is_enough
) -> Generator[Query, Sequence[Candidate], LookUp]:
    """Yields the query that is to be searched for, takes its candidates, and returns what came of it."""
    accepted: dict[int, LessonText] = {}
    rounds: list[Round] = []
    sent: set[str] = set()
    for query in asked[:MOST_ROUNDS]:
        if query.text in sent:
            continue
        sent.add(query.text)
        found = judged(query, (yield query), gate, floor, accepted)
        rounds.append(found)
        if enough(found):
            return _ended(accepted, rounds, Stopped.ENOUGH)
        if found.best < NEAR and len(rounds) == 1:
            return _ended(accepted, rounds, Stopped.NOTHING_NEAR)
    return _ended(accepted, rounds, Stopped.UNSURE if rounds else Stopped.NOTHING_NEAR)


def judged(
    query: Query, candidates: Sequence[Candidate], gate: Gate, floor: float, accepted: dict[int, LessonText]
) -> Round:
    """A round: who is accepted is put into ``accepted`` with the chance as its score."""
    hits = []
    for one in candidates:
        chance = gate.probability(one.features)
        yes = chance >= gate.accept_at and one.closest >= floor
        why = "" if yes else "too unlike what it bears on" if one.closest < floor else "probably not relevant"
        hits.append(Hit(one.lesson.id, chance, yes, why, one.features))
        if yes:
            score = max(chance, accepted[one.lesson.id].score if one.lesson.id in accepted else 0.0)
            accepted[one.lesson.id] = replace(one.lesson, score=score)
    return Round(query, tuple(sorted(hits, key=lambda hit: (-hit.chance, hit.lesson_id))))


def _ended(accepted: dict[int, LessonText], rounds: Sequence[Round], stopped: Stopped) -> LookUp:
    best_first = sorted(accepted.values(), key=lambda lesson: (-lesson.score, lesson.id))
    return LookUp(tuple(best_first), tuple(rounds), stopped)
