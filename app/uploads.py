"""Files that people bring: a copy is kept under a name of ours, and a job reads it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.settings import Settings
from core.types import JobPriority
from store import projects
from store.tables import Job


def keep(settings: Settings, path: Path, suffix: str) -> Path:
    """A copy among the uploads, where the worker finds it."""
    kept = settings.uploads_dir.resolve() / f"{secrets.token_hex(8)}{suffix.lower()[:10]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept)
    return kept


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


def import_items(
    session: Session, project_id: int, kept: Path, mapping: Mapping[str, Any], user_id: int, export: str | None = None
) -> Job:
    """The job that reads a kept file into a project, of items or of exported rows. Raises ``LookupError``, ``ValueError``."""
    return _enqueue(session, "import", project_id, kept, user_id, mapping=dict(mapping), export=export)


def import_lessons(session: Session, project_id: int, kept: Path, as_they_stand: bool, user_id: int) -> Job:
    """The job that reads a kept knowledge base into a project. Raises ``LookupError``."""
    return _enqueue(session, "import_lessons", project_id, kept, user_id, as_they_stand=as_they_stand)


def _enqueue(session: Session, kind: str, project_id: int, kept: Path, user_id: int, **more: Any) -> Job:
    from app.worker.jobs import enqueue

    projects.get(session, project_id)
    payload = {"path": str(kept), "project_id": project_id, "user_id": user_id, **more}
    return enqueue(session, kind, payload, priority=JobPriority.NORMAL, project_id=project_id, user_id=user_id)
