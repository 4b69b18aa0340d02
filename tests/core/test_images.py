"""Pictures that people bring: kept without what else was in the file, refused with what to do."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from core import images
from core.images import BadImage, checked, opened, read_column
from tests.pictures import file, file_of, scene


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_kept_as_it_looks(kind: str) -> None:
    kept = checked(file(1, kind), "a scene")
    assert (kept.width, kept.height, kept.caption) == (240, 180, "a scene")
    assert kept.media_type in images.MEDIA_TYPES
    assert opened(kept.data).size == (240, 180)


def test_places_cameras_and_comments_are_not_kept_and_the_camera_s_turn_is() -> None:
    image = scene(1)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "SECRET-CAMERA"
    data = file_of(image, "JPEG", exif=exif, comment=b"SECRET-PLACE")
    assert b"SECRET-CAMERA" in data and b"SECRET-PLACE" in data
    kept = checked(data)
    assert b"SECRET" not in kept.data
    assert (kept.width, kept.height) == (180, 240)
    text = file_of(image, "PNG", pnginfo=_note())
    assert b"SECRET" in text and b"SECRET" not in checked(text).data


def _note() -> object:
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("Comment", "SECRET-NOTE")
    return note


def test_large_pictures_become_smaller_and_transparent_ones_stay_so() -> None:
    kept = checked(file_of(Image.new("RGB", (4096, 1024), "red")))
    assert (kept.width, kept.height) == (2048, 512)
    clear = checked(file_of(Image.new("RGBA", (8, 8), (255, 0, 0, 0))))
    with Image.open(io.BytesIO(clear.data)) as image:
        assert image.mode == "RGBA"
    assert opened(clear.data).getpixel((0, 0)) == (255, 255, 255), "white shows through"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no PNG"),
        (b"%PDF-1.7", "no PNG"),
        (file(1)[:200], "damaged"),
        (file(1, "JPEG")[:500], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "PNG|damaged"),
        (b"x" * (images.MAX_BYTES + 1), "bytes; at most"),
    ],
    ids=["empty", "svg", "pdf", "half a png", "half a jpeg", "zeros", "too large"],
)
def test_what_is_no_picture_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        checked(data)


def test_a_small_file_that_would_be_huge_is_refused_before_it_is_decoded() -> None:
    bomb = file_of(Image.new("1", (20_000, 20_000)))
    assert len(bomb) < images.MAX_BYTES
    with pytest.raises(BadImage, match=r"pixels|damaged"):
        checked(bomb)


def test_a_column_may_hold_any_usual_form(tmp_path: Path) -> None:
    data = file(1)
    plain = base64.b64encode(data).decode()
    (tmp_path / "one.png").write_bytes(data)
    forms = [
        plain,
        f"data:image/png;base64,{plain}",
        data,
        {"bytes": data, "path": None},
        {"data": plain, "caption": "x"},
        {"url": f"data:image/png;base64,{plain}"},
        [plain],
    ]
    expected = checked(data).sha256
    for form in forms:
        assert [one.sha256 for one in read_column(form, None)] == [expected], form
    assert [one.sha256 for one in read_column(["one.png", data], tmp_path)] == [expected] * 2
    assert read_column({"data": plain, "caption": "x"}, None)[0].caption == "x"
    assert read_column(None, None) == read_column("", None) == read_column([], None) == ()


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "out.png").write_bytes(file(1))
    (inside / "link.png").symlink_to(tmp_path / "out.png")
    for name in ("../out.png", str(tmp_path / "out.png"), "link.png", "no.png"):
        with pytest.raises(BadImage, match="no file"):
            read_column(name, inside)
    for name in ("out.png", "/etc/passwd"):
        with pytest.raises(BadImage, match="neither a data URI"):
            read_column(name, None)
    with pytest.raises(BadImage, match="other servers"):
        read_column("https://example.org/a.png", inside)
    with pytest.raises(BadImage, match="at most 8"):
        read_column([file(1)] * 9, None)
