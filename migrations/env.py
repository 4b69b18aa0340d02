"""How Alembic reaches the database. ``store.migrate`` hands the open connection over in ``config.attributes``.

On SQLite a changed table is copied (batch mode) and the copy has no triggers: a revision that changes ``audit_event``,
``review``, ``correction``, ``lesson_revision`` or ``lesson`` creates them again.
"""

from __future__ import annotations

import warnings
from typing import Any

from alembic import context

from store.tables import Base


def _ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """Leave out what is not the product's, such as the job engine's tables."""
    return kind != "table" or name in Base.metadata.tables


UNCOMPARABLE = ("ix_assignment_claim", "ix_assignment_assignee")


def _comparable(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """SQLite does not tell that an index column descends, so Alembic cannot compare these; a test reads their SQL."""
    return not (connection.dialect.name == "sqlite" and kind == "index" and name in UNCOMPARABLE)


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    include_name=_ours,
    include_object=_comparable,
    compare_type=True,
    compare_server_default=True,
    transactional_ddl=True,
)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based index")
    context.run_migrations()
