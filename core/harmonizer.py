"""The harmonizer of POLAR (paper 1): one small network fitted to many votes at once, so that no source has to be believed.

Each row has an embedding and one vote per source, -1 where it abstained. Per row and voting source the loss is the cross-entropy
of the network's class probabilities against the vote; a scalarizer makes one number of a row's losses, and rows without any vote
are left out. Different from the authors' code: early stopping watches the votes of held-out rows, never reference labels;
weight decay reaches the optimiser; two classes use a softmax like any other number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Family = Literal["lr", "mlp"]
Scalarizer = Literal["linear", "square", "2-norm", "max"]
Weights = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # (matrix (in, out), bias (out,)) per layer

HIDDEN, EPOCHS, PATIENCE, BATCH = 100, 100, 5, 64
LEARNING_RATE = {"lr": 1e-2, "mlp": 1e-3}
WEIGHT_DECAY, HELD_OUT = 1e-2, 0.15


@dataclass(frozen=True, slots=True)
class Harmonizer:
    """Fitted networks whose probabilities are averaged. ``probabilities`` needs numpy only, so that scoring loads no torch."""

    networks: tuple[Weights, ...]

    @property
    def width(self) -> int:
        """The length d of the embeddings that it reads."""
        return int(self.networks[0][0][0].shape[0])

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class probabilities (n, k) of embeddings (n, d)."""
        return np.asarray(np.mean([_probabilities(weights, x) for weights in self.networks], axis=0), dtype=np.float64)

    def state(self) -> list[list[dict[str, Any]]]:
        return [[{"matrix": m.tolist(), "bias": b.tolist()} for m, b in weights] for weights in self.networks]

    @classmethod
    def from_state(cls, networks: Sequence[Sequence[Mapping[str, Any]]]) -> Harmonizer:
        return cls(
            tuple(
                [(np.asarray(v["matrix"], np.float32), np.asarray(v["bias"], np.float32)) for v in layers]
                for layers in networks
            )
        )


def _probabilities(weights: Weights, x: NDArray[np.float32]) -> NDArray[np.float64]:
    hidden = x.astype(np.float64)
    for place, (matrix, bias) in enumerate(weights):
        hidden = hidden @ matrix.astype(np.float64) + bias.astype(np.float64)
        if place + 1 < len(weights):
            hidden = np.maximum(hidden, 0)
    hidden -= hidden.max(axis=1, keepdims=True)
    shares = np.exp(hidden)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def scalarize(losses: torch.Tensor, voted: torch.Tensor, weights: torch.Tensor, how: Scalarizer) -> torch.Tensor:
    """One loss per row from its losses (n, m), with ``voted`` (n, m) true where the source voted and weights (m,)."""
    weighted = losses * voted * weights
    if how == "linear":
        return weighted.sum(1)
    if how == "square":
        return weighted.sum(1) ** 2
    if how == "2-norm":
        return ((weighted**2).sum(1) + 1e-12) ** 0.5
    if how == "max":
        return weighted.max(1).values
    raise ValueError(f"no scalarizer is called {how!r}; there are: {', '.join(get_args(Scalarizer))}")


def fit(
    x: NDArray[np.float32],
    votes: NDArray[np.int64],
    n_classes: int,
    *,
    family: Family = "mlp",
    scalarizer: Scalarizer = "linear",
    seed: int = 0,
    networks: int = 1,
) -> Harmonizer:
    """Learn from embeddings (n, d) and votes (n, m). The same seed gives the same networks on the same machine.

    Each of the ``networks`` holds out other rows and begins elsewhere, so that their mean depends less on the seed.
    """
    return Harmonizer(
        tuple(_fitted(x, votes, n_classes, family, scalarizer, seed * networks + number) for number in range(networks))
    )


def _fitted(
    x: NDArray[np.float32], votes: NDArray[np.int64], n_classes: int, family: Family, scalarizer: Scalarizer, seed: int
) -> Weights:
    import torch

    voting = (votes >= 0).any(axis=1)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(voting))
    held = max(1, int(len(order) * HELD_OUT))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the matrices are tiny: a second thread only waits for the first
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = _network(x.shape[1], n_classes, family)
            data = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(votes)
            training = _Training(net, data, scalarizer, LEARNING_RATE[family])
            training.run(torch.from_numpy(order[held:]), torch.from_numpy(order[:held]))
    finally:
        torch.set_num_threads(threads)
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return [(_numpy(layer.weight.T), _numpy(layer.bias)) for layer in layers]


def _network(width: int, n_classes: int, family: Family) -> torch.nn.Sequential:
    from torch import nn

    if family == "lr":
        return nn.Sequential(nn.Linear(width, n_classes))
    if family == "mlp":
        return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_classes))
    raise ValueError(f"no harmonizer is called {family!r}; there are: {', '.join(get_args(Family))}")


class _Training:
    """AdamW on the votes, keeping the weights with the lowest loss on held-out votes."""

    def __init__(
        self, net: torch.nn.Sequential, data: tuple[torch.Tensor, torch.Tensor], how: Scalarizer, rate: float
    ) -> None:
        import torch

        self.net, self.how = net, how
        self.x, self.votes = data
        self.weights = torch.full((self.votes.shape[1],), 1 / self.votes.shape[1])
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)

    def loss(self, rows: torch.Tensor) -> torch.Tensor:
        import torch

        votes = self.votes[rows]
        logs = torch.log_softmax(self.net(self.x[rows]), dim=1)
        losses = -logs.gather(1, votes.clamp(min=0))
        return scalarize(losses, votes >= 0, self.weights, self.how).mean()

    def run(self, train: torch.Tensor, held: torch.Tensor) -> None:
        import torch

        best, waited = float("inf"), 0
        kept = {name: value.clone() for name, value in self.net.state_dict().items()}
        for _ in range(EPOCHS):
            for batch in torch.split(train[torch.randperm(len(train))], BATCH):
                self.optimiser.zero_grad()
                self.loss(batch).backward()  # type: ignore[no-untyped-call]
                self.optimiser.step()
            with torch.no_grad():
                now = float(self.loss(held))
            if now < best - 1e-6:
                best, waited = now, 0
                kept = {name: value.clone() for name, value in self.net.state_dict().items()}
            else:
                waited += 1
            if waited > PATIENCE:
                break
        self.net.load_state_dict(kept)


def _numpy(values: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().numpy(), dtype=np.float32)
