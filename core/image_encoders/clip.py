"""A picture and its words in one space (CLIP and its kin, as DROC, paper 9, uses them): any transformers model with both towers.

``model`` is a local folder or a model id with safetensors weights, such as CLIP or SigLIP; no such weights come with this program.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.embedding import EmbedderError, model_id_of
from core.image_encoders.base import REGISTRY, EncoderError, Vectors

if TYPE_CHECKING:
    from PIL.Image import Image

BATCH = 16


@REGISTRY.register("clip")
class ClipEncoder:
    """Thread-safe: callers take turns, because tokenizers do not bear two at once."""

    alike = 0.9

    def __init__(self, model: str, *, device: str = "auto") -> None:
        """Raises ``EncoderError`` saying what to do."""
        import torch
        from transformers import AutoModel, AutoProcessor

        self._torch = torch
        self._turn = threading.Lock()
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        try:
            self._model: Any = AutoModel.from_pretrained(model, use_safetensors=True, trust_remote_code=False)
            processor: Any = AutoProcessor
            self._processor = processor.from_pretrained(model, trust_remote_code=False)
            self.model_id = model_id_of(model)
        except (OSError, ValueError, EmbedderError) as problem:
            raise EncoderError(
                f"The image encoder {model!r} can't be loaded: {problem} Set CORRIGENDA_IMAGE_ENCODER to a folder with a "
                "CLIP or SigLIP model in safetensors, or to layout."
            ) from problem
        if not hasattr(self._model, "get_image_features") or not hasattr(self._model, "get_text_features"):
            raise EncoderError(f"{model!r} has no tower for pictures and words. Choose a CLIP or SigLIP model.")
        self._model = self._model.to(self._device).eval()
        self.dim = int(self.embed_words(["a"]).shape[1])

    def embed(self, images: Sequence[Image]) -> Vectors:
        return self._all(list(images), lambda chunk: self._processor(images=chunk, return_tensors="pt"), "image")

    def embed_words(self, texts: Sequence[str]) -> Vectors:
        """Words as the paper asks for them: "A photo of ..."; beyond the model's window they are cut."""
        said = [f"A photo of {text}" for text in texts]
        return self._all(
            said,
            lambda chunk: self._processor(text=chunk, return_tensors="pt", padding="max_length", truncation=True),
            "text",
        )

    def _all(self, values: list[Any], prepare: Any, tower: str) -> Vectors:
        if not values:
            return np.empty((0, self.dim), np.float32)
        parts = []
        with self._turn, self._torch.inference_mode():
            for start in range(0, len(values), BATCH):
                inputs = prepare(values[start : start + BATCH]).to(self._device)
                found = getattr(self._model, f"get_{tower}_features")(**inputs)
                vectors = getattr(found, "pooler_output", found).float()
                parts.append(self._torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy())
        return np.concatenate(parts).astype(np.float32)
