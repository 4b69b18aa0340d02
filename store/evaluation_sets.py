"""Evaluation sets that no exported row may come from: texts under their hash, in the database so that every worker has them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from store import audit
from store.tables import EvaluationSet
from store.text import clean

MOST_TEXTS = 20_000
MOST_BYTES = 64 << 20  # of one set, unpacked


def add(session: Session, project_id: int, name: str, texts: Sequence[str], *, user_id: int | None) -> str:
    """The hash that names it in filters; the same texts are kept once. Raises ``ValueError`` where there is none or too much."""
    kept = [text for text in dict.fromkeys(clean(list(texts))) if text.strip()]
    if not kept:
        raise ValueError("the evaluation file has no texts")
    data = orjson.dumps(sorted(kept))
    if len(kept) > MOST_TEXTS or len(data) > MOST_BYTES:
        raise ValueError(f"an evaluation set holds at most {MOST_TEXTS:,} texts and {MOST_BYTES >> 20} MiB")
    sha256 = hashlib.sha256(data).hexdigest()
    if session.scalar(select(EvaluationSet.id).where(*_named(project_id, sha256))) is None:
        row = EvaluationSet(
            project_id=project_id,
            sha256=sha256,
            name=name[:200],
            count=len(kept),
            texts=zlib.compress(data),
            created_by=user_id,
        )
        session.add(row)
        session.flush()
        audit.record(session, "evaluation_set.add", "evaluation_set", row.id, user_id=user_id, new={"sha256": sha256})
    return sha256


def texts(session: Session, project_id: int, sha256: str) -> list[str]:
    """Raises ``LookupError`` for a hash that names none of the project's."""
    data = session.scalar(select(EvaluationSet.texts).where(*_named(project_id, sha256)))
    if data is None:
        raise LookupError(f"this project has no evaluation set {sha256[:12]}: add its file first")
    found: list[str] = orjson.loads(zlib.decompress(data))
    return found


def list_all(session: Session, project_id: int) -> Sequence[Row[str, str, int]]:
    """(sha256, name, count) of each, the newest first."""
    query = select(EvaluationSet.sha256, EvaluationSet.name, EvaluationSet.count)
    return session.execute(query.where(EvaluationSet.project_id == project_id).order_by(EvaluationSet.id.desc())).all()


def _named(project_id: int, sha256: str) -> tuple[Any, ...]:
    return EvaluationSet.project_id == project_id, EvaluationSet.sha256 == sha256
