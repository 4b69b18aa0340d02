"""Two copies of the model argue whether an answer is right, and a jury of small judges decides (debate, paper 39).

Four debates are sampled. In each, one side must hold that the answer is right and the other that it is wrong; they speak in turn,
three times each, and who begins is drawn. Each of four judges reads one debate, so that they see different ones; the soft label is
the mean of their probabilities, and their spread tells how divided they are. A judge's probability is the likelihood of "Right"
against "Wrong" where the backend can score, else the word that it writes. Different from the paper: the judges are the model itself
and are not fine-tuned.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

from core.critics.base import REGISTRY, CriticInput
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable, ScoreRequest
from core.types import Critique, StepLabel

DEBATES, TURNS = 4, 3  # debates with a judge each, and turns per side: more of either helped little or hurt
TOKENS, TEMPERATURE = 120, 0.8
UNDECIDED = 0.1  # nearer to one half than this, or
DIVIDED = 0.25  # with a spread of at least this, the jury has no verdict
SPOKEN = 0.8  # probability that stands for a word whose likelihood is unknown
SHOWN = 1500  # characters of the debate in the critique
CANDIDATES = ("Right", "Wrong")
SIDES = ("right", "wrong")
SYSTEM = (
    "You take part in a debate about a solution. You hold that its final answer is {side}. In at most three sentences, name the step "
    "that shows it by its number, and answer what the other side said."
)
JUDGE = (
    "You judge a debate about a solution. Both sides were told what to hold, so trust only what you can check in the steps. "
    "Answer with one word: Right if the final answer is right, Wrong if it is not."
)
_CITED = re.compile(r"\bstep\s{0,3}#?(\d{1,3})\b", re.I)
_SAID = re.compile(r"\b(right|wrong|correct|incorrect)\b", re.I)


@dataclass(frozen=True, slots=True)
class Turn:
    """``side`` is what its speaker holds the answer to be: right or wrong."""

    side: str
    text: str


@dataclass(frozen=True, slots=True)
class Held:
    """Debates of one answer, and the probability each judge gives that it is right; ``None`` for a reply that nobody can read."""

    debates: tuple[tuple[Turn, ...], ...]
    votes: tuple[float | None, ...]

    @property
    def soft_label(self) -> float | None:
        """The mean of the judges who gave a verdict."""
        known = [vote for vote in self.votes if vote is not None]
        return sum(known) / len(known) if known else None

    @property
    def spread(self) -> float:
        """The standard deviation over those judges."""
        known, mean = [vote for vote in self.votes if vote is not None], self.soft_label
        return sqrt(sum((vote - mean) ** 2 for vote in known) / len(known)) if known and mean is not None else 0.0


@REGISTRY.register("debate")
class DebateCritic:
    name = "debate"

    def __init__(self, generator: Generator, *, debates: int = DEBATES, turns: int = TURNS) -> None:
        self._generator, self._debates, self._turns = generator, debates, turns

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """One critique per solution. Raises ``NotAvailable`` when the backend cannot generate, ``GeneratorError`` when it fails."""
        if Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("debate needs a backend that generates text")
        return [[verdict(x, self.held(x))] if x.steps else [] for x in inputs]

    def held(self, x: CriticInput) -> Held:
        """All debates go on at the same time, so that a batch holds one turn of each."""
        seed = zlib.crc32(f"{x.question.prompt}\x00{x.answer}".encode("utf-8", "surrogatepass"))
        firsts = [random.Random(seed + number).randrange(2) for number in range(self._debates)]
        debates: list[list[Turn]] = [[] for _ in firsts]
        for turn in range(2 * self._turns):
            sides = [SIDES[(first + turn) % 2] for first in firsts]
            requests = [
                GenerationRequest(
                    self._turn(x, debate, side),
                    max_new_tokens=TOKENS,
                    temperature=TEMPERATURE,
                    seed=seed % 2**31 + 97 * number + turn,
                )
                for number, (debate, side) in enumerate(zip(debates, sides, strict=True))
            ]
            for debate, side, made in zip(debates, sides, self._generator.generate(requests), strict=True):
                debate.append(Turn(side, " ".join(made.text.split())))
        return Held(tuple(map(tuple, debates)), tuple(self._judged(x, debates)))

    def _turn(self, x: CriticInput, debate: Sequence[Turn], side: str) -> tuple[Message, ...]:
        number = 1 + sum(turn.side == side for turn in debate)
        asked = f"Your turn {number} of {self._turns}: hold that the answer is {side}."
        return Message("system", SYSTEM.format(side=side)), Message("user", f"{_shown(x, debate)}\n\n{asked}")

    def _judged(self, x: CriticInput, debates: Sequence[Sequence[Turn]]) -> list[float | None]:
        prompts = [
            (Message("system", JUDGE), Message("user", f"{_shown(x, debate)}\n\nRight or Wrong?")) for debate in debates
        ]
        if Capability.SCORE in self._generator.capabilities:
            scored = self._generator.score([ScoreRequest(one, CANDIDATES) for one in prompts])
            return [1 / (1 + exp(max(-500.0, min(500.0, wrong - right)))) for right, wrong in scored]
        replies = self._generator.generate([GenerationRequest(one, max_new_tokens=8) for one in prompts])
        return [_word(reply.text) for reply in replies]


def verdict(x: CriticInput, held: Held) -> Critique:
    """On the step that the accusers cite most, or the last one; neutral where the jury is divided or undecided."""
    right = held.soft_label
    step = x.steps[-1].index
    if right is None:
        return Critique(
            step, DebateCritic.name, StepLabel.NEUTRAL, "No judge of the debate gave a verdict that can be read.", 0.5
        )
    said = f"A jury of {len(held.votes)} finds the answer right with {right:.0%} (spread {held.spread:.0%})."
    label = StepLabel.RIGHT if right > 0.5 else StepLabel.WRONG
    if abs(right - 0.5) < UNDECIDED or held.spread >= DIVIDED:
        label = StepLabel.NEUTRAL
    elif label is StepLabel.WRONG:
        step = cited(x, held)
    return Critique(step, DebateCritic.name, label, f"{said}\n\n{transcript(held)}", max(right, 1 - right))


def cited(x: CriticInput, held: Held) -> int:
    """The step that those who hold the answer to be wrong name most often, the earliest of equals; the last one without any."""
    known = {step.index for step in x.steps}
    spoken = [turn.text for debate in held.debates for turn in debate if turn.side == "wrong"]
    named = Counter(int(n) - 1 for text in spoken for n in set(_CITED.findall(text)) if int(n) - 1 in known)
    return min(named, key=lambda index: (-named[index], index)) if named else x.steps[-1].index


def transcript(held: Held) -> str:
    """The debate whose judge is nearest to the jury's mean, a line per turn."""
    mean = held.soft_label or 0.5
    best = min(range(len(held.debates)), key=lambda n: abs((0.5 if (vote := held.votes[n]) is None else vote) - mean))
    return "\n".join(f"{turn.side.capitalize()}: {turn.text}" for turn in held.debates[best])[:SHOWN]


def _shown(x: CriticInput, debate: Sequence[Turn]) -> str:
    given = f"{x.question.context}\n\n{x.question.prompt}" if x.question.context else x.question.prompt
    steps = "\n".join(f"Step {step.index + 1}: {step.text}" for step in x.steps)
    told = "\n".join(f"The side that says {turn.side}: {turn.text}" for turn in debate)
    return f"Problem:\n{given}\n\nSolution:\n{steps}" + (f"\n\nThe debate so far:\n{told}" if told else "")


def _word(text: str) -> float | None:
    said = {word.casefold() in ("right", "correct") for word in _SAID.findall(text[:200])}
    return None if len(said) != 1 else SPOKEN if said.pop() else 1 - SPOKEN
