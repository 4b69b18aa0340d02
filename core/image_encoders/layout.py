"""Colours and edges by place, without weights (colour layout and HOG, Dalal and Triggs 2005): finds the same picture again.

Kept whatever the size, compression and, mostly, brightness; it does not know what is shown, so another photo of the same thing is
another picture to it. For that a project's worker loads ``clip``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.image_encoders.base import REGISTRY, Vectors

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 128  # pixels to which a picture is squeezed
CELLS, TURNS = 8, 9  # of the edges: cells a side, directions of half a turn
PLACES, HUES = 4, 8  # of the colours: places a side, hues beside black, grey and white
GREY = 0.18  # saturation below which there is no hue


@REGISTRY.register("layout")
class LayoutEncoder:
    """``dim`` is 8 * 8 * 9 of edges and 4 * 4 * 11 of colours."""

    model_id = "layout@1"
    dim = CELLS * CELLS * TURNS + PLACES * PLACES * (HUES + 3)
    alike = 0.9

    def embed(self, images: Sequence[Image]) -> Vectors:
        if not images:
            return np.empty((0, self.dim), np.float32)
        return np.stack([_described(image) for image in images])

    def embed_words(self, texts: Sequence[str]) -> Vectors | None:
        return None


def _described(image: Image) -> Vectors:
    small = image.convert("RGB").resize((SIDE, SIDE))
    rgb: Vectors = np.asarray(small, np.float32) / np.float32(255)
    # The root of shares (Hellinger) keeps one large cell from drowning the others; both halves weigh the same.
    return np.concatenate([_edges(rgb.mean(axis=2)), _colours(rgb)]).astype(np.float32) / np.float32(np.sqrt(2))


def _edges(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    turn = (np.arctan2(down, right) % np.pi) / np.pi * TURNS
    return _shares(turn.astype(int) % TURNS, TURNS, CELLS, strength)


def _colours(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    spread = high - low
    safe = np.where(spread == 0, 1, spread)
    red, green, blue = (rgb[..., i] for i in range(3))
    hue = np.where(
        high == red,
        ((green - blue) / safe) % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    shade = HUES + np.clip((high * 3).astype(int), 0, 2)
    plain = spread < GREY * np.maximum(high, 0.2)
    return _shares(np.where(plain, shade, (hue / 6 * HUES).astype(int) % HUES), HUES + 3, PLACES, np.ones_like(high))


def _shares(
    bins: npt.NDArray[np.int_], n_bins: int, cells: int, weight: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Weights by cell and bin, as a unit vector (cells * cells * n_bins,) of roots of shares; the zero picture is even."""
    step = SIDE // cells
    rows = np.arange(SIDE) // step
    place = (rows[:, None] * cells + rows[None, :]) * n_bins + bins
    total = np.bincount(place.ravel(), weight.ravel(), cells * cells * n_bins)
    if total.sum() <= 1e-6:
        total = np.ones_like(total)
    shares: Vectors = np.sqrt(total / total.sum()).astype(np.float32)
    return shares
