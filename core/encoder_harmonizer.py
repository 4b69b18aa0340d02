"""The fine-tuned harmonizer of POLAR (paper 1), for a GPU worker: the whole encoder learns from the votes, not a layer on its vectors.

Loss, scalarizers and early stopping on held-out votes (never gold) are those of ``core.harmonizer``; the paper recommends "square"
for encoders. Optimised by AdamW with clipped gradients, weight decay on matrices only. The same seed gives the same weights on one
machine, as long as no other thread of the process draws from torch's generator meanwhile.
On CUDA the encoder works in bfloat16 where the device can. That path is unproven: it was written without a GPU at hand. What is
tested is the CPU, in float32 and under the same bfloat16 autocast.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bundled import sha256_of
from core.encoder_network import Dtype, EncoderError, Network, Spans, batches, build
from core.encoder_training import (
    BATCH,
    EPOCHS,
    LEARNING_RATE,
    WEIGHT_DECAY,
    Training,
    optimiser_of,
    seeded,
    split,
)
from core.harmonizer import PATIENCE, Scalarizer
from core.turns import TurnLock

FORMAT = 1
ABOUT, HEAD, ENCODER = "harmonizer.json", "head.safetensors", "encoder"
NEW, FORMER = "new", "former"  # within the folder that a save works in


@dataclass(frozen=True, slots=True)
class About:
    """How a harmonizer was made. ``losses`` are those of the held-out votes after each epoch; the lowest one's weights were kept."""

    encoder: str
    classes: int
    entities: int
    scalarizer: Scalarizer
    seed: int
    losses: tuple[float, ...]

    @property
    def best(self) -> int:
        """The epoch, from 0, whose weights were kept."""
        return int(np.argmin(self.losses))


