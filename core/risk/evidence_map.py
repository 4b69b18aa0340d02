"""Where to look: attention over an answer's steps, learned from verdicts on whole answers alone (ABMILX, paper 28).

A bag is the vectors of an answer's steps, its label whether people found the answer faulty; nobody has to say which step. As in the
paper: h = GELU(W x), split into heads; each head scores every step with a small network; the refinement A+ adds to each score what
similar steps scored, a + softmax(Q K^T / sqrt(d)) w a; a softmax over the steps weighs their sum, from which one linear layer
reads the verdict. Different from the paper: the encoder is fixed and the layers are small (64 instead of 512), since there are
hundreds of bags and not thousands, and training stops on the loss of held-out verdicts.

The heat of a step is its attention averaged over the heads: a hint, no finding. ``against_chance`` says how often the hottest steps
hold the step that people marked; below ``FEWEST_MARKED`` marks, or where the interval of hit rate minus chance reaches zero, the
heat is not to be shown (``Hits.above_chance``). Training needs torch, scoring numpy alone, and the state is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

HIDDEN, HEADS, SCORER = 64, 4, 16
EPOCHS, PATIENCE, BATCH, RATE, DECAY, DROPOUT, HELD_OUT = 60, 8, 32, 5e-3, 1e-2, 0.25, 0.15
LEARNED = 0.01  # a held-out loss below which nothing is left to learn
FEWEST_BAGS, FEWEST_OF_EACH = 60, 15  # reviewed answers, and of each verdict, before there is something to learn from
FEWEST_MARKED = 30  # marked steps before hit rate and chance are compared
FOLDS, ROUNDS = 3, 2000
INTERVAL = (0.5, 99.5)  # 99 %, not 95: the question is asked anew after every fit, and one lucky answer would be enough
FORMAT = 1

Floats = NDArray[np.float64]
Bag = NDArray[np.floating]  # (steps, d)
_ERF = np.vectorize(erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class EvidenceMap:
    """A fitted map. ``weights`` are W (d, HIDDEN), b, V and c and u of the heads' scorers, Q, K, w of A+, and the reader's z, z0."""

    weights: Mapping[str, NDArray[np.float32]]
    refined: bool = True  # with A+

    def score(self, bag: Bag) -> tuple[float, Floats]:
        """Logit of "faulty" and the heat (n,) of an answer's steps (n, d), which sums to 1."""
        w = {name: values.astype(np.float64) for name, values in self.weights.items()}
        hidden = _gelu(np.asarray(bag, np.float64) @ w["W"] + w["b"])
        heads = hidden.reshape(len(bag), w["u"].shape[0], -1).transpose(1, 0, 2)  # (heads, n, width)
        scores = (np.tanh(heads @ w["V"] + w["c"][:, None]) * w["u"][:, None]).sum(-1)
        if self.refined:
            alike = (heads @ w["Q"]) @ (heads @ w["K"]).transpose(0, 2, 1) / sqrt(w["Q"].shape[-1])
            scores = scores + (_softmax(alike) @ (w["w"][:, None] * scores)[..., None])[..., 0]
        attention = _softmax(scores)
        pooled = (attention[..., None] * heads).sum(1).reshape(-1)
        return float(pooled @ w["z"] + w["z0"][0]), np.asarray(attention.mean(0))

    def state(self) -> dict[str, Any]:
        """JSON numbers; ``load`` restores exactly what a float32 holds to seven digits."""
        rounded = {name: np.char.mod("%.7g", values).astype(np.float64) for name, values in self.weights.items()}
        weights = {name: values.tolist() for name, values in rounded.items()}
        return {"format": FORMAT, "refined": self.refined, "weights": weights}

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> EvidenceMap:
        """Raises ``ValueError`` on a state that is not of this version."""
        if state.get("format") != FORMAT:
            raise ValueError("this is not a saved evidence map of this version: fit it again")
        return cls({name: np.asarray(v, np.float32) for name, v in state["weights"].items()}, bool(state["refined"]))


def heat(state: Mapping[str, Any] | None, step_vectors: Bag) -> list[float] | None:
    """Heat per step, summing to 1; ``None`` without a map, for a single step, and for vectors of another encoder's length."""
    if not state or len(step_vectors) < 2:
        return None
    fitted = EvidenceMap.load(state)
    if step_vectors.shape[1] != fitted.weights["W"].shape[0]:
        return None
    return [float(share) for share in fitted.score(step_vectors)[1]]


