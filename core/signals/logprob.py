"""Votes by the mean token log-probability of an answer against the project's other answers: lowest third faulty, highest acceptable.

The model's own confidence as a source of POLAR (paper 1); a rank within the project, since the scale differs between models.
Abstains in the middle third, with fewer than ten other answers, and where the backend gives no log-probs.
"""

from __future__ import annotations

from core.signals.base import REGISTRY, SignalInput
from core.types import TokenLogprob, Verdict, Vote

FEWEST = 10


def mean_logprob(tokens: tuple[TokenLogprob, ...]) -> float | None:
    """Mean natural log-probability per token; ``None`` for no tokens."""
    return sum(token.logprob for token in tokens) / len(tokens) if tokens else None


@REGISTRY.register("logprob")
class LogprobSignal:
    name = "logprob"

    def vote(self, x: SignalInput) -> Vote:
        own = mean_logprob(x.tokens or ())
        if own is None:
            return Vote(self.name, evidence="This backend gives no token probabilities.")
        if len(x.project_logprobs) < FEWEST:
            return Vote(
                self.name, evidence=f"Too few other answers to compare with ({len(x.project_logprobs)} of {FEWEST})."
            )
        n = len(x.project_logprobs)
        below = (sum(v < own for v in x.project_logprobs) + sum(v <= own for v in x.project_logprobs)) / 2
        if 3 * below < n:
            said = f"The model was less sure of its words than in {n - below:.0f} of {n} other answers."
            return Vote(self.name, Verdict.FAULTY, evidence=said)
        if 3 * below > 2 * n:
            said = f"The model was surer of its words than in {below:.0f} of {n} other answers."
            return Vote(self.name, Verdict.ACCEPTABLE, evidence=said)
        return Vote(self.name, evidence="The model was about as sure of its words as usual.")
