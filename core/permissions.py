"""Who may do what in which project: pure functions over a person's role, the restricted projects, and what was granted.

A project is open, where everyone who is signed in has their own role, or restricted to its members. A member is a person or a
team, with a role in that project: annotator, expert or lead. The highest of what a person holds counts, so that one more grant
never takes a right away. An admin may do all. Who holds nothing in a restricted project sees nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from core.types import Role

IN_PROJECT = (Role.ANNOTATOR, Role.EXPERT, Role.LEAD)  # what a member may be
_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Grant:
    """A member of a project: a person or a team (exactly one of them), and as what."""

    project_id: int
    role: Role
    user_id: int | None = None
    team_id: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What one person holds: their own role, which projects are restricted, and the highest grant in each project."""

    role: Role
    restricted: frozenset[int] = frozenset()
    granted: Mapping[int, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sight:
    """Which projects somebody sees: those in ``only`` (``None``: all) without those in ``never``."""

    only: frozenset[int] | None = None
    never: frozenset[int] = frozenset()

    @property
    def everything(self) -> bool:
        return self.only is None and not self.never

    def sees(self, project_id: int) -> bool:
        return project_id not in self.never and (self.only is None or project_id in self.only)


def includes(role: Role | None, wanted: Role) -> bool:
    """Whether ``role`` is ``wanted`` or one that includes it; ``None`` includes nothing."""
    return role is not None and _RANK[role] >= _RANK[wanted]


def standing(
    user_id: int, role: Role, teams: Collection[int], restricted: Iterable[int], grants: Iterable[Grant]
) -> Standing:
    """What a person of that role and those teams holds, given all restricted projects and any grants, theirs or not."""
    granted: dict[int, Role] = {}
    for grant in grants:
        theirs = grant.user_id == user_id if grant.team_id is None else grant.team_id in teams
        if theirs and not includes(granted.get(grant.project_id), grant.role):
            granted[grant.project_id] = grant.role
    return Standing(role, frozenset(restricted), granted)


def role_in(held: Standing, project_id: int) -> Role | None:
    """The role that counts in a project; ``None`` where the person sees nothing of it."""
    if held.role is Role.ADMIN:
        return Role.ADMIN
    granted = held.granted.get(project_id)
    if project_id in held.restricted:
        return granted
    return granted if includes(granted, held.role) else held.role


def may(held: Standing, wanted: Role, project_id: int | None = None) -> bool:
    """Whether the person may do what needs ``wanted``: in that project, or, without one, in the whole installation."""
    return includes(held.role if project_id is None else role_in(held, project_id), wanted)


def may_somewhere(held: Standing, wanted: Role) -> bool:
    """Whether there is, or could be, a project in which they may: by their own role, or by a grant."""
    return may(held, wanted) or any(includes(granted, wanted) for granted in held.granted.values())


def sight(held: Standing, wanted: Role = Role.ANNOTATOR) -> Sight:
    """The projects in which the person may do what needs ``wanted``."""
    if held.role is Role.ADMIN:
        return Sight()
    if includes(held.role, wanted):
        return Sight(never=frozenset(id_ for id_ in held.restricted if not may(held, wanted, id_)))
    return Sight(only=frozenset(id_ for id_, granted in held.granted.items() if includes(granted, wanted)))
