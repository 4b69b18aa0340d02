"""Projects: a task family with its guidelines, settings and queues. Its rules are in ``store.rules``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import queues
from core.projects import ProjectSettings
from core.types import ItemType, QueueKind
from store import audit
from store.tables import Project, Queue
from store.text import clean

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_CHANGEABLE = {"name", "guidelines", "labels", "settings", "licence", "archived_at"}


class UnknownProject(LookupError):
    """No project has this id or slug."""


def create(
    session: Session,
    *,
    slug: str,
    name: str,
    item_type: str,
    guidelines: str = "",
    labels: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    licence: str = "",
    user_id: int | None = None,
) -> Project:
    """A new project with a queue of each kind. Raises ``ValueError`` on a bad slug, type, label list or setting."""
    if not _SLUG.fullmatch(slug):
        raise ValueError(f"{slug!r} cannot be a project's address: use small letters, digits and hyphens")
    if session.scalar(select(Project.id).where(Project.slug == slug)) is not None:
        raise ValueError(f"there is a project {slug!r} already: choose another address")
    kind = ItemType(item_type)
    project = Project(
        slug=slug,
        name=clean(name),
        item_type=kind.value,
        guidelines=clean(guidelines),
        labels=_labels(kind, labels),
        settings=_settings(settings or {}),
        licence=clean(licence),
    )
    session.add(project)
    session.flush()
    session.add_all(Queue(project_id=project.id, kind=line.value, **start) for line, start in queues.STARTS.items())
    audit.record(session, "project.create", "project", project.id, user_id=user_id, new={"slug": slug})
    session.flush()
    return project


def _labels(kind: ItemType, labels: Sequence[str]) -> list[str]:
    names = [clean(label).strip() for label in labels]
    if kind is ItemType.LABEL and len(set(names)) < 2:
        raise ValueError("a project of labels needs at least two different labels")
    if len(set(names)) != len(names) or not all(names):
        raise ValueError("labels must differ from each other and not be empty")
    return names


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return ProjectSettings.model_validate(clean(dict(settings))).model_dump(mode="json")


def get(session: Session, project_id: int) -> Project:
    """Raises ``UnknownProject``."""
    project = session.get(Project, project_id)
    if project is None:
        raise UnknownProject(f"there is no project {project_id}")
    _known(session)[project_id] = project  # a session forgets what nobody holds, and would read it again
    return project


def _known(session: Session) -> dict[object, Any]:
    """Projects by id and queues by (project, kind) that this session has read and keeps."""
    known: dict[object, Any] = session.info.setdefault("projects", {})
    return known


def remember(session: Session, project: Project, lines: Iterable[Queue]) -> None:
    """Keep a project and its queues, read with something else, so that nobody reads them again in this session."""
    known = _known(session)
    known[project.id] = project
    known.update({(line.project_id, line.kind): line for line in lines})


def lock(session: Session, project_id: int) -> None:
    """Until the transaction ends, others who ask for this wait; rows that belong to the project are still added."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))


def by_slug(session: Session, slug: str) -> Project | None:
    return session.scalar(select(Project).where(Project.slug == slug))


def list_all(session: Session) -> Sequence[Project]:
    """Projects in use, by name."""
    return session.scalars(select(Project).where(Project.archived_at.is_(None)).order_by(Project.name)).all()


def update(session: Session, project_id: int, *, user_id: int | None, **changes: Any) -> Project:
    """Change name, guidelines, labels, settings, licence or archived_at. Raises ``ValueError`` on any other name or a bad value."""
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        raise ValueError(f"cannot change {', '.join(sorted(unknown))} of a project")
    project = get(session, project_id)
    if "settings" in changes:
        changes["settings"] = _settings(changes["settings"])
    if "labels" in changes:
        changes["labels"] = _labels(ItemType(project.item_type), changes["labels"])
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name, value in changes.items():
        before, after = getattr(project, name), clean(value)
        if before != after:
            old[name], new[name] = _plain(before), _plain(after)
            setattr(project, name, after)
    if new:
        audit.record(session, "project.update", "project", project_id, user_id=user_id, old=old, new=new)
    session.flush()
    return project


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def queue_of(session: Session, project_id: int, kind: str = QueueKind.ANNOTATE) -> Queue:
    """The project's queue of that kind; raises ``UnknownProject``. The first to ask reads the project and all of its queues."""
    place = (project_id, str(kind))
    queue: Queue | None = _known(session).get(place)
    if queue is None or queue not in session:
        query = select(Project, Queue).join(Queue, Queue.project_id == Project.id).where(Project.id == project_id)
        for row in session.execute(query):
            remember(session, row.Project, [row.Queue])
        queue = _known(session).get(place)
    if queue is None or queue not in session:
        raise UnknownProject(f"there is no project {project_id}, or it has no {kind} queue")
    return queue


def set_queue(session: Session, project_id: int, kind: str, *, user_id: int | None, **changes: Any) -> Queue:
    """Change settings of a queue; what each may be is in ``core.queues``. Raises ``ValueError``.

    ``store.queue.fill_slots`` follows a larger overlap, ``store.queue.redraw_audit`` another share, and the job ``order_queue``
    another order or access.
    """
    queue = queue_of(session, project_id, kind)
    queues.check(changes)
    new = {name: value for name, value in changes.items() if getattr(queue, name) != value}
    old = {name: getattr(queue, name) for name in new}
    for name, value in new.items():
        setattr(queue, name, value)
    if new:
        audit.record(session, "queue.update", "queue", queue.id, user_id=user_id, old=old, new=new)
    session.flush()
    return queue