def enough(faulty: Sequence[bool]) -> bool:
    """Whether there is enough to learn from: bags, and bags of each verdict."""
    wrong = sum(faulty)
    return len(faulty) >= FEWEST_BAGS and min(wrong, len(faulty) - wrong) >= FEWEST_OF_EACH


def fit(bags: Sequence[Bag], faulty: Sequence[bool], *, refined: bool = True, seed: int = 0) -> EvidenceMap:
    """Learn from bags (n_i, d) and their verdicts. Raises ``ValueError`` below ``FEWEST_BAGS``, or with too few of one verdict.

    One thread, a few seconds for some hundred bags; the same seed gives the same map on the same machine.
    """
    if not enough(faulty) or len(bags) != len(faulty):
        raise ValueError(
            f"an evidence map needs {FEWEST_BAGS} reviewed answers, {FEWEST_OF_EACH} of each verdict; there are "
            f"{len(faulty)}, {sum(faulty)} of them faulty"
        )
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            training = _Training(_padded(bags), torch.tensor(faulty, dtype=torch.float32), refined)
            training.run(*_halves(faulty, seed))
            found = {name: np.ascontiguousarray(v.detach().numpy()) for name, v in training.weights.items()}
    finally:
        torch.set_num_threads(threads)
    return EvidenceMap(found, refined)


def cross_heats(
    bags: Sequence[Bag], faulty: Sequence[bool], wanted: Sequence[int], *, refined: bool = True, seed: int = 0
) -> dict[int, Floats]:
    """Heat of the ``wanted`` bags, each from a map that has not seen its verdict. Folds are drawn by ``seed``."""
    fold = np.random.default_rng(seed).permutation(len(bags)) % FOLDS
    found: dict[int, Floats] = {}
    for number in range(FOLDS):
        mine = [place for place in wanted if fold[place] == number]
        rest = [int(place) for place in np.flatnonzero(fold != number)]
        if mine and enough([faulty[place] for place in rest]):
            fitted = fit([bags[p] for p in rest], [faulty[p] for p in rest], refined=refined, seed=seed + number)
            found |= {place: fitted.score(bags[place])[1] for place in mine}
    return found


# --- against people's marks


@dataclass(frozen=True, slots=True)
class Hits:
    """How often the hottest steps hold the first wrong step that people marked, beside drawing steps at random.

    ``gain_k`` is hit@k minus chance with its 99 % interval; both are means over the marked answers.
    """

    n: int
    hit_1: float
    hit_3: float
    chance_1: float
    chance_3: float
    gain_1: tuple[float, float, float]  # mean, low, high
    gain_3: tuple[float, float, float]

    @property
    def above_chance(self) -> bool:
        """Whether the heat may be shown: the hottest step alone is the marked one more often than chance would have it."""
        return self.n >= FEWEST_MARKED and self.gain_1[1] > 0


def against_chance(heats: Sequence[Floats | Sequence[float]], marked: Sequence[int], seed: int = 0) -> Hits:
    """Hit rates of heats (n_i,) against marked steps. Equal heats are ranked by place; an answer of one step says nothing."""
    pairs = [(np.asarray(h), m) for h, m in zip(heats, marked, strict=True) if len(h) > 1]
    if not pairs:
        nothing = (0.0, 0.0, 0.0)
        return Hits(0, 0.0, 0.0, 0.0, 0.0, nothing, nothing)
    hit = {k: np.array([mark in _hottest(h, k) for h, mark in pairs], float) for k in (1, 3)}
    chance = {k: np.array([min(k, len(h)) / len(h) for h, _ in pairs]) for k in (1, 3)}
    gains = {k: _interval(hit[k] - chance[k], seed) for k in (1, 3)}
    hit_1, hit_3, chance_1, chance_3 = (float(values.mean()) for values in (hit[1], hit[3], chance[1], chance[3]))
    return Hits(len(pairs), hit_1, hit_3, chance_1, chance_3, gains[1], gains[3])


def _hottest(heats: Floats, k: int) -> list[int]:
    return [int(place) for place in np.argsort(-heats, kind="stable")[:k]]


def _interval(values: Floats, seed: int) -> tuple[float, float, float]:
    """Mean with its bootstrap interval."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (ROUNDS, len(values)))].mean(axis=1)
    low, high = np.percentile(means, INTERVAL)
    return float(values.mean()), float(low), float(high)


# --- training


def _halves(faulty: Sequence[bool], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places for training and for early stopping, with both verdicts in each."""
    import torch

    rng = np.random.default_rng(seed)
    held: list[int] = []
    for verdict in (False, True):
        places = rng.permutation([place for place, said in enumerate(faulty) if said is verdict])
        held += places[: max(2, int(len(places) * HELD_OUT))].tolist()
    train = [place for place in range(len(faulty)) if place not in set(held)]
    return torch.tensor(train), torch.tensor(held)


