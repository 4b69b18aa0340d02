"""The encoder without weights: the same picture in another size, file or light is found, others are not taken for it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from core.image_encoders import REGISTRY
from tests.pictures import file_of, scene

ENCODER = REGISTRY.make("layout")


def _jpeg(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(file_of(image, "JPEG", quality=40))).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [_jpeg, lambda one: one.resize((120, 90)), lambda one: ImageEnhance.Brightness(one).enhance(0.85)],
    ids=["compressed", "half the size", "darker"],
)
def test_the_same_picture_is_found_again(change: object) -> None:
    scenes = [scene(seed) for seed in range(20)]
    kept = ENCODER.embed(scenes)
    asked = ENCODER.embed([change(one) for one in scenes])  # type: ignore[operator]
    cosines = asked @ kept.T
    assert (cosines.argmax(axis=1) == np.arange(20)).all()
    assert np.median(cosines.diagonal()) >= ENCODER.alike
    other = cosines[~np.eye(20, dtype=bool)]
    assert (other < ENCODER.alike).all(), "no other scene is taken for it"


def test_vectors_are_unit_and_the_same_each_time() -> None:
    odd = [Image.new("RGB", (1, 1)), Image.new("RGB", (3, 700), "white"), Image.new("L", (9, 9), 128), scene(1)]
    vectors = ENCODER.embed(odd)
    assert vectors.shape == (4, ENCODER.dim) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors, ENCODER.embed(odd))
    assert ENCODER.embed([]).shape == (0, ENCODER.dim)
    assert ENCODER.embed_words(["a cat"]) is None
