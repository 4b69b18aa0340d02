"""What a program's token may do. A scope opens a part of the API; the role of the token's owner must allow that part as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from core.types import Role


class Scope(StrEnum):
    """``ADMIN`` includes every other one."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    ITEMS_READ = "items:read"
    ITEMS_WRITE = "items:write"
    OUTPUTS_READ = "outputs:read"
    OUTPUTS_WRITE = "outputs:write"
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    RULES_WRITE = "rules:write"
    LESSONS_READ = "lessons:read"
    LESSONS_WRITE = "lessons:write"
    EXPORTS_READ = "exports:read"
    EXPORTS_WRITE = "exports:write"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    REPORTS_READ = "reports:read"
    PEOPLE_WRITE = "people:write"
    WEBHOOKS_WRITE = "webhooks:write"
    AUDIT_READ = "audit:read"
    TOKENS = "tokens"
    GATEWAY = "gateway"
    ADMIN = "admin"


# As the pages have it: who may not see or do a thing there may not do it through a token of theirs either.
ROLE_FOR: Mapping[Scope, Role] = {
    Scope.PROJECTS_READ: Role.ANNOTATOR,
    Scope.PROJECTS_WRITE: Role.LEAD,
    Scope.ITEMS_READ: Role.LEAD,
    Scope.ITEMS_WRITE: Role.LEAD,
    Scope.OUTPUTS_READ: Role.EXPERT,  # risks and others' answers would bias who still has to judge them
    Scope.OUTPUTS_WRITE: Role.LEAD,
    Scope.REVIEWS_READ: Role.EXPERT,
    Scope.REVIEWS_WRITE: Role.ANNOTATOR,
    Scope.RULES_WRITE: Role.LEAD,
    Scope.LESSONS_READ: Role.ANNOTATOR,
    Scope.LESSONS_WRITE: Role.EXPERT,
    Scope.EXPORTS_READ: Role.LEAD,
    Scope.EXPORTS_WRITE: Role.LEAD,
    Scope.JOBS_READ: Role.LEAD,
    Scope.JOBS_WRITE: Role.LEAD,
    Scope.REPORTS_READ: Role.EXPERT,
    Scope.PEOPLE_WRITE: Role.ADMIN,
    Scope.WEBHOOKS_WRITE: Role.ADMIN,
    Scope.AUDIT_READ: Role.ADMIN,
    Scope.TOKENS: Role.ANNOTATOR,
    Scope.GATEWAY: Role.EXPERT,
    Scope.ADMIN: Role.ADMIN,
}


def opens(scopes: Iterable[str], wanted: Scope) -> bool:
    """Whether a token with these scopes may do what needs ``wanted``."""
    held = set(scopes)
    return wanted.value in held or Scope.ADMIN.value in held
