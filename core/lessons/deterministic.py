"""Distils lessons from the corrections of one item by rules of language alone (DROC, paper 9), without a model.

DROC lets a model read the whole history and save the value that was finally right; so does this, by letting a later
correction win over an earlier one that it contradicts. Lessons are only proposed: a person accepts, edits or rejects each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.edits import extract
from core.lessons import entities
from core.lessons.base import REGISTRY, History
from core.lessons.handling import is_missing_step, only_steers, without_steering
from core.lessons.parameters import find_parameter
from core.lessons.prompt import without_reason
from core.lessons.relations import contradicts, is_same, of_draft
from core.lessons.templates import template
from core.lessons.wording import instruction, says_nothing, sentences, with_slots
from core.types import Attempt, CorrectionText, ItemType, LessonDraft, LessonKind

PROMPT_CHARS = 300  # of the prompt in an applicability text; MiniLM reads about 256 tokens
_TAKES_BACK = re.compile(
    r"\b(?:ignore|forget|disregard|never mind)\b.{0,30}\b(?:correction|said|comment|remark)\b|\bi was wrong\b|\bmy mistake\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Lessonless:
    """A correction from which nothing was learned, and why."""

    correction_id: int
    reason: str


@REGISTRY.register("deterministic")
class DeterministicDistiller:
    name = "deterministic"

    def distil(self, history: History) -> Sequence[LessonDraft]:
        """Parameters, rules and missing steps that were not contradicted later, then at most one template and one exemplar."""
        return self.explain(history)[0]

    def explain(self, history: History) -> tuple[list[LessonDraft], list[Lessonless]]:
        """The proposals, and the corrections that gave none with the reason."""
        drafts: list[LessonDraft] = []
        reasons: list[Lessonless] = []
        for attempt in history.attempts:
            if (correction := attempt.correction) is None:
                continue
            if _TAKES_BACK.search(correction.text) and drafts:
                last = max(drafts[-1].source_corrections)
                drafts = [d for d in drafts if last not in d.source_corrections]
            found = [*_drafts(history, attempt, correction), *_entities(history, attempt, correction)]
            if not found:
                reasons.append(Lessonless(correction.id, _why_none(correction)))
            for draft in found:
                drafts = _with(drafts, draft)
        if history.question.item_type is ItemType.ASR_TRANSCRIPT:  # a whole transcript is no example for another
            return drafts, reasons
        whole = (template(history, _short(history.question.prompt, PROMPT_CHARS)), _exemplar(history))
        return [*drafts, *(draft for draft in whole if draft is not None)], reasons


def _drafts(history: History, attempt: Attempt, correction: CorrectionText) -> Iterator[LessonDraft]:
    if only_steers(correction.text):
        return
    prompt = f"{history.question.context}\n{history.question.prompt}"
    for sentence in sentences(without_steering(correction.text)):
        if (parameter := find_parameter(sentence)) is not None:
            said = instruction(parameter.sentence, prompt="") or parameter.sentence
            draft = _draft(history, correction, LessonKind.PARAMETER, said)
            yield replace(draft, name=parameter.name, extra={"value": parameter.value})
        elif not _TAKES_BACK.search(sentence) and (text := instruction(sentence, prompt)) is not None:
            missing = correction.error_type == "missing_step" or is_missing_step(sentence)
            yield _draft(history, correction, LessonKind.MISSING_STEP if missing else LessonKind.RULE, text)
    if correction.rewrite is not None and history.question.item_type is not ItemType.ASR_TRANSCRIPT:
        for step in inserted_steps(attempt.text, correction.rewrite):
            text = f"Include this step: {with_slots(step, prompt)}"
            yield _draft(history, correction, LessonKind.MISSING_STEP, text)


def _entities(history: History, attempt: Attempt, correction: CorrectionText) -> Iterator[LessonDraft]:
    """Names and words that were put right, by the rewrite or else by what was accepted after the last correction (paper 31)."""
    question = history.question
    last = [one for one in history.attempts if one.correction is not None][-1]
    target = correction.rewrite or (history.final if attempt is last else None)
    if target is None or question.item_type not in (ItemType.ASR_TRANSCRIPT, ItemType.TEXT):
        return
    names_only = question.item_type is ItemType.TEXT
    yield from entities.drafts(attempt.text, target, (correction.id,), domain=question.domain, names_only=names_only)


def _draft(history: History, correction: CorrectionText, kind: LessonKind, text: str) -> LessonDraft:
    said = f"A reviewer said: “{_short(correction.text, 200)}”"
    return LessonDraft(kind, text, applicability(history.question.prompt, text), (correction.id,), why=said)


def applicability(prompt: str, text: str) -> str:
    """What a lesson bears on, as the text that is embedded: the prompt it came from, shortened, and what it says."""
    return f"{_short(prompt, PROMPT_CHARS)}\n{text}"


def _short(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + "…"


def inserted_steps(attempt: str, rewrite: str) -> list[str]:
    """Whole lines or sentences of at least four words that a rewrite puts in without taking anything out."""
    steps = []
    for edit in extract(attempt, rewrite):
        piece = edit.replacement.strip()
        whole = piece[-1:] in ".!?:" or "\n" in edit.replacement
        if edit.kind == "insert" and whole and len(piece.split()) >= 4:
            steps.append(" ".join(re.sub(r"^(?:step\s*)?\d+[.):]\s*", "", piece, flags=re.IGNORECASE).split()))
    return steps


def _exemplar(history: History) -> LessonDraft | None:
    """Question and corrected answer, from what was accepted in the end or else from the last rewrite (canonical example, paper 24)."""
    corrected = [a for a in history.attempts if a.correction is not None]
    if not corrected:
        return None
    rewrites = [a.correction.rewrite for a in corrected if a.correction is not None and a.correction.rewrite]
    answer = without_reason(history.final) if history.final is not None else rewrites[-1] if rewrites else None
    faulty = corrected[-1].text
    if answer is None or not answer.strip() or answer.strip() == faulty.strip():
        return None
    prompt = " ".join(history.question.prompt.split())
    what = "the accepted answer" if history.final is not None else "a reviewer's rewrite"
    return LessonDraft(
        kind=LessonKind.EXEMPLAR,
        text=f"Question: {prompt}\nAnswer: {answer.strip()}",
        applicability=_short(prompt, PROMPT_CHARS),
        source_corrections=tuple(a.correction.id for a in corrected if a.correction is not None),
        why=f"From {what} after {len(corrected)} correction{'s' if len(corrected) != 1 else ''}",
        extra={"question": history.question.prompt, "answer": answer, "rejected": faulty},
    )


def _with(drafts: list[LessonDraft], new: LessonDraft) -> list[LessonDraft]:
    """``drafts`` and ``new``: what it contradicts goes, what says the same is merged with it."""
    said = of_draft(new)
    kept = [d for d in drafts if not contradicts(said, of_draft(d))]
    for i, old in enumerate(kept):
        if is_same(of_draft(old), said):
            sources = tuple(dict.fromkeys((*old.source_corrections, *new.source_corrections)))
            return [*kept[:i], replace(new, source_corrections=sources), *kept[i + 1 :]]
    return [*kept, new]


def _why_none(correction: CorrectionText) -> str:
    if says_nothing(correction.text):
        return "It says that something is wrong but not what; say what should be done instead."
    if only_steers(correction.text):
        return "It only says to carry on or to begin again."
    return "It is about this item only; say what holds for other items too."
