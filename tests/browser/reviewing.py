"""What the tests of the review page share: a site per module, a project per test, and looking into the database."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Database
from store.tables import Correction, Item, Output, Review
from tests.browser import seeding

_numbers = itertools.count(1)


def fresh_slug() -> str:
    """A project name that no other test of the module uses."""
    return f"p{next(_numbers)}"


def open_review(page: Page, slug: str, more: str = "") -> None:
    """Go to the review page of a project and wait until its first item can be worked on."""
    page.watch.expect("/heartbeat net::ERR_ABORTED")  # type: ignore[attr-defined]  # one that a later navigation cuts off
    page.goto(f"/app/review?project={slug}{more}")
    page.wait_for_selector("#rv-form")
    page.wait_for_function("window.Corrigenda?.review?.item?.keeper && document.querySelector('#rv-similar section')")


def _of_project(session: Session, table: Any, seeded: seeding.Seeded) -> Sequence[Any]:
    query = select(table).join(Output, Output.id == table.output_id).join(Item, Item.id == Output.item_id)
    return session.scalars(query.where(Item.project_id == seeded.project_id).order_by(table.id)).all()


def reviews(db: Database, seeded: seeding.Seeded) -> Sequence[Review]:
    with db.read() as session:
        return _of_project(session, Review, seeded)


def corrections(db: Database, seeded: seeding.Seeded) -> Sequence[Correction]:
    with db.read() as session:
        return _of_project(session, Correction, seeded)
