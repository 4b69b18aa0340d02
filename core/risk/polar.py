"""POLAR risk (paper 1): a harmonizer fitted to all votes gives the prior of an output, and what was said of it moves the prior.

The paper's score is 1 - h(x)[answer], a function of the text alone: two outputs that read alike get one score whatever was voted
on them, and where the text says nothing (a slip in a sum) h is flat. So here h(x) is the prior, and every vote at hand adds its
log-likelihood ratio "answer wrong : answer right". How often a source says what, given the true class, is learnt by expectation
maximisation with h(x) as the fixed prior of each row (never from reference answers), with pseudo-counts of a source that is right
in 7 of 10 votes: a source that the others contradict soon counts for nothing, or against itself. Abstentions move nothing.

The harmonizer has seen the same votes, and sources that read the same words repeat each other, all the more so when they are many
narrow rules over many labels. Both are therefore dampened: the prior is h(x) to a power, and a vote counts a part of its ratio
(``DAMPED``, for two classes and for more; measured, see BENCHMARKS.md). Where people have reviewed enough, ``tune`` may choose
others. Where answers differ, the model's own answer is one more source: how often it says what, given the true class, is counted
once under what all others say, so that it cannot confirm itself. Where every row answers alike ("acceptable") the own answer says
nothing; there it only teaches h, as in the paper.
Drivers are the ratios: they sum exactly to log-odds(score) - log-odds(prior).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core import harmonizer
from core.harmonizer import Family, Harmonizer, Scalarizer
from core.risk.base import REGISTRY, RiskRow, Scored
from core.risk.calibrators import held_out_loss, surely_lowest

if TYPE_CHECKING:
    from core.encoder_harmonizer import EncoderHarmonizer

MODEL = "model"  # the source that stands for the model's own answer
FEWEST_ROWS = 20
ROUNDS, ASSUMED = 10, 0.7
PSEUDO = {True: 20.0, False: 40.0}  # imagined rows per class, for two classes and for more
OWN_PSEUDO = 10.0
NETWORKS = 5  # averaged: one alone depends on its seed by .02 of R^2
Shares = tuple[float, float, float]  # power of h, weight of a vote, weight of the model's own answer
DAMPED: Mapping[bool, Shares] = {True: (1.0, 0.7, 1.0), False: (0.5, 0.1, 1.0)}  # for two classes and for more
OTHERS: Mapping[bool, tuple[Shares, ...]] = {
    True: ((1.0, 0.35, 1.0), (1.0, 1.0, 1.0), (0.5, 0.7, 1.0), (1.0, 0.7, 0.5), (1.0, 0.7, 0.0)),
    False: ((0.3, 0.2, 1.0), (0.7, 0.1, 1.0), (1.0, 0.1, 1.0), (1.0, 0.1, 0.5), (1.0, 0.1, 0.0), (0.7, 0.3, 0.5)),
}
FORMAT = 3

Floats = NDArray[np.float64]
Votes = NDArray[np.int64]


@REGISTRY.register("polar")
class PolarRisk:
    """``family``: "lr" (one linear layer), "mlp" (one hidden layer) or "encoder"; ``scalarizer``: how a row's losses become one.

    "encoder" fine-tunes ``encoder`` (a folder or model id) on the rows' texts and keeps its weights in ``folder``: for a GPU worker.
    """

    name = "polar"

    def __init__(
        self,
        family: Family | Literal["encoder"] = "lr",
        scalarizer: Scalarizer = "linear",
        encoder: str | Path | None = None,
        folder: Path | None = None,
    ) -> None:
        if family not in (*get_args(Family), "encoder") or scalarizer not in get_args(Scalarizer):
            raise ValueError(f"polar has no {family!r} with {scalarizer!r}")
        self.family, self.scalarizer = family, scalarizer
        self._encoder, self._folder = encoder, folder
        self._network: Harmonizer | EncoderHarmonizer | None = None
        self._classes = 2
        self._damped = DAMPED[True]
        self._ratios: dict[str, Floats] = {}  # source -> log P(vote | class), shape (class, vote)

    def fit(self, rows: Sequence[RiskRow], n_classes: int, seed: int = 0) -> None:
        """Learn from votes alone. ``ValueError`` below 20 rows that some source voted on; see ``vote_share`` for those."""
        sources = sorted({source for row in rows for source in row.votes if source != MODEL})
        votes = vote_matrix(rows, sources)
        heard = np.flatnonzero((votes >= 0).any(axis=1))
        if len(heard) < FEWEST_ROWS or n_classes < 2:
            raise ValueError(f"POLAR needs {FEWEST_ROWS} outputs with a vote to learn from; there are {len(heard)}.")
        own = np.array([row.answer for row in rows], dtype=np.int64)
        alike, self._classes, self._damped = (
            bool((own[heard] == own[heard[0]]).all()),
            n_classes,
            DAMPED[n_classes == 2],
        )
        taught = np.hstack([votes, own[:, None]]) if alike else votes
        self._network = self._fitted([rows[place] for place in heard.tolist()], taught[heard], seed)
        prior = self._shares(rows)
        self._ratios = dict(zip(sources, reliability(prior, votes), strict=True))
        if not alike:
            self._ratios[MODEL] = own_rates(_posterior(prior, votes, [self._ratios[s] for s in sources]), own)

    def prior(self, rows: Sequence[RiskRow]) -> Floats:
        """The paper's own score from the dampened harmonizer, 1 - h(x)[answer], shape (n,)."""
        shares = self._shares(rows)
        return 1 - shares[np.arange(len(rows)), [row.answer for row in rows]]

    def _fitted(self, rows: Sequence[RiskRow], votes: Votes, seed: int) -> Harmonizer | EncoderHarmonizer:
        if self.family != "encoder":
            x = np.stack([row.embedding for row in rows]).astype(np.float32)
            options: dict[str, Any] = {"scalarizer": self.scalarizer, "seed": seed, "networks": NETWORKS}
            return harmonizer.fit(x, votes, self._classes, family=self.family, **options)
        from core import encoder_harmonizer

        if self._encoder is None or self._folder is None:
            raise ValueError("an encoder to fine-tune and a folder for its weights are needed")
        texts = [row.text for row in rows]
        where: dict[str, Any] = {"encoder": self._encoder, "folder": self._folder}
        return encoder_harmonizer.fit(texts, votes, self._classes, scalarizer=self.scalarizer, seed=seed, **where)

    def _probabilities(self, rows: Sequence[RiskRow]) -> Floats:
        """The harmonizer's class probabilities (n, k)."""
        if self._network is None:
            raise ValueError("fit or load the risk model first")
        if isinstance(self._network, Harmonizer):
            return self._network.probabilities(np.stack([row.embedding for row in rows]).astype(np.float32))
        return self._network.probabilities([row.text for row in rows])

    def _shares(self, rows: Sequence[RiskRow]) -> Floats:
        """Prior class probabilities (n, k): the harmonizer's, dampened."""
        shares = np.clip(self._probabilities(rows), 1e-9, 1.0) ** self._damped[0]
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def score(self, rows: Sequence[RiskRow]) -> list[Scored]:
        if not rows:
            return []
        logs = np.log(self._shares(rows))
        answers = np.array([row.answer for row in rows])
        drivers: list[list[tuple[str, float]]] = [[] for _ in rows]
        odds = _odds_against(logs, answers)
        for source in sorted(self._ratios):  # in turn: a ratio over many classes depends on what was heard before
            said = answers if source == MODEL else np.array([row.votes.get(source, -1) for row in rows])
            heard = np.flatnonzero((said >= 0) & (said < logs.shape[1]))
            logs[heard] += self._weight(source) * self._ratios[source][:, said[heard]].T
            moved = _odds_against(logs[heard], answers[heard])
            for place, change in zip(heard.tolist(), (moved - odds[heard]).tolist(), strict=True):
                drivers[place].append((source, change))
            odds[heard] = moved
        values = (1 / (1 + np.exp(-np.clip(odds, -500, 500)))).tolist()
        return [
            Scored(value, tuple(sorted(moved, key=lambda d: (-abs(d[1]), d[0]))))
            for value, moved in zip(values, drivers, strict=True)
        ]

    def _weight(self, source: str) -> float:
        """How much of its log-likelihood ratio a source's vote counts."""
        return self._damped[2] if source == MODEL else self._damped[1]

    def vote_loss(self, rows: Sequence[RiskRow]) -> float:
        """Mean -log h(x)[vote] over the votes of rows that taught nothing: how versions are compared without any gold label."""
        if self._network is None or not rows:
            raise ValueError("fit or load the risk model first, and hold some rows out")
        if isinstance(self._network, Harmonizer) and len(rows[0].embedding) != self._network.width:
            raise ValueError("these vectors are of another encoder than the model's")
        shares = np.clip(self._probabilities(rows), 1e-6, 1.0)
        heard = [(i, vote) for i, row in enumerate(rows) for s, vote in row.votes.items() if vote >= 0 and s != MODEL]
        if not heard or max(vote for _, vote in heard) >= shares.shape[1]:
            raise ValueError("there are no votes on these rows that the model knows")
        return float(-np.mean([np.log(shares[i, vote]) for i, vote in heard]))

    def tune(self, rows: Sequence[RiskRow], wrong: Floats) -> None:
        """Choose how much prior, votes and own answer count, from what people said of ``rows``; stays where nothing is surely better.

        Compared by the held-out log-loss of the calibrated risk, so that only the order and the shape of risks count.
        """
        losses: dict[Shares, Floats] = {}
        usual, weights = self._damped, np.ones(len(rows))
        for shares in (usual, *OTHERS[self._classes == 2]):
            self._damped = shares
            risks = np.array([scored.value for scored in self.score(rows)])
            losses[shares] = held_out_loss("platt", risks, wrong, weights)
        self._damped = surely_lowest(losses, usual, weights)

    def accuracies(self) -> dict[str, float]:
        """How often each source is right when it votes, as learnt: the paper's doubt about sources, from the other side."""
        found = {}
        for source, logs in self._ratios.items():
            rates = np.exp(logs)
            found[source] = float(np.trace(rates) / rates.sum())
        return found

    def state(self) -> dict[str, Any]:
        if self._network is None:
            raise ValueError("fit the risk model first")
        ratios = {source: logs.tolist() for source, logs in self._ratios.items()}
        kind = {"name": self.name, "format": FORMAT, "family": self.family, "scalarizer": self.scalarizer}
        kept = (
            {"networks": self._network.state()}
            if isinstance(self._network, Harmonizer)
            else {"folder": str(self._folder)}
        )
        return {**kind, "classes": self._classes, "damped": list(self._damped), **kept, "ratios": ratios}

    def load(self, state: Mapping[str, Any]) -> None:
        """``ValueError`` for another version, ``EncoderError`` where a fine-tuned encoder's folder is not on this machine."""
        if state.get("name") != self.name or state.get("format") != FORMAT:
            raise ValueError("this is not a saved POLAR model of this version: fit it again")
        self.family, self.scalarizer = state["family"], state["scalarizer"]
        self._classes = int(state["classes"])
        power, vote, own = map(float, state["damped"])
        self._damped = (power, vote, own)
        if self.family == "encoder":
            from core.encoder_harmonizer import EncoderHarmonizer

            self._folder = Path(state["folder"])
            self._network = EncoderHarmonizer.load(self._folder)
        else:
            self._network = Harmonizer.from_state(state["networks"])
        self._ratios = {source: np.asarray(logs, np.float64) for source, logs in state["ratios"].items()}