def _padded(bags: Sequence[Bag]) -> tuple[torch.Tensor, torch.Tensor]:
    """Bags as one tensor (bags, longest, d) and which places hold a step."""
    import torch

    longest = max(map(len, bags))
    x = np.zeros((len(bags), longest, bags[0].shape[1]), np.float32)
    there = np.zeros((len(bags), longest), bool)
    for place, bag in enumerate(bags):
        x[place, : len(bag)], there[place, : len(bag)] = bag, True
    return torch.from_numpy(x), torch.from_numpy(there)


class _Training:
    """AdamW on verdicts, keeping the weights with the lowest loss on held-out verdicts."""

    def __init__(self, bags: tuple[torch.Tensor, torch.Tensor], faulty: torch.Tensor, refined: bool) -> None:
        import torch

        (self.x, self.there), self.faulty, self.refined = bags, faulty, refined
        d, width = self.x.shape[2], HIDDEN // HEADS

        def drawn(*shape: int) -> torch.Tensor:
            return (torch.randn(*shape) * 2 / sqrt(shape[-2])).requires_grad_()

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(*shape).requires_grad_()

        self.weights = {
            "W": drawn(d, HIDDEN),
            "b": zeros(HIDDEN),
            "V": drawn(HEADS, width, SCORER),
            "c": zeros(HEADS, SCORER),
            "u": drawn(HEADS, SCORER),
            "Q": drawn(HEADS, width, width),
            "K": drawn(HEADS, width, width),
            "w": torch.full((HEADS,), 0.5).requires_grad_(),
            "z": zeros(HIDDEN),
            "z0": zeros(1),
        }
        self.optimiser = torch.optim.AdamW(list(self.weights.values()), lr=RATE, weight_decay=DECAY)

    def logits(self, rows: torch.Tensor, *, training: bool) -> torch.Tensor:
        """The same sum as ``EvidenceMap.score``, over padded bags (b, n, d)."""
        import torch
        from torch.nn import functional

        w, x, there = self.weights, self.x[rows], self.there[rows][:, None]
        longest = int(there.sum(-1).max())
        x, there = x[:, :longest], there[..., :longest]
        hidden = functional.gelu(x @ w["W"] + w["b"])
        hidden = functional.dropout(hidden, DROPOUT, training)
        heads = hidden.reshape(*hidden.shape[:2], HEADS, -1).transpose(1, 2)  # (b, heads, n, width)
        scores = (torch.tanh(heads @ w["V"] + w["c"][:, None]) * w["u"][:, None]).sum(-1)
        if self.refined:
            alike = (heads @ w["Q"]) @ (heads @ w["K"]).transpose(2, 3) / sqrt(w["Q"].shape[-1])
            shares = torch.softmax(alike.masked_fill(~there[:, :, None], float("-inf")), -1)
            scores = scores + (shares @ (w["w"][:, None] * scores)[..., None])[..., 0]
        attention = torch.softmax(scores.masked_fill(~there, float("-inf")), -1)
        pooled = (attention[..., None] * heads).sum(2).reshape(len(rows), -1)
        return pooled @ w["z"] + w["z0"]

    def loss(self, rows: torch.Tensor, *, training: bool) -> torch.Tensor:
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(self.logits(rows, training=training), self.faulty[rows])

    def run(self, train: torch.Tensor, held: torch.Tensor) -> None:
        import torch

        best, waited = float("inf"), 0
        kept = {name: values.detach().clone() for name, values in self.weights.items()}
        for _ in range(EPOCHS):
            for batch in torch.split(train[torch.randperm(len(train))], BATCH):
                self.optimiser.zero_grad()
                self.loss(batch, training=True).backward()  # type: ignore[no-untyped-call]
                self.optimiser.step()
            with torch.no_grad():
                now = float(self.loss(held, training=False))
            if now < best - 1e-4:
                best, waited = now, 0
                kept = {name: values.detach().clone() for name, values in self.weights.items()}
            else:
                waited += 1
            if waited > PATIENCE or best < LEARNED:
                break
        self.weights = kept


def _gelu(x: Floats) -> Floats:
    return np.asarray(x * 0.5 * (1 + _ERF(x / sqrt(2))))


def _softmax(x: Floats) -> Floats:
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
