"""What was taken back together, why, and how it is undone.

Lessons that were taken back before get a retraction each, with their corrections and the exports that it marked stale, so that
they stay withdrawn and can be brought back. Lessons that were suspended with them are not known any more: people decide on those.

Revision: 0009, after 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "retraction",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("filter", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("undone_at", TIME, nullable=True),
        sa.Column("undone_by", KEY, nullable=True),
        sa.Column("undone_why", sa.String(), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_retraction_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_retraction_user_id_user_account")),
        sa.ForeignKeyConstraint(["undone_by"], ["user_account.id"], name=op.f("fk_retraction_undone_by_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraction")),
    )
    op.create_index("ix_retraction_project_id_id", "retraction", ["project_id", "id"])
    op.create_table(
        "retraction_entry",
        sa.Column("retraction_id", KEY, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("owner_id", KEY, nullable=False),
        sa.Column("status_before", sa.String(20), nullable=True),
        sa.ForeignKeyConstraint(
            ["retraction_id"],
            ["retraction.id"],
            name=op.f("fk_retraction_entry_retraction_id_retraction"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("retraction_id", "kind", "owner_id", name=op.f("pk_retraction_entry")),
    )
    op.create_index("ix_retraction_entry_owner", "retraction_entry", ["kind", "owner_id"])
    _of_before(op.get_bind())


def _of_before(bind: sa.Connection) -> None:
    """A retraction for each lesson that is retracted already."""
    rows = bind.execute(
        sa.text(
            "SELECT id, project_id, COALESCE(valid_to, updated_at) AS at FROM lesson WHERE status = 'retracted'"
        ).columns(id=KEY, project_id=KEY, at=TIME)
    ).all()
    retraction = sa.table(
        "retraction",
        *(sa.column(name) for name in ("project_id", "user_id", "why", "undone_why")),
        sa.column("id", KEY),
        sa.column("filter", JSON),
        sa.column("created_at", TIME),
    )
    entry = sa.table(
        "retraction_entry", *(sa.column(n) for n in ("retraction_id", "kind", "owner_id", "status_before"))
    )
    forms = sa.text("SELECT status, author_id, why FROM lesson_revision WHERE lesson_id = :id ORDER BY revision")
    sources = sa.text("SELECT correction_id FROM lesson_source WHERE lesson_id = :id")
    stale = sa.text("SELECT id FROM export WHERE project_id = :project AND stale_why LIKE :said")
    for number, row in enumerate(rows, 1):
        known = bind.execute(forms, {"id": row.id}).all()
        last = next((form for form in reversed(known) if form.status == "retracted"), None)
        before = next((form.status for form in reversed(known) if form.status != "retracted"), "proposed")
        bind.execute(
            retraction.insert().values(
                id=number,
                project_id=row.project_id,
                user_id=last.author_id if last else None,
                why=last.why if last else "",
                filter={"lesson_ids": [row.id]},
                created_at=row.at,
                undone_why="",
            )
        )
        said = {"project": row.project_id, "said": f"Lesson {row.id} was retracted:%"}
        reached = [("lesson", row.id, before)]
        reached += [("correction", one, None) for one in bind.scalars(sources, {"id": row.id})]
        reached += [("export", one, None) for one in bind.scalars(stale, said)]
        values = [
            {"retraction_id": number, "kind": kind, "owner_id": owner, "status_before": status}
            for kind, owner, status in reached
        ]
        bind.execute(entry.insert(), values)
    if rows and bind.dialect.name == "postgresql":
        bind.execute(sa.text("SELECT setval(pg_get_serial_sequence('retraction', 'id'), :n)"), {"n": len(rows)})


def downgrade() -> None:
    op.drop_index("ix_retraction_entry_owner", "retraction_entry")
    op.drop_table("retraction_entry")
    op.drop_index("ix_retraction_project_id_id", "retraction")
    op.drop_table("retraction")
