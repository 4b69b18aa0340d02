"""What is in force in a project, over the API: the risk threshold, and versions of the step critic, the risk and the gates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import choosing
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Page, Paging, State, Where
from app.api.problems import documented
from app.worker.heads import CRITIC
from core.projects import ProjectSettings
from core.scopes import Scope
from store import listing, lookups, projects
from store.tables import CriticModel, RiskModel

router = APIRouter(tags=["versions"])
Reader = Annotated[Caller, needs(Scope.REPORTS_READ)]
Writer = Annotated[Caller, needs(Scope.PROJECTS_WRITE)]


class Learned(StrEnum):
    """What learns from people and has versions."""

    CRITIC = "critic"
    RISK = "risk"
    RELEVANCE = "relevance-gate"
    SUFFICIENCY = "sufficiency-gate"


GATES = {Learned.RELEVANCE: lookups.GATE, Learned.SUFFICIENCY: lookups.SUFFICIENCY}


class VersionOut(BaseModel):
    """``figures`` are those by which it was judged; ``current``: it is in force."""

    id: int
    version: str
    current: bool
    figures: dict[str, Any]
    created_at: datetime


class Choice(Body):
    """An id of a version; null for what comes with the product, which the risk does not have."""

    version_id: Annotated[int, Field(ge=1, le=LARGEST)] | None


class Threshold(Body):
    """Answers below it need nobody where ``only_risky``."""

    value: Annotated[float, Field(ge=0, le=1)]
    only_risky: bool = False


class ThresholdOut(BaseModel):
    """``moved``: waiting answers that changed sides."""

    value: float
    only_risky: bool
    moved: int


@router.get("/projects/{project_id}/versions/{learned}", responses=documented(404))
def list_versions(project_id: Id, learned: Learned, state: State, caller: Reader, where: Paging) -> Page[VersionOut]:
    """The newest first. None that is current: what comes with the product is in force."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        return _versions(session, project_id, learned, where)


@router.put("/projects/{project_id}/versions/{learned}", responses=documented(404))
def use_version(project_id: Id, learned: Learned, choice: Choice, state: State, caller: Writer) -> Page[VersionOut]:
    """Put a version in force; answers as the list does, from its beginning."""
    caller.in_project(project_id)
    with state.db.write() as session:
        projects.get(session, project_id)
        if learned in GATES:
            choosing.use_gate(session, project_id, GATES[learned], choice.version_id, caller.person.id)
        elif learned is Learned.CRITIC:
            choosing.use_critic(session, project_id, choice.version_id, caller.person.id)
        elif choice.version_id is None:
            raise ValueError("name a version: no risk comes with the product")
        else:
            choosing.use_risk(session, project_id, choice.version_id, caller.person.id)
        return _versions(session, project_id, learned, Where(limit=50))


def _versions(session: Any, project_id: int, learned: Learned, where: Where) -> Page[VersionOut]:
    part = {"after": where.after, "limit": where.limit + 1}
    rows: Sequence[RiskModel | CriticModel]
    if learned is Learned.RISK:
        rows = listing.risk_versions(session, project_id, **part)
    else:
        name = CRITIC if learned is Learned.CRITIC else GATES[learned]
        rows = listing.critic_versions(session, project_id, name, **part)
    return Page[VersionOut](**where.page([_told(row) for row in rows], [row.id for row in rows]))


def _told(row: Any) -> VersionOut:
    return VersionOut.model_validate(row, from_attributes=True)


@router.get("/projects/{project_id}/threshold", responses=documented(404))
def get_threshold(project_id: Id, state: State, caller: Reader) -> ThresholdOut:
    caller.in_project(project_id)
    with state.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    return ThresholdOut(value=options.risk_threshold, only_risky=options.only_risky, moved=0)


@router.put("/projects/{project_id}/threshold", responses=documented(404))
def set_threshold(project_id: Id, wanted: Threshold, state: State, caller: Writer) -> ThresholdOut:
    """Put every waiting answer where it belongs now."""
    caller.in_project(project_id)
    with state.db.write() as session:
        moved = choosing.set_threshold(session, project_id, wanted.value, wanted.only_risky, caller.person.id)
    return ThresholdOut(value=wanted.value, only_risky=wanted.only_risky, moved=moved)
