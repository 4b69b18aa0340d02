"""A transcript of speech with its N best hypotheses, to be put right (DARAG, paper 31): the best one is the prompt, the whole
text is one step.

The model reads the best hypothesis, the others, and the names of the memory that sound like parts of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.generators.base import Message
from core.importing import N_BEST
from core.item_types.base import REGISTRY
from core.lessons.prompt import fill_slots, plain_text
from core.types import LessonText, Question, Step, StepKind

INSTRUCTIONS = (
    "Correct this transcript of speech. Keep every word that was heard right; change only what was misheard. "
    "Answer with the corrected transcript alone."
)
OTHERS = "Other hypotheses of the recogniser:"
MOST = 10  # hypotheses that are read


@REGISTRY.register("asr_transcript")
class TranscriptItem:
    name = "asr_transcript"

    def messages(
        self, question: Question, lessons: Sequence[LessonText], token_budget: int
    ) -> tuple[list[Message], list[LessonText]]:
        distinct = dict.fromkeys(" ".join(plain_text(text).split()) for text in question.hypotheses)
        others = list(distinct)[1:MOST]
        listed = "\n".join([OTHERS, *(f"- {text}" for text in others)]) if others else ""
        context = "\n\n".join(part for part in (question.context.strip(), listed) if part)
        return fill_slots(replace(question, context=context), lessons, token_budget, instructions=INSTRUCTIONS)

    def split(self, text: str) -> list[Step]:
        body = text.strip()
        start = len(text) - len(text.lstrip())
        return [Step(0, body, start, start + len(body), StepKind.ANSWER)] if body else []

    def same_answer(self, a: str, b: str) -> bool:
        """The same words, whatever case and punctuation."""
        left, right = (["".join(filter(str.isalnum, word)) for word in text.casefold().split()] for text in (a, b))
        return any(left) and [word for word in left if word] == [word for word in right if word]


def hypotheses_of(prompt: str, meta: object) -> tuple[str, ...]:
    """The best first, repeats kept, from an item's ``meta``: ``hypotheses`` (or ``nbest``, ``input``) as a list of texts or of
    {"text"}. The prompt is the best one."""
    kept = meta if isinstance(meta, dict) else {}
    said = next((kept[name] for name in N_BEST if name in kept), None)
    found = [one.get("text") if isinstance(one, dict) else one for one in said] if isinstance(said, list) else []
    texts = [" ".join(one.split()) for one in found if isinstance(one, str) and one.strip()]
    best = " ".join(prompt.split())
    return tuple(texts) if texts[:1] == [best] else (best, *texts)
