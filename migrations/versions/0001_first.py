"""The first tables: every word of the product, and triggers that keep the records of what people did from being changed.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
APPEND_ONLY = ("audit_event", "review", "correction", "lesson_revision")
TABLES = [
    "user_account",
    "worker",
    "user_session",
    "audit_event",
    "project",
    "rule",
    "risk_model",
    "queue",
    "job",
    "export",
    "item",
    "output",
    "step",
    "vote",
    "risk",
    "critique",
    "rollout",
    "assignment",
    "decline",
    "draft",
    "review",
    "correction",
    "lesson",
    "lesson_revision",
    "lesson_source",
    "lesson_parent",
    "retrieval",
    "embedding",
    "index_feed",
]


def upgrade() -> None:
    _people_and_system()
    _projects()
    _answers()
    _reviews()
    _lessons()
    if not _sqlite():
        op.create_foreign_key("fk_output_correction_id_correction", "output", "correction", ["correction_id"], ["id"])
    _guard()


def downgrade() -> None:
    if not _sqlite():
        op.drop_constraint("fk_output_correction_id_correction", "output", type_="foreignkey")
    for table in reversed(TABLES):
        op.drop_table(table)
    if not _sqlite():
        op.execute("DROP FUNCTION append_only()")


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _output_to_correction() -> list[sa.ForeignKeyConstraint]:
    """Outputs and corrections point at each other: SQLite takes that at once, PostgreSQL after both tables are there."""
    if not _sqlite():
        return []
    return [sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name="fk_output_correction_id_correction")]


def _guard() -> None:
    if _sqlite():
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: add a row instead'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; "
        "END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


# One line a column: this is a table of contents, not code to read.
# fmt: off

def _people_and_system() -> None:
    op.create_table("user_account",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.String(300)),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("name", name="uq_user_account_name")
    )
    op.create_table("worker",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(200)),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_worker")
    )
    op.create_table("user_session",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_user_session_user_id_user_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_user_session")
    )
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"])
    op.create_table("audit_event",
        sa.Column("at", TIME, nullable=False),
        sa.Column("user_id", KEY),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("subject_id", KEY),
        sa.Column("old", JSON, nullable=False),
        sa.Column("new", JSON, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_audit_event_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event")
    )
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
    op.create_index("ix_audit_event_subject", "audit_event", ["subject", "subject_id"])


def _projects() -> None:
    op.create_table("project",
        sa.Column("slug", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("guidelines", sa.String(), nullable=False),
        sa.Column("item_type", sa.String(20), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("licence", sa.String(200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("archived_at", TIME),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("slug", name="uq_project_slug")
    )
    op.create_table("rule",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("pattern", sa.String(1000), nullable=False),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("says", sa.String(200), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("author_id", KEY),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user_account.id"], name="fk_rule_author_id_user_account"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_rule_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rule"),
        sa.UniqueConstraint("project_id", "name", name="uq_rule_project_id_name")
    )
    op.create_table("risk_model",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("method", sa.String(80), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_risk_model_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_risk_model"),
        sa.UniqueConstraint("project_id", "version", name="uq_risk_model_project_id_version")
    )
    op.create_table("queue",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("lease_seconds", sa.Integer(), nullable=False),
        sa.Column("order_policy", sa.String(40), nullable=False),
        sa.Column("skip_policy", sa.String(20), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_queue_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
        sa.UniqueConstraint("project_id", "kind", name="uq_queue_project_id_kind")
    )
    op.create_table("job",
        sa.Column('kind', sa.String(40), nullable=False),
        sa.Column('payload', JSON, nullable=False),
        sa.Column('state', sa.String(20), nullable=False),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('dedupe_key', sa.String(200)),
        sa.Column('project_id', KEY),
        sa.Column('done', sa.Integer(), nullable=False),
        sa.Column('total', sa.Integer(), nullable=False),
        sa.Column('message', sa.String(), nullable=False),
        sa.Column('result', JSON, nullable=False),
        sa.Column('error', sa.String(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('max_attempts', sa.Integer(), nullable=False),
        sa.Column('cancel_requested', sa.Boolean(), nullable=False),
        sa.Column('worker_id', sa.String(80)),
        sa.Column('created_by', KEY),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME),
        sa.Column('finished_at', TIME),
        sa.Column('id', KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["user_account.id"], name="fk_job_created_by_user_account"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_job_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint('id', name="pk_job")
    )
    op.create_index('ix_job_project_id', "job", ["project_id"])
    op.create_index('ix_job_state', "job", ["state", "priority", "id"])
    op.create_index("uq_job_open_dedupe_key", "job", ["dedupe_key"], unique=True, sqlite_where=sa.text("state IN ('queued', 'running') AND dedupe_key IS NOT NULL"), postgresql_where=sa.text("state IN ('queued', 'running') AND dedupe_key IS NOT NULL"))
    op.create_table("export",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("format", sa.String(40), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("filters", JSON, nullable=False),
        sa.Column("path", sa.String(500)),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("stale_why", sa.String()),
        sa.Column("job_id", KEY),
        sa.Column("created_by", KEY),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["user_account.id"], name="fk_export_created_by_user_account"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_export_job_id_job", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_export_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_export"),
        sa.UniqueConstraint("job_id", name="uq_export_job_id")
    )
    op.create_index("ix_export_project_id", "export", ["project_id"])
    op.create_table("item",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("reference", sa.String()),
        sa.Column("meta", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_item_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("project_id", "external_id", name="uq_item_project_id_external_id")
    )
    op.create_index("ix_item_project_id_id", "item", ["project_id", "id"])


def _answers() -> None:
    op.create_table("output",
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("parent_id", KEY),
        sa.Column("correction_id", KEY),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("label", sa.String(200)),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("messages", JSON, nullable=False),
        sa.Column("tokens", JSON, nullable=False),
        sa.Column("mean_logprob", sa.Double()),
        sa.Column("label_scores", JSON, nullable=False),
        sa.Column("finish_reason", sa.String(20), nullable=False),
        sa.Column("effect_key", sa.String(200)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        *_output_to_correction(),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_output_item_id_item", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent_id"], ["output.id"], name="fk_output_parent_id_output"),
        sa.PrimaryKeyConstraint("id", name="pk_output"),
        sa.UniqueConstraint("effect_key", name="uq_output_effect_key")
    )
    op.create_index("ix_output_item_id_attempt", "output", ["item_id", "attempt"])
    op.create_table("step",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_step_output_id_output", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_step"),
        sa.UniqueConstraint("output_id", "index", name="uq_step_output_id_index")
    )
    op.create_table("vote",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("verdict", sa.String(20)),
        sa.Column("label", sa.String(200)),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("step_index", sa.Integer()),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_vote_output_id_output", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_vote"),
        sa.UniqueConstraint("output_id", "source", name="uq_vote_output_id_source")
    )
    op.create_table("risk",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("method", sa.String(80), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("calibrated", sa.Boolean(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("drivers", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_risk_output_id_output", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_risk"),
        sa.UniqueConstraint("output_id", name="uq_risk_output_id")
    )
    op.create_table("critique",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("step_index", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("error_type", sa.String(60)),
        sa.Column("explanation", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_critique_output_id_output", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_critique"),
        sa.UniqueConstraint("output_id", "step_index", "source", name="uq_critique_output_id_step_index_source")
    )
    op.create_table("rollout",
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("output_id", KEY),
        sa.Column("prefix_steps", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("answer", sa.String()),
        sa.Column("outcome", sa.Boolean()),
        sa.Column("sampler", sa.String(200), nullable=False),
        sa.Column("seed", KEY),
        sa.Column("effect_key", sa.String(200)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_rollout_item_id_item", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_rollout_output_id_output", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rollout"),
        sa.UniqueConstraint("effect_key", name="uq_rollout_effect_key")
    )
    op.create_index("ix_rollout_item_id", "rollout", ["item_id"])
    op.create_index("ix_rollout_output_id", "rollout", ["output_id"])


def _reviews() -> None:
    op.create_table("assignment",
        sa.Column("queue_id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("holder_id", KEY),
        sa.Column("token", sa.String(64)),
        sa.Column("deadline", TIME),
        sa.Column("claimed_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["user_account.id"], name="fk_assignment_holder_id_user_account"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_assignment_item_id_item", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_assignment_output_id_output", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_assignment_queue_id_queue", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.UniqueConstraint("queue_id", "item_id", "slot", name="uq_assignment_queue_id_item_id_slot")
    )
    op.create_index("ix_assignment_claim", "assignment", ["queue_id", "state", sa.text("priority DESC"), "id"])
    op.create_index("ix_assignment_holder", "assignment", ["holder_id", "state"])
    op.create_index("ix_assignment_item_id", "assignment", ["item_id"])
    op.create_index("ix_assignment_lease", "assignment", ["queue_id", "state", "deadline"])
    op.create_index("uq_assignment_person", "assignment", ["queue_id", "item_id", "holder_id"], unique=True, sqlite_where=sa.text("holder_id IS NOT NULL"), postgresql_where=sa.text("holder_id IS NOT NULL"))
    op.create_table("decline",
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name="fk_decline_assignment_id_assignment", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_decline_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_decline")
    )
    op.create_index("ix_decline_assignment_id", "decline", ["assignment_id"])
    op.create_index("ix_decline_user_id", "decline", ["user_id"])
    op.create_table("draft",
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name="fk_draft_assignment_id_assignment", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_draft_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_draft"),
        sa.UniqueConstraint("assignment_id", "user_id", name="uq_draft_assignment_id_user_id")
    )
    op.create_table("review",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("assignment_id", KEY),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("first_wrong_step", sa.Integer()),
        sa.Column("step_labels", JSON, nullable=False),
        sa.Column("error_type", sa.String(60)),
        sa.Column("seconds", sa.Double()),
        sa.Column("shown", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("replaces_id", KEY),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name="fk_review_assignment_id_assignment", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_review_output_id_output", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["replaces_id"], ["review.id"], name="fk_review_replaces_id_review"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_review_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_review")
    )
    op.create_index("ix_review_assignment_id", "review", ["assignment_id"])
    op.create_index("ix_review_output_id", "review", ["output_id"])
    op.create_index("ix_review_replaces_id", "review", ["replaces_id"])
    op.create_index("ix_review_user_id", "review", ["user_id"])
    op.create_table("correction",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("assignment_id", KEY),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("dependency", sa.String(20), nullable=False),
        sa.Column("step_index", sa.Integer()),
        sa.Column("span_start", sa.Integer()),
        sa.Column("span_end", sa.Integer()),
        sa.Column("error_type", sa.String(60)),
        sa.Column("rewrite", sa.String()),
        sa.Column("edits", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("replaces_id", KEY),
        sa.Column("effect_key", sa.String(200)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name="fk_correction_assignment_id_assignment", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_correction_output_id_output", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["replaces_id"], ["correction.id"], name="fk_correction_replaces_id_correction"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_correction_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
        sa.UniqueConstraint("effect_key", name="uq_correction_effect_key")
    )
    op.create_index("ix_correction_assignment_id", "correction", ["assignment_id"])
    op.create_index("ix_correction_output_id", "correction", ["output_id"])
    op.create_index("ix_correction_replaces_id", "correction", ["replaces_id"])
    op.create_index("ix_correction_user_id", "correction", ["user_id"])


def _lessons() -> None:
    op.create_table("lesson",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("name", sa.String(120)),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("applicability", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("extra", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author_id", KEY),
        sa.Column("valid_from", TIME),
        sa.Column("valid_to", TIME),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("not_relevant", sa.Integer(), nullable=False),
        sa.Column("effect_key", sa.String(200)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user_account.id"], name="fk_lesson_author_id_user_account"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_lesson_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lesson"),
        sa.UniqueConstraint("effect_key", name="uq_lesson_effect_key")
    )
    op.create_index("ix_lesson_project_id_status", "lesson", ["project_id", "status", "kind"])
    op.create_table("lesson_revision",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("applicability", sa.String(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("author_id", KEY),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user_account.id"], name="fk_lesson_revision_author_id_user_account"),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name="fk_lesson_revision_lesson_id_lesson", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lesson_revision"),
        sa.UniqueConstraint("lesson_id", "revision", name="uq_lesson_revision_lesson_id_revision")
    )
    op.create_table("lesson_source",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("correction_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name="fk_lesson_source_correction_id_correction", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name="fk_lesson_source_lesson_id_lesson", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lesson_id", "correction_id", name="pk_lesson_source")
    )
    op.create_index("ix_lesson_source_correction_id", "lesson_source", ["correction_id"])
    # ### end Alembic commands ###
    op.create_table("lesson_parent",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("parent_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name="fk_lesson_parent_lesson_id_lesson", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent_id"], ["lesson.id"], name="fk_lesson_parent_parent_id_lesson", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lesson_id", "parent_id", name="pk_lesson_parent")
    )
    op.create_index("ix_lesson_parent_parent_id", "lesson_parent", ["parent_id"])
    op.create_table("retrieval",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("lesson_revision", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(20), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("vote", sa.String(20)),
        sa.Column("voted_by", KEY),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name="fk_retrieval_lesson_id_lesson", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name="fk_retrieval_output_id_output", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["voted_by"], ["user_account.id"], name="fk_retrieval_voted_by_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_retrieval"),
        sa.UniqueConstraint("output_id", "lesson_id", name="uq_retrieval_output_id_lesson_id")
    )
    op.create_index("ix_retrieval_lesson_id", "retrieval", ["lesson_id"])
    op.create_table("embedding",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("scope", sa.String(40), nullable=False),
        sa.Column("owner_kind", sa.String(20), nullable=False),
        sa.Column("owner_id", KEY, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_embedding_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_embedding"),
        sa.UniqueConstraint("owner_kind", "owner_id", "model", name="uq_embedding_owner_kind_owner_id_model")
    )
    op.create_index("ix_embedding_scope", "embedding", ["project_id", "scope", "model"])
    op.create_table("index_feed",
        sa.Column("seq", KEY, autoincrement=True, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("scope", sa.String(40), nullable=False),
        sa.Column("owner_id", KEY, nullable=False),
        sa.Column("op", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_index_feed_project_id_project", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name="pk_index_feed"),
    sqlite_autoincrement=True
    )
    op.create_index("ix_index_feed_scope", "index_feed", ["project_id", "scope", "seq"])