@dataclass(frozen=True, slots=True)
class EncoderHarmonizer:
    """A fine-tuned encoder with its head. Thread-safe; callers take turns, so that one batch at a time is on the device."""

    network: Network
    about: About
    _turn: TurnLock = field(default_factory=TurnLock, repr=False, compare=False)

    def probabilities(
        self, texts: Sequence[str], spans: Spans | None = None, *, batch_size: int = 32
    ) -> NDArray[np.float64]:
        """Class probabilities (n, k). ``spans`` as in ``fit``; texts beyond the encoder's window are cut there."""
        import torch

        found = np.empty((len(texts), self.about.classes))
        with self._turn, torch.inference_mode():
            rows = self.network.tokens(texts, spans)
            # like lengths together: less padding
            order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
            for batch in batches(order, batch_size):
                scores = self.network.logits([rows[place] for place in batch])
                found[batch] = torch.softmax(scores.double(), dim=1).cpu().numpy()
        return found

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer and their hashes; the folder gets its name when it is whole, in place of a former one."""
        _check_target(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob(f"{folder.name}.part-*"):  # of a killed process; two never write one folder
            shutil.rmtree(leftover)
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
        try:
            self._write(part / NEW)
            if folder.exists():
                folder.rename(part / FORMER)  # so that no moment has half a folder under the name
            (part / NEW).rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _write(self, target: Path) -> None:
        from safetensors.torch import save_file

        parts = self.network.parts
        encoder: Any = parts["encoder"]
        encoder.save_pretrained(target / ENCODER)
        self.network.tokenizer.save_pretrained(target / ENCODER)
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in parts["head"].state_dict().items()},
            target / HEAD,
        )
        files = {name: sha256_of(target / name) for name in _files(target)}
        for name in files:
            with (target / name).open("rb+") as file:
                os.fsync(file.fileno())
        body = {"format": FORMAT, "about": asdict(self.about), "sha256": files}
        (target / ABOUT).write_text(json.dumps(body, indent=1), "utf-8")

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto", dtype: Dtype = "auto") -> EncoderHarmonizer:
        """What ``save`` wrote; ``EncoderError`` when it is missing, of another version, or not the bytes that were written."""
        from safetensors.torch import load_file

        about = _read_about(folder)
        network = build(folder / ENCODER, about.classes, about.entities, device, dtype, only_local=True)
        network.parts["head"].load_state_dict(load_file(folder / HEAD))
        network.parts.eval()
        return cls(network, about)


def fit(
    texts: Sequence[str],
    votes: NDArray[np.int64],
    n_classes: int,
    *,
    encoder: str | Path,
    folder: Path,
    spans: Spans | None = None,
    scalarizer: Scalarizer = "square",
    device: str = "auto",
    dtype: Dtype = "auto",
    epochs: int = EPOCHS,
    patience: int = PATIENCE,
    batch_size: int = BATCH,
    learning_rate: float = LEARNING_RATE,
    weight_decay: float = WEIGHT_DECAY,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> EncoderHarmonizer:
    """Fine-tune ``encoder`` (a folder or model id) on votes (n, m), -1 where a source abstained, and save it in ``folder``.

    ``spans``: per text the (start, end) characters of each entity, as many in every text. ``check`` is called before every batch;
    what it raises ends the work and leaves ``folder`` as it was. ``ValueError`` on input that can't be learnt from.
    """
    _check_input(texts, votes, n_classes, epochs, batch_size)
    _check_target(folder)
    train, held = split(votes, seed)
    entities = len(spans[0]) if spans else 0
    with seeded(seed, device):
        network = build(encoder, n_classes, entities, device, dtype)
        rows = network.tokens(texts, spans, check)
        optimiser = optimiser_of(network.parts, learning_rate, weight_decay)
        training = Training(network, rows, votes, scalarizer, optimiser, batch_size, check)
        losses = training.run(train, held, epochs, patience, np.random.default_rng(seed))
    if check:
        check()
    name = Path(encoder).name if Path(encoder).is_dir() else str(encoder)
    found = EncoderHarmonizer(network, About(name, n_classes, entities, scalarizer, seed, tuple(losses)))
    found.save(folder)
    return found


def _check_input(texts: Sequence[str], votes: NDArray[np.int64], n_classes: int, epochs: int, batch_size: int) -> None:
    if votes.ndim != 2 or len(votes) != len(texts) or not np.issubdtype(votes.dtype, np.integer):
        raise ValueError(f"votes must be whole numbers, one row per text: {votes.shape} for {len(texts)} texts")
    if n_classes < 2 or epochs < 1 or batch_size < 1:
        raise ValueError("an encoder needs two classes, one epoch and batches of one text at least")
    if votes.size and not -1 <= votes.min() <= votes.max() < n_classes:
        raise ValueError(f"votes must be -1 (abstained) or a class below {n_classes}; there is one of {votes.max()}")
    if (votes >= 0).any(axis=1).sum() < 2:
        raise ValueError("an encoder needs two texts with a vote at least: one to learn from, one to stop by")


def _check_target(folder: Path) -> None:
    """Refuse to replace what is no harmonizer."""
    if folder.exists() and not (folder / ABOUT).is_file():
        raise FileExistsError(f"{folder} exists and holds no harmonizer. Name a folder that does not exist.")


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p != folder / ABOUT)


def _read_about(folder: Path) -> About:
    """The JSON beside the weights, once every file is there with the bytes that were written, and no other file."""
    again = "Fit the harmonizer again."
    try:
        body = json.loads((folder / ABOUT).read_text("utf-8"))
    except OSError as error:
        raise EncoderError(f"There is no fine-tuned harmonizer in {folder}. {again}") from error
    except ValueError as error:
        raise EncoderError(f"{folder / ABOUT} is damaged. {again}") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise EncoderError(f"The harmonizer in {folder} is of another version than {FORMAT}. {again}")
    try:
        files, about = dict(body["sha256"]), About(**{**body["about"], "losses": tuple(body["about"]["losses"])})
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(f"{folder / ABOUT} is damaged. {again}") from error
    there = _files(folder)
    if missing := sorted(set(files) - set(there)):
        raise EncoderError(f"{folder} lacks {missing[0]}. {again}")
    if foreign := sorted(set(there) - set(files)):
        raise EncoderError(f"{folder} holds {foreign[0]}, which was not saved with the harmonizer. Remove it.")
    for name in there:
        if sha256_of(folder / name) != files[name]:
            raise EncoderError(f"{folder / name} is not as it was saved (its sha256 differs). {again}")
    return about
