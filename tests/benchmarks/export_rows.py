"""A project of reviewed and rewritten answers, made by the database itself: a million take seconds, and are the same every time."""

from __future__ import annotations

from sqlalchemy import text

from core.types import Role
from store import projects, users
from store.engine import Database

PROMPT = (
    "A shop sells ' || n || ' boxes of ' || (n % 7 + 2) || ' apples each and then ' || (n % 11 + 1) || "
    "' boxes more. How many apples were sold in all, and how many boxes?"
)
ANSWER = (
    "1. There are ' || n || ' boxes of ' || (n % 7 + 2) || ' apples.\n2. ' || n || ' + ' || (n % 11 + 1) || ' = ' || (n + n % 11) "
    "|| ' boxes.\n3. Each holds ' || (n % 7 + 2) || ' apples, they hold ' || (n * (n % 7 + 2)) || ' apples.\nAnswer: ' || n || '"
)
FIXED = ANSWER.replace("(n + n % 11)", "(n + n % 11 + 1)").replace(
    "Answer: ' || n ", "Answer: ' || ((n + n % 11 + 1) * (n % 7 + 2)) "
)
AT = "2026-03-01 09:00:00.000000"


def fill(db: Database, rows: int, steps: bool = False) -> int:
    """The id of a project with ``rows`` items, an answer, a review and a rewrite each; with ``steps`` two steps of each answer."""
    with db.write() as session:
        user = users.create(session, "bench", Role.ANNOTATOR).id
        project = projects.create(
            session, slug="bench", name="Bench", item_type="reasoning", guidelines="Think in steps."
        )
        project_id = project.id
    stamp = "CAST(:at AS timestamptz)" if db.dialect == "postgresql" else ":at"
    number = "CAST(:{} AS bigint)" if db.dialect == "postgresql" else ":{}"
    said = {
        "item (id, project_id, external_id, prompt, context, meta, created_at)":
            f"n, {number.format('project')}, 'i' || n, '{PROMPT}', '', '{{}}', {stamp}",
        "output (id, item_id, attempt, text, model, origin, messages, tokens, label_scores, finish_reason, created_at)":
            f"n, n, 1, '{ANSWER}', 'bench', 'generated', '[]', '[]', '{{}}', 'stop', {stamp}",
        "review (id, output_id, user_id, verdict, first_wrong_step, step_labels, seconds, shown, revision, created_at)":
            f"n, n, {number.format('user')}, 'faulty', 1, '[1, -1]', 12.5, '{{}}', 1, {stamp}",
        "correction (id, output_id, user_id, text, scope, dependency, step_index, rewrite, edits, revision, created_at)":
            f"n, n, {number.format('user')}, 'Add the boxes first.', 'skill', 'last', 1, '{FIXED}', '[]', 1, {stamp}",
    }  # fmt: skip
    if steps:
        for index, (start, end) in enumerate(((0, 5), (6, 10))):
            said[f"step (output_id, {'index'!r}, text, start, {'end'!r}, kind)".replace("'", '"')] = (
                f"n, {index}, 'step {index} of ' || n, {start}, {end}, 'reasoning'"
            )
    have = {"project": project_id, "user": user, "at": AT, "rows": rows}
    for into, values in said.items():
        numbers = "WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < :rows)"
        statement = text(f"INSERT INTO {into} {numbers} SELECT {values} FROM k")
        used = {name: have[name] for name in have if f":{name}" in str(statement)}
        with db.write() as session:
            session.execute(statement, used)
    _count_on(db, rows)
    return project_id


def _count_on(db: Database, rows: int) -> None:
    """PostgreSQL's sequences and statistics go on from here."""
    with db.write() as session:
        if db.dialect == "postgresql":
            for table in ("item", "output", "review", "correction"):
                session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :rows)"), {"rows": rows})
            session.execute(text("ANALYZE"))
