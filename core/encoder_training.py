"""How the fine-tuned harmonizer of POLAR (paper 1) learns: AdamW on votes, stopped by held-out votes, from a seed.

Different from the authors' code: early stopping never sees reference labels, and weight decay reaches the optimiser.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.encoder_network import EncoderError, Network, Tokens, batches
from core.harmonizer import HELD_OUT, Scalarizer, scalarize

if TYPE_CHECKING:
    import torch

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 100, 16, 1e-5, 1e-4  # the paper's; rate and decay are of its grid
LONGEST_GRADIENT = 1.0


def split(votes: NDArray[np.int64], seed: int) -> tuple[list[int], list[int]]:
    """Rows with a vote, to learn from and to stop by."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero((votes >= 0).any(axis=1))).tolist()
    held = max(1, int(len(order) * HELD_OUT))
    return order[held:], order[:held]


def optimiser_of(parts: torch.nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """AdamW; biases and norms do not decay."""
    import torch

    matrices = [value for value in parts.parameters() if value.ndim > 1]
    others = [value for value in parts.parameters() if value.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], lr=rate
    )


@dataclass(frozen=True, slots=True)
class Training:
    network: Network
    rows: Sequence[Tokens]
    votes: NDArray[np.int64]
    how: Scalarizer
    optimiser: torch.optim.Optimizer
    batch_size: int
    check: Callable[[], None] | None

    def run(
        self, train: list[int], held: list[int], epochs: int, patience: int, draw: np.random.Generator
    ) -> list[float]:
        """Train until the held-out votes get no likelier, then put the best weights back. Returns the held-out losses."""
        parts, losses, best = self.network.parts, list[float](), math.inf
        kept: dict[str, torch.Tensor] = {}
        waited = 0
        for _ in range(epochs):
            self._epoch(draw.permutation(train).tolist())
            losses.append(self._held_out(held))
            if not math.isfinite(losses[-1]):
                raise EncoderError("The training diverged: the loss is no number any more. Lower the learning rate.")
            waited += 1
            if losses[-1] < best:
                best, waited = losses[-1], 0
                kept = {name: value.detach().to("cpu", copy=True) for name, value in parts.state_dict().items()}
            if waited > patience:
                break
        parts.load_state_dict(kept)
        parts.eval()
        return losses

    def _epoch(self, rows: list[int]) -> None:
        import torch

        self.network.parts.train()
        for batch in self._batches(rows):
            self.optimiser.zero_grad()
            self._losses(batch).mean().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parts.parameters(), LONGEST_GRADIENT)
            self.optimiser.step()

    def _held_out(self, rows: list[int]) -> float:
        import torch

        self.network.parts.eval()
        with torch.inference_mode():
            return sum(float(self._losses(batch).sum()) for batch in self._batches(rows)) / len(rows)

    def _losses(self, batch: Sequence[int]) -> torch.Tensor:
        """One loss per row, from those of its votes."""
        import torch

        scores = self.network.logits([self.rows[place] for place in batch])
        votes = torch.from_numpy(self.votes[batch]).to(scores.device)
        losses = -torch.log_softmax(scores, dim=1).gather(1, votes.clamp(min=0))
        weights = torch.full((votes.shape[1],), 1 / votes.shape[1], device=scores.device)
        return scalarize(losses, votes >= 0, weights, self.how)

    def _batches(self, rows: list[int]) -> Iterator[Sequence[int]]:
        for batch in batches(rows, self.batch_size):
            if self.check:
                self.check()
            yield batch


@contextlib.contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Torch's draws from the seed, without moving anybody else's; on CUDA deterministic kernels too, where there are any."""
    import torch

    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts; else its sums vary
    former = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if on_gpu else []):
        torch.manual_seed(seed)
        if on_gpu:
            torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            if on_gpu:
                torch.use_deterministic_algorithms(former[0], warn_only=former[1])
