"""A project whose steps were reviewed, with what critics said then, written straight into the tables so that many are quick."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from core import steps
from core.types import Critique, StepLabel
from store import items, judgements, outputs, projects, tables, users
from store.clock import now
from tests.core.critics.step_labels_made import labelled


def reviewed_steps(
    session: Session, *, n: int = 60, slug: str = "fruit", settings: dict[str, Any] | None = None
) -> tuple[int, list[int]]:
    """(project, outputs). Every answer was reviewed by cleo, every third by dana too, who is one step late in a third of those.

    ``arithmetic`` is right on clean answers and misses every second error; ``step_head`` names the first step of each fifth answer.
    A fifth of the reviews were blind; in the others people agree with ``step_head`` where it is wrong once in four times.
    """
    options = {"critics": ["arithmetic", "step_head"], **(settings or {})}
    project = projects.create(session, slug=slug, name=f"Project {slug}", item_type="reasoning", settings=options)
    cleo, dana = (users.create(session, f"{name}-{slug}", "annotator").id for name in ("cleo", "dana"))
    made = []
    for k, label in enumerate(labelled(n)):
        (item_id,) = items.add_many(session, project.id, [items.NewItem(f"basket {k}", label.problem)]).ids
        text = "\n".join(label.steps)
        model = "small-model" if k % 3 else "large-model"
        output = outputs.add(session, outputs.NewOutput(item_id, text, model, steps=steps.split(text)))
        made.append(output.id)
        early = k % 5 == 0
        said = [["arithmetic", 0, 1]]
        if label.first_error >= 0 and k % 4 == 1:
            said.append(["arithmetic", label.first_error, -1])
        said.append(["step_head", 0, -1 if early else 1])
        kept = {(source, step): value for source, step, value in said}
        shown = [[source, step, value] for (source, step), value in kept.items()]
        judgements.save(
            session,
            output.id,
            critiques=[
                Critique(
                    step, source, StepLabel(value), f"{source} says so.", 0.9, "wrong_operator" if value < 0 else None
                )
                for source, step, value in shown
            ],
        )
        first = 0 if early and k % 20 == 0 else label.first_error
        _review(session, output.id, cleo, first, shown, days=k % 20, blind=k % 5 == 3)
        if k % 3 == 0:
            late = first + 1 if first == 0 else first
            _review(session, output.id, dana, late, shown, days=k % 20, blind=False)
    return project.id, made


def _review(
    session: Session, output_id: int, user_id: int, first: int, shown: list[list[Any]], *, days: int, blind: bool
) -> None:
    session.add(
        tables.Review(
            output_id=output_id,
            user_id=user_id,
            verdict="acceptable" if first < 0 else "faulty",
            first_wrong_step=None if first < 0 else first,
            error_type="calculation_error" if first == 1 else None,
            shown={"critiques": shown},
            blind=blind,
            created_at=now() - timedelta(days=days),
        )
    )
    session.flush()
