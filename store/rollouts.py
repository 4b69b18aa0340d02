"""Continuations that were sampled from prefixes of an answer, and what they add up to (OmegaPRM, paper 18).

Every one is kept and none is drawn twice: a state (the prefix that a continuation goes on from) and a number make its effect key. A
state within the output is named by its number of steps; one that leaves the output for one of its wrong continuations by a digest
besides. Such a row is stored as a continuation of what it has in common with the output, and does not count towards that prefix's
soft label.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from core.metrics import wilson
from store import outputs
from store.outputs import NewRollout
from store.tables import Output, Rollout
from store.text import digest


@dataclass(frozen=True, slots=True)
class Place:
    """A state of an output's search: ``common`` steps are the output's own, ``further`` ones are not."""

    output_id: int
    common: int
    further: tuple[str, ...] = ()

    @classmethod
    def of(cls, output_id: int, steps: Sequence[str], prefix: Sequence[str]) -> Place:
        """The state of ``prefix`` in the search of an output with these ``steps``."""
        common = 0
        while common < min(len(steps), len(prefix)) and steps[common] == prefix[common]:
            common += 1
        return cls(output_id, common, tuple(prefix[common:]))

    def key(self, sampler: str, number: int | str) -> str:
        """The effect key of a continuation; ``"%"`` in place of its number matches all."""
        where = f"{self.common}+{digest(*self.further, length=16)}" if self.further else str(self.common)
        return f"rollouts:{self.output_id}:{zlib.crc32(sampler.encode()):08x}:{where}:{number}"


@dataclass(frozen=True, slots=True)
class SoftLabel:
    """The prefix of ``prefix_steps`` steps: ``successes`` of ``n`` continuations end right. ``low`` and ``high`` are Wilson's 95 %."""

    prefix_steps: int
    n: int
    successes: int

    @property
    def mc(self) -> float:
        return self.successes / self.n

    @property
    def low(self) -> float:
        return wilson(self.successes, self.n)[0]

    @property
    def high(self) -> float:
        return wilson(self.successes, self.n)[1]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the search of an output: ``mc`` of its question, whether it was searched, and how many of its item's were."""

    mc: float
    wrong: bool
    searches: int


def kept(session: Session, place: Place, sampler: str) -> list[Rollout]:
    """Continuations of a state by one sampler, oldest first; of a whole question also the further answers that were drawn for it."""
    found = select(Rollout).where(Rollout.output_id == place.output_id, Rollout.sampler == sampler)
    key: ColumnElement[bool] = Rollout.effect_key.like(place.key(sampler, "%"))
    if place.common == 0 and not place.further:
        key = or_(key, Rollout.effect_key.like(f"output:{place.output_id}:sample:%"))
    return list(session.scalars(found.where(key).order_by(Rollout.id)))


def add(
    session: Session, output: Output, place: Place, sampler: str, texts: Sequence[tuple[int, str, str | None, bool]]
) -> int:
    """Keep continuations as (number, text, final answer, ends right); returns how many were new."""
    before = "\n".join(place.further)
    rows = [
        NewRollout(
            item_id=output.item_id,
            text=f"{before}\n{text}" if before else text,
            sampler=sampler,
            output_id=output.id,
            prefix_steps=place.common,
            answer=answer,
            outcome=right,
            seed=number,
            effect_key=place.key(sampler, number),
        )
        for number, text, answer, right in texts
    ]
    return outputs.add_rollouts(session, rows)


def compare(session: Session, rollout_id: int, right: bool) -> None:
    """Keep whether a further answer that nobody had compared ends right."""
    session.get_one(Rollout, rollout_id).outcome = right


def note_outcome(session: Session, output: Output, right: bool) -> None:
    """Keep that the output itself was compared, and searched."""
    key = f"rollouts:{output.id}:self"
    row = session.scalar(select(Rollout).where(Rollout.effect_key == key))
    if row is None:
        new = NewRollout(output.item_id, output.text, output.model, output.id, outcome=right, effect_key=key)
        outputs.add_rollouts(session, [new])
    else:
        row.outcome = right


def labels(session: Session, output_id: int) -> list[SoftLabel]:
    """The soft label of every prefix of the output that was looked at, by length; of the newest sampler where there were several."""
    query = select(Rollout).where(Rollout.output_id == output_id, Rollout.outcome.is_not(None)).order_by(Rollout.id)
    rows = [row for row in session.scalars(query) if _is_direct(row)]
    told: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        if row.sampler == rows[-1].sampler:
            told[row.prefix_steps].append(bool(row.outcome))
    return [SoftLabel(steps, len(said), sum(said)) for steps, said in sorted(told.items())]


def _is_direct(row: Rollout) -> bool:
    """Whether it goes on from the output's own prefix, and not from the middle of another continuation."""
    key = row.effect_key or ""
    return key.startswith(f"output:{row.output_id}:sample:") or (
        key.startswith(f"rollouts:{row.output_id}:") and "+" not in key and not key.endswith(":self")
    )


def found(session: Session, output_id: int) -> Found | None:
    """``None`` before the output was compared and searched."""
    own = session.scalar(select(Rollout).where(Rollout.effect_key == f"rollouts:{output_id}:self"))
    if own is None or own.outcome is None:
        return None
    root = [label for label in labels(session, output_id) if label.prefix_steps == 0]
    searched = session.scalars(
        select(Rollout.id).where(Rollout.item_id == own.item_id, Rollout.effect_key.like("rollouts:%:self"))
    ).all()
    return Found(root[0].mc if root else 0.0, not own.outcome, len(searched))
