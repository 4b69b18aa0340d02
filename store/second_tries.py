"""What second tries were worth: answers that a refiner led to, and people's own rewrites, against what they were made from.

Whether an attempt is right is known from its newest review, which goes by the final answer where the person judged that apart; where
neither is reviewed and the item has a reference, from a comparison with that, of which one bit comes out and the reference never does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.edits import change
from core.item_types import REGISTRY as ITEM_TYPES
from core.lessons.prompt import estimate_tokens
from core.reports.second_tries import SecondTry
from core.types import Verdict
from store.reviews.revisions import is_current
from store.tables import Correction, Item, Output, Project, Review, Risk
from store.vectors import withdrawn_corrections

LATEST = 300  # per refiner, of which the answers are compared
PEOPLE = "people's rewrites"  # beside the refiners: a person wrote the second answer


@dataclass(slots=True)
class Tally:
    """Second tries of one refiner. A pair counts where it is known of both attempts whether they are wrong."""

    refiner: str
    tried: int = 0
    wrong_before: int = 0
    fixed: int = 0
    right_before: int = 0
    broken: int = 0

    @property
    def pairs(self) -> int:
        return self.wrong_before + self.right_before

    @property
    def fix_rate(self) -> float | None:
        """Of the wrong answers, those that became right."""
        return self.fixed / self.wrong_before if self.wrong_before else None

    @property
    def break_rate(self) -> float | None:
        """Of the right answers, those that became wrong."""
        return self.broken / self.right_before if self.right_before else None


@dataclass(frozen=True, slots=True)
class _Said:
    """What people said of one output."""

    wrong: bool
    kind: str = ""
    seconds: float | None = None
    risk: float | None = None  # that its reader saw


def tallies(session: Session, project_id: int, refiners: Collection[str]) -> list[Tally]:
    """One per refiner that was used, by name; the rates are over its newest 300 tries."""
    found = [Tally(name, tried) for name, tried in used(session, project_id).items() if name in refiners]
    for tally in found:
        for one in _tries(session, project_id, tally.refiner, costs=False):
            tally.wrong_before += not one.first
            tally.right_before += one.first
            tally.fixed += one.second and not one.first
            tally.broken += one.first and not one.second
    return found


def used(session: Session, project_id: int) -> dict[str, int]:
    """How many second tries there are of each refiner, by name."""
    counted = (
        select(Output.refiner, func.count())
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, Output.refiner.is_not(None), Output.parent_id.is_not(None))
        .group_by(Output.refiner)
        .order_by(Output.refiner)
    )
    return {str(name): tried for name, tried in session.execute(counted)}


def tries(session: Session, project_id: int) -> list[SecondTry]:
    """The newest 300 of each refiner, and of people's rewrites, of which it is known of both answers whether they are right.

    Tokens are those that were kept with an answer, else estimated, as those of prompts always are. Seconds are those that a person
    spent on the first answer, where the second one came of what the person said.
    """
    found = [one for name in used(session, project_id) for one in _tries(session, project_id, name, costs=True)]
    return found + _rewrites(session, project_id)


def _tries(session: Session, project_id: int, refiner: str, *, costs: bool) -> list[SecondTry]:
    first, first_risk, risk = aliased(Output), aliased(Risk), aliased(Risk)
    columns = (Output.messages, Output.tokens, first.messages, first.tokens) if costs else ()
    query = (
        select(first.id, first.text, Output.id, Output.text, Item.id, Item.reference, Project.item_type)
        .add_columns(first_risk.value, risk.value, Output.correction_id, *columns)
        .join(first, first.id == Output.parent_id)
        .join(Item, Item.id == Output.item_id)
        .join(Project, Project.id == Item.project_id)
        .outerjoin(first_risk, first_risk.output_id == first.id)
        .outerjoin(risk, risk.output_id == Output.id)
        .where(Item.project_id == project_id, Output.refiner == refiner)
    )
    rows = session.execute(query.order_by(Output.id.desc()).limit(LATEST)).all()
    said = _said(session, [output_id for row in rows for output_id in (row[0], row[2])])
    found = []
    for row in rows:
        old_id, old, new_id, new, item_id, reference, item_type, old_risk, new_risk, correction = row[:10]
        before = said[old_id].wrong if old_id in said else _wrong(item_type, old, reference)
        after = said[new_id].wrong if new_id in said else _wrong(item_type, new, reference)
        if before is None or after is None:
            continue
        more: dict[str, Any] = {}
        if costs:
            more = {
                "draft": str(old_id),
                "change": change(old, new),
                "first_tokens": _tokens(row[12], old, row[13]),
                "tokens": _tokens(row[10], new, row[11]),
                "seconds": said[old_id].seconds if correction is not None and old_id in said else None,
                "failure": said[new_id].kind if new_id in said else "",
                "first_risk": _risk(said.get(old_id), old_risk),
                "second_risk": _risk(said.get(new_id), new_risk),
            }
        found.append(SecondTry(str(item_id), refiner, not before, not after, **more))
    return found


def _rewrites(session: Session, project_id: int) -> list[SecondTry]:
    """What people wrote instead, right where it agrees with the reference. It cost no tokens."""
    query = (
        select(Output.id, Output.text, Correction.rewrite, Item.id, Item.reference, Project.item_type)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(Project, Project.id == Item.project_id)
        .where(Item.project_id == project_id, Item.reference.is_not(None), Correction.rewrite.is_not(None))
        .where(is_current(Correction), Correction.id.not_in(withdrawn_corrections()))
    )
    rows = session.execute(query.order_by(Correction.id.desc()).limit(LATEST)).all()
    said = _said(session, [row[0] for row in rows])
    found = []
    for output_id, old, new, item_id, reference, item_type in rows:
        before = said[output_id].wrong if output_id in said else _wrong(item_type, old, reference)
        after = _wrong(item_type, new or "", reference)
        if before is None or after is None:
            continue
        seconds = said[output_id].seconds if output_id in said else None
        differs = change(old, new or "")
        made = SecondTry(str(item_id), PEOPLE, not before, not after, str(output_id), differs, calls=0, seconds=seconds)
        found.append(made)
    return found


def _said(session: Session, output_ids: Collection[int]) -> dict[int, _Said]:
    """Of those outputs that people judged, by the newest review."""
    judged = select(Review).where(
        Review.output_id.in_(output_ids), Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review)
    )
    found = {}
    for review in session.scalars(judged.order_by(Review.id)):
        wrong = review.verdict == Verdict.FAULTY if review.answer_right is None else not review.answer_right
        found[review.output_id] = _Said(wrong, review.error_type or "", review.seconds, _shown_risk(review.shown))
    return found


def _shown_risk(shown: Mapping[str, Any]) -> float | None:
    risk = shown.get("risk")
    value = risk.get("value") if isinstance(risk, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _risk(said: _Said | None, now: float | None) -> float | None:
    """The risk before the verdict, where one was shown: that of now may have learned from it."""
    return said.risk if said is not None and said.risk is not None else now


def _tokens(messages: Sequence[Any], text: str, tokens: Sequence[Any]) -> float | None:
    """Of prompt and answer; ``None`` where the prompt is not known, as of an imported answer."""
    if not messages:
        return None
    prompt = sum(estimate_tokens(str(message[-1])) for message in messages)
    return float(prompt + (len(tokens) or estimate_tokens(text)))


def _wrong(item_type: str, text: str, reference: str | None) -> bool | None:
    """One bit; ``None`` where there is nothing to compare with. A free text that differs from its reference may still be right."""
    if not reference or item_type == "text":
        return None
    spec = ITEM_TYPES.make(item_type)
    given = reference if item_type == "label" else f"Answer: {reference}"
    return not spec.same_answer(text, given)