def vote_matrix(rows: Sequence[RiskRow], sources: Sequence[str]) -> Votes:
    """Votes (n, m) by the order of ``sources``, -1 for an abstention."""
    return np.array([[row.votes.get(source, -1) for source in sources] for row in rows], dtype=np.int64).reshape(
        len(rows), -1
    )


def reliability(prior: Floats, votes: Votes) -> list[Floats]:
    """Per source log P(vote | class), shape (class, vote), by expectation maximisation under each row's prior (n, k)."""
    k = prior.shape[1]
    assumed = np.full((k, k), np.log((1 - ASSUMED) / (k - 1)))
    np.fill_diagonal(assumed, np.log(ASSUMED))
    ratios = [assumed] * votes.shape[1]
    for _ in range(ROUNDS):
        belief = _posterior(prior, votes, ratios)
        ratios = [_rates(belief, votes[:, j], k) for j in range(votes.shape[1])]
    return ratios


def own_rates(belief: Floats, own: NDArray[np.int64]) -> Floats:
    """Log P(the model's answer | class), shape (class, answer), from beliefs (n, k); shrunk to how often it gives each answer at all.

    Rows without an answer (-1) are left out.
    """
    k = belief.shape[1]
    belief, own = belief[own >= 0], own[own >= 0]
    counts = np.stack([belief[own == v].sum(axis=0) for v in range(k)], axis=1)
    usual = (counts.sum(axis=0) + 1e-3) / (len(own) + k * 1e-3)
    return np.asarray(np.log((counts + OWN_PSEUDO * usual) / (counts.sum(axis=1, keepdims=True) + OWN_PSEUDO)))


