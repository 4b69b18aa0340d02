"""A project with as many answered, judged and queued items as a benchmark wants, made inside the database in a few statements.

Rows are those that an import, an analysis and ``queue.enqueue_output`` leave: an item, an output with two steps, a risk, and one slot
of the annotators' queue, a tenth of them in the audit slice. Priorities are the risks, in no order of the ids.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, insert, literal, select, text
from sqlalchemy.orm import Session

from core.types import ItemType, Role
from store import projects, tokens, users
from store.engine import Database
from store.tables import Assignment, Item, Output, Risk, Step

ANSWER = "3 * 4 = 12.\nAnswer: 12"
LINES = ((0, 0, 11), (1, 12, 22))  # steps of the answer: index, start, end
QUIET = {"generator": {"samples": 0}, "signals": [], "critics": []}
_PRIME = 1_000_003


def make_project(db: Database) -> int:
    with db.write() as session:
        return projects.create(session, slug="bench", name="Bench", item_type=ItemType.REASONING, settings=QUIET).id


def fill(db: Database, project_id: int, count: int) -> None:
    """``count`` items with all that belongs to them, in one transaction; the planner's figures are renewed after it."""
    with db.write() as session:
        if db.dialect == "postgresql":
            session.execute(text("SET LOCAL session_replication_role = replica"))  # rows are known to fit each other
        queue_id = projects.queue_of(session, project_id).id
        _add(session, Item, _numbered(project_id, count), "project_id", "external_id", "prompt")
        items = select(Item.id, literal(ANSWER), literal("bench")).where(Item.project_id == project_id)
        _add(session, Output, items, "item_id", "text", "model")
        ours = (Output.item_id == Item.id, Item.project_id == project_id)
        for index, start, end in LINES:
            said = (literal(index), literal(ANSWER[start:end]), literal(start), literal(end))
            _add(session, Step, select(Output.id, *said).where(*ours), "output_id", "index", "text", "start", "end")
        risk = (Output.id * 7919 % _PRIME) / float(_PRIME)
        judged = select(Output.id, risk, literal("bench"), literal("1")).where(*ours)
        _add(session, Risk, judged, "output_id", "value", "method", "version")
        drawn = Item.id % 10 == 0
        urgent = case((drawn, -risk), else_=risk)
        slots = select(literal(queue_id), Item.id, Output.id, urgent, drawn).where(*ours)
        _add(session, Assignment, slots, "queue_id", "item_id", "output_id", "priority", "audit")
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if db.dialect == "postgresql" else "ANALYZE"))


def _numbered(project_id: int, count: int) -> Select[Any]:
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count))
    n = numbers.c.n
    question = literal("What is 3 times 4, asked for the time ").concat(n).concat(literal("?"))
    return select(literal(project_id), literal("i").concat(n), question)


def _add(session: Session, table: type[Any], rows: Select[Any], *columns: str) -> None:
    session.execute(insert(table).from_select(list(columns), rows))


def people(db: Database, count: int, *, scope: str = "reviews:write", role: Role = Role.ANNOTATOR) -> list[str]:
    """So many new people; the token of each."""
    with db.write() as session:
        made = [users.create(session, f"{role}-{n}", role) for n in range(count)]
        return [tokens.create(session, one.id, "bench", [scope])[1] for one in made]
