"""Pictures for tests, drawn here: scenes of coloured shapes whose seed says which."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw


def scene(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A picture that differs from those of other seeds in colours and edges."""
    draw = random.Random(seed)
    image = Image.new("RGB", size, tuple(draw.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        left, top = draw.randrange(size[0] - 20), draw.randrange(size[1] - 20)
        box = (left, top, left + draw.randrange(20, size[0]), top + draw.randrange(20, size[1]))
        shape = pen.rectangle if draw.random() < 0.5 else pen.ellipse
        shape(box, fill=tuple(draw.randrange(256) for _ in range(3)))
    return image


def file_of(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def file(seed: int = 1, kind: str = "PNG") -> bytes:
    return file_of(scene(seed), kind)
