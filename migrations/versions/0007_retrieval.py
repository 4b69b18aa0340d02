"""How lessons are found: full-text search, links from past use, and the rounds of each look-up.

The words of lessons stand in a table of their own, ``lesson_words``, which triggers keep in step with ``lesson`` in the same transaction:
FTS5 on SQLite, a ``tsvector`` with a GIN index on PostgreSQL. It is no table of the ORM; ``store.lesson_search`` reads it.

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
LONGEST = 100_000  # characters of a lesson that are searched: a tsvector has a limit
WATCHED = "project_id, status, name, text, applicability"


def upgrade() -> None:
    op.create_table(
        "lookup",
        sa.Column("output_id", KEY, nullable=False),
        sa.Column("rounds", JSON, nullable=False),
        sa.Column("stopped", sa.String(20), nullable=False),
        sa.Column("best", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["output_id"], ["output.id"], name=op.f("fk_lookup_output_id_output"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lookup")),
        sa.UniqueConstraint("output_id", name=op.f("uq_lookup_output_id")),
    )
    op.create_table(
        "relevance_model",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("fitted_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_relevance_model_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relevance_model")),
        sa.UniqueConstraint("project_id", name=op.f("uq_relevance_model_project_id")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _words_in_sqlite()
    else:
        _words_in_postgresql()


def _words_in_sqlite() -> None:
    """Of active lessons, without a copy of the texts: an entry is taken out by giving it as it was."""
    op.execute(
        "CREATE VIRTUAL TABLE lesson_words USING fts5("
        "name, text, applicability, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )

    def values(row: str) -> str:
        said = (f"substr({row}.{column}, 1, {LONGEST})" for column in ("name", "text", "applicability"))
        return f"{row}.id, {', '.join(said)}"

    put = "INSERT INTO lesson_words(rowid, name, text, applicability) SELECT"
    out = "INSERT INTO lesson_words(lesson_words, rowid, name, text, applicability) SELECT 'delete',"
    new = f"{put} {values('new')} WHERE new.status = 'active';"
    old = f"{out} {values('old')} WHERE old.status = 'active';"
    op.execute(f"CREATE TRIGGER lesson_words_insert AFTER INSERT ON lesson BEGIN {new} END")
    op.execute(f"CREATE TRIGGER lesson_words_delete AFTER DELETE ON lesson BEGIN {old} END")
    op.execute(f"CREATE TRIGGER lesson_words_update AFTER UPDATE OF {WATCHED} ON lesson BEGIN {old} {new} END")
    op.execute(f"{put} {values('lesson')} FROM lesson WHERE status = 'active'")


def _words_in_postgresql() -> None:
    """Of active lessons; the project stands among the words, so that one index answers for both."""
    op.execute(
        "CREATE TABLE lesson_words (lesson_id BIGINT PRIMARY KEY REFERENCES lesson (id) ON DELETE CASCADE, words TSVECTOR NOT NULL)"
    )
    op.execute("CREATE INDEX ix_lesson_words_words ON lesson_words USING gin (words) WITH (fastupdate = off)")
    said = f"left(concat_ws(' ', one.name, left(one.text, {LONGEST}), one.applicability), 2 * {LONGEST})"
    op.execute(
        "CREATE FUNCTION lesson_words_of(one lesson) RETURNS tsvector LANGUAGE sql STABLE AS $$ SELECT "
        f"array_to_tsvector(ARRAY['p' || one.project_id]) || to_tsvector('english', {said}) $$"
    )
    op.execute(
        "CREATE FUNCTION keep_lesson_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF new.status = 'active' THEN INSERT INTO lesson_words (lesson_id, words) VALUES (new.id, lesson_words_of(new)) "
        "ON CONFLICT (lesson_id) DO UPDATE SET words = excluded.words; "
        "ELSE DELETE FROM lesson_words WHERE lesson_id = new.id; END IF; RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER lesson_words_keep AFTER INSERT OR UPDATE OF {WATCHED} ON lesson "
        "FOR EACH ROW EXECUTE FUNCTION keep_lesson_words()"
    )
    op.execute("INSERT INTO lesson_words SELECT lesson.id, lesson_words_of(lesson) FROM lesson WHERE status = 'active'")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for when in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER IF EXISTS lesson_words_{when}")
        op.execute("DROP TABLE lesson_words")
    else:
        op.execute("DROP TRIGGER lesson_words_keep ON lesson")
        op.execute("DROP FUNCTION keep_lesson_words()")
        op.execute("DROP FUNCTION lesson_words_of(lesson)")
        op.execute("DROP TABLE lesson_words")
    op.drop_table("relevance_model")
    op.drop_table("lookup")
