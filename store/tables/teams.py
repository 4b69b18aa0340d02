"""Teams, and who works in a project that is restricted or where somebody has more to say than elsewhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class Team(Keyed, Base):
    """A named group of people."""

    __tablename__ = "team"

    name: Mapped[str] = mapped_column(Text(80), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class TeamMember(Base):
    """A person in a team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)


class ProjectMember(Keyed, Base):
    """A person or a team in a project, with the role that they have there (``core.permissions``)."""

    __tablename__ = "project_member"
    __table_args__ = (
        UniqueConstraint("project_id", "user_id"),
        UniqueConstraint("project_id", "team_id"),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_of_both"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(Text(20))
    created_at: Mapped[datetime] = mapped_column(default=now)


class UserIdentity(Keyed, Base):
    """An account at a sign-in provider that belongs to a person: its issuer's address and the name it has there for good."""

    __tablename__ = "user_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(Text(300))
    subject: Mapped[str] = mapped_column(Text(255))
    created_at: Mapped[datetime] = mapped_column(default=now)
