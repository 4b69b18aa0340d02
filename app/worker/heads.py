"""The step head that speaks in a project: the version in force that its people trained, else the one that comes with the product."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from core.critics.step_head import StepHeadCritic
from core.critics.step_head_retraining import Heads
from store import critic_models

LOG = structlog.get_logger("critics")
CRITIC = StepHeadCritic.name


def heads_of(session: Session, project_id: int) -> Heads:
    """A version that was trained on other features is passed over, with a warning in the log: it has to be trained again."""
    known = critic_models.current(session, project_id, CRITIC)
    if known is None:
        return Heads.start()
    try:
        return Heads.of_state(known.state)
    except ValueError as problem:
        LOG.warning("the bundled step head speaks", project=project_id, version=known.version, why=str(problem))
        return Heads.start()


def step_head(session: Session, project_id: int) -> StepHeadCritic:
    """The critic with the weights of the project."""
    return StepHeadCritic(heads_of(session, project_id).head)
