"""Images of items: what people and programs send is decoded, checked, and written anew without whatever else was in the file.

A picture is kept as PNG, JPEG or WebP of at most ``LONGEST_SIDE`` pixels a side, turned as its camera said. Names of places, cameras
and comments are not kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 8  # images of one item
MAX_BYTES = 10_000_000  # of a file as it comes
MAX_PIXELS = 40_000_000  # of a file as it comes
LONGEST_SIDE = 2048  # pixels, as it is kept
MAX_CAPTION = 2000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # nothing else is even tried: fewer decoders, fewer faults
_KEPT = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
MEDIA_TYPES = frozenset(_KEPT.values())


class BadImage(ValueError):
    """It cannot be taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NewImage:
    """A checked picture as it is kept; ``sha256`` is of ``data``, width and height are in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int
    caption: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def checked(data: bytes, caption: str = "") -> NewImage:
    """The picture in ``data``, written anew. Raises ``BadImage``."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if len(data) > MAX_BYTES:
        raise BadImage(f"The image has {len(data):,} bytes; at most {MAX_BYTES:,} are taken. Make it smaller.")
    if len(caption) > MAX_CAPTION:
        raise BadImage(f"The caption has {len(caption):,} characters; at most {MAX_CAPTION:,} are taken.")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise BadImage(f"The image has {opened.width} × {opened.height} pixels; make it smaller.")
            kind = opened.format if opened.format in _KEPT else "PNG"
            image = ImageOps.exif_transpose(opened)
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _written(image, str(kind), caption)
    except UnidentifiedImageError:
        raise BadImage("This is no PNG, JPEG, WebP or GIF. Save the image as one of these.") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as problem:
        if isinstance(problem, BadImage):
            raise
        raise BadImage(f"The image is damaged ({problem}). Save it anew.") from problem


def _written(image: Image, kind: str, caption: str) -> NewImage:
    plain = image.convert(
        "RGB" if kind == "JPEG" or ("A" not in image.getbands() and "transparency" not in image.info) else "RGBA"
    )
    plain.info.clear()
    out = io.BytesIO()
    plain.save(out, kind, **({"quality": 92} if kind != "PNG" else {}))
    return NewImage(out.getvalue(), _KEPT[kind], plain.width, plain.height, caption)


def opened(data: bytes) -> Image:
    """The pixels of a kept picture as RGB, on white where it is transparent."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def data_uri(media_type: str, data: bytes) -> str:
    """How a picture goes into a request of a model server, or into a file of rows."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def read_column(value: object, folder: Path | None) -> tuple[NewImage, ...]:
    """The pictures in a field of somebody's file: a data URI, base64, a path below ``folder``, bytes, an object with one of these as
    ``data``, ``bytes``, ``path`` or ``url`` and perhaps a ``caption`` (as ``datasets`` writes images), or a list of them.

    ``folder`` is None where files of this machine may not be read. Raises ``BadImage``.
    """
    if value is None or value in ("", []):
        return ()
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) > MOST:
        raise BadImage(f"The row has {len(values)} images; at most {MOST} are taken.")
    return tuple(_read(one, folder) for one in values)


def _read(value: object, folder: Path | None) -> NewImage:
    caption = ""
    if isinstance(value, Mapping):
        caption = str(value.get("caption") or "")
        value = next((value[key] for key in ("bytes", "data", "url", "path") if value.get(key)), None)
    if isinstance(value, bytes):
        return checked(value, caption)
    if not isinstance(value, str) or not value:
        raise BadImage("An image is a data URI, base64, bytes, or the path of a file beside this one.")
    return checked(bytes_of(value, folder), caption)


def bytes_of(text: str, folder: Path | None = None) -> bytes:
    """What a data URI, base64, or a path below ``folder`` stands for. Raises ``BadImage``."""
    if text.startswith("data:"):
        return from_base64(text.partition(",")[2])
    if text.startswith(("http:", "https:")):
        raise BadImage("Images are not loaded from other servers. Give the file itself, or a data URI.")
    if folder is None:
        return from_base64(text)
    path = (folder / text).resolve()
    if path.suffix and path.is_relative_to(folder.resolve()) and path.is_file():
        if path.stat().st_size > MAX_BYTES:
            raise BadImage(f"The file {text[:200]} is larger than {MAX_BYTES:,} bytes. Make it smaller.")
        return path.read_bytes()
    if len(text) > 1000:
        return from_base64(text)
    raise BadImage(f"There is no file {text[:200]} in the folder of the file that is imported.")


def from_base64(text: str) -> bytes:
    """Raises ``BadImage`` saying what to do; white space is passed over."""
    compact = "".join(text.split())
    if len(compact) > MAX_BYTES * 4 // 3 + 4:
        raise BadImage(f"The image is larger than {MAX_BYTES:,} bytes. Make it smaller.")
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise BadImage("This is neither a data URI nor base64. From a browser, give images as one of these.") from None