def _posterior(prior: Floats, votes: Votes, ratios: Sequence[Floats]) -> Floats:
    logs = np.log(np.clip(prior, 1e-9, 1))
    for j, ratio in enumerate(ratios):
        voted = votes[:, j] >= 0
        logs[voted] += ratio[:, votes[voted, j]].T
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _odds_against(logs: Floats, answers: NDArray[np.int64]) -> Floats:
    """Log-odds that the class is another than the answer, from unnormalised log-beliefs (n, k)."""
    rows = np.arange(len(logs))
    right = logs[rows, answers]
    others = logs.copy()
    others[rows, answers] = -np.inf
    top = others.max(axis=1)
    return np.asarray(top + np.log(np.exp(others - top[:, None]).sum(axis=1)) - right)


def _rates(belief: Floats, votes: NDArray[np.int64], k: int) -> Floats:
    """Log-rates of one source's votes; ``PSEUDO`` imagined rows per class are voted on as often as the real ones, 7 of 10 rightly."""
    counts = np.stack([belief[votes == v].sum(axis=0) for v in range(k)], axis=1)
    usual, pseudo = np.maximum(counts.sum(axis=0), 0.5) / len(votes), PSEUDO[k == 2]
    imagined = np.full((k, k), k * (1 - ASSUMED) / (k - 1))
    np.fill_diagonal(imagined, k * ASSUMED)
    rates = (counts + pseudo * usual * imagined) / (belief.sum(axis=0)[:, None] + pseudo)
    return np.asarray(np.log(rates))
