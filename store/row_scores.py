"""What models said of rows of exports, by content: a second export does not ask them again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import RowScore
from store.upsert import insert

MOST_KEYS = 5000  # of one query


@dataclass(frozen=True, slots=True)
class Said:
    """Losses in nats per token (``nan``: the model cannot read), and unit vectors (d,)."""

    loss: float
    loss_alone: float
    prompt: NDArray[np.float32]
    response: NDArray[np.float32]


def known(session: Session, project_id: int, keys: Sequence[str]) -> set[str]:
    """Those of the keys that are there."""
    found: set[str] = set()
    for start in range(0, len(keys), MOST_KEYS):
        part = keys[start : start + MOST_KEYS]
        found.update(
            session.scalars(select(RowScore.key).where(RowScore.project_id == project_id, RowScore.key.in_(part)))
        )
    return found


def of(session: Session, project_id: int, keys: Sequence[str]) -> dict[str, Said]:
    """What is there of at most ``MOST_KEYS`` keys."""
    query = select(
        RowScore.key, RowScore.loss, RowScore.loss_alone, RowScore.prompt_vector, RowScore.response_vector
    ).where(RowScore.project_id == project_id, RowScore.key.in_(keys))
    return {
        key: Said(_number(loss), _number(alone), _vector(prompt), _vector(response))
        for key, loss, alone, prompt, response in session.execute(query)
    }


def keep(session: Session, project_id: int, found: Mapping[str, Said]) -> None:
    """What another worker kept meanwhile stays."""
    if not found:
        return
    rows = [
        {
            "project_id": project_id,
            "key": key,
            "loss": _stored(said.loss),
            "loss_alone": _stored(said.loss_alone),
            "prompt_vector": said.prompt.astype("<f2").tobytes(),
            "response_vector": said.response.astype("<f2").tobytes(),
        }
        for key, said in found.items()
    ]
    session.execute(insert(session, RowScore).values(rows).on_conflict_do_nothing())


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _stored(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _vector(stored: bytes) -> NDArray[np.float32]:
    return np.frombuffer(stored, "<f2").astype(np.float32)
