"""Uploaded files as a worker finds them."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings


def uploaded(settings: Settings, path: str) -> Path:
    """The file where the web process put it, or by its name in this machine's folder of uploads, which may be mounted elsewhere.

    Raises ``ValueError`` saying what to do.
    """
    there = Path(path)
    found = next((place for place in (there, settings.uploads_dir.resolve() / there.name) if place.is_file()), None)
    if found is None:
        raise ValueError(
            f"The file {there.name} is not there any more, or not on this worker's machine. Upload it again; where web and "
            "workers are on several machines, let CORRIGENDA_FILES_DIR be a folder that all of them share."
        )
    return found
