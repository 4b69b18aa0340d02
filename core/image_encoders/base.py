"""What an image encoder offers. One that has no words gives ``None`` for them: pictures are then found by the words beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from core.registry import Registry

if TYPE_CHECKING:
    from PIL.Image import Image

Vectors = npt.NDArray[np.float32]


class ImageEncoder(Protocol):
    """``model_id`` goes into the database with each vector; vectors of two encoders never meet.

    ``alike`` is the cosine from which two pictures count as showing the same thing.
    """

    model_id: str
    dim: int
    alike: float

    def embed(self, images: Sequence[Image]) -> Vectors:
        """Unit vectors (n, dim) of RGB pictures."""
        ...

    def embed_words(self, texts: Sequence[str]) -> Vectors | None:
        """Unit vectors (n, dim) in the same space, or ``None`` where this encoder knows no words."""
        ...


class EncoderError(RuntimeError):
    """The encoder can't be loaded; the message says what to do."""


REGISTRY: Registry[ImageEncoder] = Registry("image encoder")
