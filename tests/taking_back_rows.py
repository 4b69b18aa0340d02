"""A project with many lessons and vectors, written straight into the tables so that ten thousand take a second.

No encoder made the vectors: what is tested with them is the bookkeeping of what may be found, not the finding. Lesson ``k`` is about
``name(k)``, and ``FakeNamesEmbedder`` gives a text that names it exactly its vector.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase as letters

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from core.types import LessonKind
from store import items, outputs, projects, tables, users
from store.clock import now
from tests.app.worker.fakes import FakeEmbedder

DIM = 64  # as the tests' own embedder has it
MODEL = "fake@1#000000000000"


def name(k: int) -> str:
    """A word of its own for each number, without digits: those would become slots."""
    return "case" + "".join(letters[k // 26**place % 26] for place in range(4))


class FakeNamesEmbedder(FakeEmbedder):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        made = super().embed(texts)
        for row, one in enumerate(texts):
            if said := re.search(r"\bcase([a-z]{4})\b", one):
                made[row] = vector(sum(letters.index(letter) * 26**place for place, letter in enumerate(said[1])))
        return made


def vector(k: int) -> NDArray[np.float32]:
    found = np.random.default_rng(k).normal(size=DIM).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found), np.float32)


@dataclass(frozen=True, slots=True)
class Many:
    project_id: int
    user: int
    lessons: list[int]
    corrections: list[int]
    vectors: NDArray[np.float32]  # (n, DIM), of lesson and correction alike


def many(session: Session, n: int, *, answers: int = 50) -> Many:
    """``n`` active lessons, each from a correction of its own, with vectors; the wording of each has a number of its own."""
    project = projects.create(session, slug="many", name="Many", item_type="text")
    user = users.create(session, "ann", "expert").id
    rows = [items.NewItem(f"i{k}", f"question {k}") for k in range(answers)]
    made = [
        outputs.add(session, outputs.NewOutput(item, "an answer", "test")).id
        for item in items.add_many(session, project.id, rows).ids
    ]
    said = [
        {
            "output_id": made[k % answers],
            "user_id": user,
            "text": f"say {name(k)}.",
            "scope": "skill",
            "dependency": "last",
        }
        for k in range(n)
    ]
    corrections = _ids(session, tables.Correction, said)
    moment = now()
    lessons = _ids(
        session,
        tables.Lesson,
        [
            {
                "project_id": project.id,
                "kind": LessonKind.RULE.value,
                "status": "active",
                "text": f"Say {name(k)}.",
                "applicability": name(k),
                "valid_from": moment,
            }
            for k in range(n)
        ],
    )
    pairs = zip(lessons, corrections, strict=True)
    session.execute(insert(tables.LessonSource), [{"lesson_id": one, "correction_id": two} for one, two in pairs])
    vectors = np.stack([vector(k) for k in range(n)])
    for scope, kind, ids in (("rule", "lesson", lessons), ("correction", "correction", corrections)):
        values = [
            {
                "project_id": project.id,
                "scope": scope,
                "owner_kind": kind,
                "owner_id": owner,
                "model": MODEL,
                "dim": DIM,
                "vector": row.astype("<f2").tobytes(),
            }
            for owner, row in zip(ids, vectors, strict=True)
        ]
        session.execute(insert(tables.Embedding), values)
        told = [{"project_id": project.id, "scope": scope, "owner_id": owner, "op": "add"} for owner in ids]
        session.execute(insert(tables.IndexFeed), told)  # as ``store.vectors.put`` announces each
    session.execute(text("ANALYZE"))  # as a server does by itself some time after so many rows
    return Many(project.id, user, lessons, corrections, vectors)


def _ids(session: Session, table: type[tables.Base], rows: list[dict[str, object]]) -> list[int]:
    query = insert(table).returning(table.id, sort_by_parameter_order=True)  # type: ignore[attr-defined]
    return list(session.scalars(query, rows))
