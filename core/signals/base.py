"""What a signal sees and says. No reference answer is in ``SignalInput``, so that no signal can lean on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.registry import Registry
from core.types import Critique, LessonText, Question, Step, TokenLogprob, Verdict, Vote

if TYPE_CHECKING:
    from core.critics.judge_audit import Settled


@dataclass(frozen=True, slots=True)
class SignalInput:
    """One output with what is known about it.

    ``resampled`` are further answers of the same model to the same prompt; ``project_logprobs`` are the mean token
    log-probs of the project's other outputs, against which this one's is judged. ``vector`` and ``resampled_vectors`` are unit
    vectors of the answer and of each further one; empty where nobody embedded them. ``lessons`` are the active ones that were
    in the prompt or that apply. ``verdicts`` are what people said of this output in reviews that stand.
    """

    question: Question
    answer: str
    steps: tuple[Step, ...]
    label: str | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    resampled: tuple[str, ...] = ()
    project_logprobs: tuple[float, ...] = ()
    critiques: tuple[Critique, ...] = ()
    vector: tuple[float, ...] = ()
    resampled_vectors: tuple[tuple[float, ...], ...] = ()
    lessons: tuple[LessonText, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    judgements: tuple[Settled, ...] = ()  # of this answer, "1", against another of the model's own, "2"


class Signal(Protocol):
    name: str

    def vote(self, x: SignalInput) -> Vote:
        """A label, acceptable or faulty, or an abstention, with a sentence of evidence. May raise: ``cast`` makes it an abstention."""
        ...


def cast(signal: Signal, x: SignalInput) -> Vote:
    """The signal's vote; an exception becomes an abstention whose ``error`` people can read."""
    try:
        return signal.vote(x)
    except Exception as problem:  # any failure of a person's rule must cost one vote, not the whole analysis
        return Vote(signal.name, error=f"{type(problem).__name__}: {problem}"[:500])


REGISTRY: Registry[Signal] = Registry("signal")
